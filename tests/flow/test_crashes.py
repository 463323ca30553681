"""Killed at any point, cut at any byte, left without the reply: one video, one post, identical bytes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.flow.stage import PATIENCE, UNDER_WAY, Stage, sha256, standing, wait_for
from tests.media import clips
from tests.proxy import BLOCK

MIB = 1 << 20
SIZE = 8 * MIB
OVERHEAD = MIB
"""Bytes to the server that are not the file: requests, headers."""
CHUNK = 64 * MIB

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with standing(tmp_path_factory.mktemp("stage")) as built:
        yield built


@pytest.fixture
def clip(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return clips.heavy(tmp_path / f"{request.node.name}.mp4", mebibytes=SIZE / MIB, seconds=2)


class Act:
    """One file on its way from the first start to the post, with a disturbance in between."""

    def __init__(self, stage: Stage, clip: Path) -> None:
        self.stage = stage
        self.clip = clip
        self.text = f"About {clip.name}"
        self.before = stage.proxy.up

    def begin(self) -> None:
        """Add the file and let it go."""
        self.stage.client.start(self.clip, text=self.text)

    def hold_at(self, share: float) -> None:
        """Have the line stall once this share of the file has passed."""
        self.stage.proxy.hold(up=int(share * SIZE))

    def after_bytes(self, share: float) -> None:
        """Wait until this share of the file has passed the proxy."""
        self.stage.proxy.wait_for(lambda: self.stage.proxy.up - self.before >= int(share * SIZE), timeout=PATIENCE)

    def after_swallowing(self) -> None:
        """Wait until the reply that was to be lost is lost."""
        before = self.swallowed
        self.stage.proxy.wait_for(lambda: self.stage.proxy.swallowed > before, timeout=PATIENCE)

    def lose(self, method: str, path: str) -> None:
        """Have the next reply to such a request lost."""
        self.swallowed = self.stage.proxy.swallowed
        self.stage.proxy.swallow(method, path=path)

    def until(self, **wanted: object) -> None:
        """Wait until the client has said so."""
        wait_for(lambda: self.stage.client.said(**wanted), what=str(wanted))

    def is_entrusted(self) -> bool:
        """Whether the server posts it by itself, or it was so quick that it has been posted."""
        told = [fact for fact in list(self.stage.client.facts) if fact["title"] == self.clip.stem]
        return any(fact["entrusted"] or fact["step"] == "done" for fact in told)

    def check(self) -> None:
        """One video, one post, identical bytes, at most one chunk sent twice."""
        server = self.stage.server
        (video,) = [video for video in server.videos() if video["filename"] == self.clip.name]
        assert video["status"] == "ready"
        assert sha256(server.original(video)) == sha256(self.clip)
        (post,) = [post for post in server.posts() if post["content"] == self.text]
        assert post["video_id"] == video["id"]
        assert self.stage.proxy.up - self.before <= SIZE + min(CHUNK, SIZE) + OVERHEAD


def asking_for_the_address(act: Act) -> None:
    before = act.stage.proxy.held_back
    act.stage.proxy.hold_back("POST", "/api/videos/upload-url")
    act.begin()
    act.stage.proxy.wait_for(lambda: act.stage.proxy.held_back > before, timeout=PATIENCE)


def the_reply_with_the_address_lost(act: Act) -> None:
    act.lose("POST", "/api/videos/upload-url")
    act.begin()
    act.after_swallowing()


def asking_how_far_it_is(act: Act) -> None:
    act.lose("HEAD", "/files/")
    act.begin()
    act.after_swallowing()


def at_bytes(share: float) -> Callable[[Act], None]:
    def disturb(act: Act) -> None:
        act.hold_at(share)
        act.begin()
        act.after_bytes(share)

    return disturb


def the_last_reply_lost(act: Act) -> None:
    act.lose("PATCH", "/files/")
    act.begin()
    act.after_swallowing()


def processing(act: Act) -> None:
    act.begin()
    act.until(step="process", status="running")


def handing_over(act: Act) -> None:
    before = act.stage.proxy.held_back
    act.stage.proxy.hold_back("POST", "/api/posts")
    act.begin()
    act.stage.proxy.wait_for(lambda: act.stage.proxy.held_back > before, timeout=PATIENCE)


def handed_over(act: Act) -> None:
    act.begin()
    wait_for(act.is_entrusted, what="the server's word that it posts")


def the_reply_to_the_post_lost(act: Act) -> None:
    act.lose("POST", "/api/posts")
    act.begin()
    act.after_swallowing()


POINTS = {
    "asking for the address": asking_for_the_address,
    "the reply with the address lost": the_reply_with_the_address_lost,
    "asking how far it is": asking_how_far_it_is,
    "at 1 percent": at_bytes(0.01),
    "at 50 percent": at_bytes(0.5),
    "at 99 percent": at_bytes(0.99),
    "the last reply lost": the_last_reply_lost,
    "processing": processing,
    "handing over": handing_over,
    "handed over": handed_over,
    "the reply to the post lost": the_reply_to_the_post_lost,
}


@pytest.mark.parametrize("point", POINTS)
def test_the_client_may_be_killed(point: str, stage: Stage, clip: Path):
    act = Act(stage, clip)
    POINTS[point](act)
    stage.client.kill()
    stage.proxy.flow()
    stage.client.start()
    assert stage.client.wait() == 0, stage.client.facts[-1]
    act.check()


def test_the_lid_may_be_closed_once_the_server_has_it(stage: Stage, clip: Path):
    act = Act(stage, clip)
    handed_over(act)
    stage.client.kill()
    wait_for(lambda: any(post["content"] == act.text for post in stage.server.posts()), what="the server to post it")
    stage.client.start()
    assert stage.client.wait() == 0, stage.client.facts[-1]
    act.check()


@pytest.mark.parametrize(
    "point", ["at 50 percent", "the last reply lost", "processing", "handed over", "the reply with the address lost"]
)
def test_the_server_may_be_killed(point: str, stage: Stage, clip: Path):
    act = Act(stage, clip)
    POINTS[point](act)
    stage.server.kill()
    stage.proxy.flow()
    stage.server.start()
    assert stage.client.wait() == 0, stage.client.facts[-1]
    act.check()


@pytest.mark.parametrize("lost", [("PATCH", "/files/"), ("POST", "/api/posts"), ("POST", "/api/videos/upload-url")])
def test_a_lost_reply_doubles_nothing(lost: tuple[str, str], stage: Stage, clip: Path):
    act = Act(stage, clip)
    act.lose(*lost)
    act.begin()
    assert stage.client.wait() == 0, stage.client.facts[-1]
    assert stage.proxy.swallowed > act.swallowed
    act.check()


def test_a_line_cut_in_mid_chunk_goes_on_where_the_server_stands(stage: Stage, clip: Path):
    act = Act(stage, clip)
    cuts = stage.proxy.cuts
    act.hold_at(0.5)
    until_kept = stage.all_kept(clip.name)
    act.begin()
    act.after_bytes(0.5)
    until_kept()
    stage.proxy.cut(up=BLOCK)
    stage.proxy.flow()
    assert stage.client.wait() == 0, stage.client.facts[-1]
    assert stage.proxy.cuts == cuts + 1
    act.check()
    assert stage.proxy.up - act.before <= SIZE + UNDER_WAY + OVERHEAD, "the server kept what came; it is not sent again"


def test_a_network_that_goes_away_is_waited_for(stage: Stage, clip: Path):
    act = Act(stage, clip)
    act.hold_at(0.3)
    act.begin()
    act.after_bytes(0.3)
    stage.proxy.go_away()
    wait_for(
        lambda: any(fact["trouble"] and fact["trouble"]["code"] == "offline" for fact in list(stage.client.facts)),
        what="the words about the network",
    )
    stage.proxy.flow()
    stage.proxy.come_back()
    assert stage.client.wait() == 0, stage.client.facts[-1]
    act.check()

"""The engine as a whole, over real HTTP: from sign-in to post, offline and back, and exactly one post."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.browser import Browser
from tests.engine.served import served
from tests.fakes.backend import FakeBackend
from tests.media import clips
from tests.proxy import Proxy
from uploader.engine.commands import Commands
from uploader.engine.engine import Engine
from uploader.engine.facts import Account, AccountState, Changed, Fact, Network
from uploader.engine.job import Draft, Job, Status, Step
from uploader.engine.session import MemoryVault
from uploader.errors import KeyringAbsent, KeyringLocked, KeyringTrouble, NotSignedOut, Refused, SignInNeeded
from uploader.paths import Paths

pytestmark = pytest.mark.anyio
READY_TO_POST = Draft("Hello", approved=True)


class StubbornVault(MemoryVault):
    """A password safe that does not open while `trouble` is set."""

    trouble: KeyringTrouble | None = None

    async def load(self, server: str) -> str | None:
        if self.trouble is not None:
            raise self.trouble
        return await super().load(server)

    async def save(self, server: str, token: str) -> None:
        if self.trouble is not None:
            raise self.trouble
        await super().save(server, token)


class Scene:
    """One person's computer, and a server behind a line that can be disturbed."""

    def __init__(self, folder: Path, backend: FakeBackend, line: Proxy) -> None:
        self.paths = Paths.under(folder)
        self.backend = backend
        self.line = line
        self.vault = StubbornVault()
        self.facts: list[Fact] = []
        self.browsing = ThreadPoolExecutor(1, "browser")
        self._told = asyncio.Event()

    def open_in_browser(self, url: str) -> None:
        """A person who signs in at once, in another thread as a browser would."""

        def visit() -> None:
            with closing(Browser()) as browser:
                browser.open(url)

        self.browsing.submit(visit)

    def sign_in(self) -> None:
        """As after a sign-in of an earlier start."""
        self.vault.tokens[self.line.url] = str(self.backend.oauth.issue()["refresh_token"])

    @asynccontextmanager
    async def engine(self, *, run: bool = True) -> AsyncIterator[Engine]:
        async with Engine.open(
            paths=self.paths, server=self.line.url, vault=self.vault, emit=self._tell, run=run
        ) as engine:
            yield engine

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await self._told.wait()

    async def account(self, state: AccountState) -> Account:
        """Wait for this state of the account."""
        await self.until(lambda: any(isinstance(fact, Account) and fact.state is state for fact in self.facts))
        return next(fact for fact in reversed(self.facts) if isinstance(fact, Account))

    def job(self) -> Job:
        return next(fact.job for fact in reversed(self.facts) if isinstance(fact, Changed))

    def _tell(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._told.set()
        self._told = asyncio.Event()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    backend = FakeBackend()
    with served(backend) as port, Proxy(port) as line:
        scene = Scene(tmp_path, backend, line)
        with scene.browsing:
            yield scene


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = clips.heavy(tmp_path / "Ferien #1 – Küste.mp4", mebibytes=2)
    os.utime(path, (1_000_000_000, 1_000_000_000))  # nobody is writing it any more
    return path


async def test_from_sign_in_to_post(scene: Scene, clip: Path) -> None:
    async with scene.engine() as engine:
        await scene.account(AccountState.SIGNED_OUT)
        jobs, refusals = await engine.queue.add([clip], READY_TO_POST)
        assert refusals == []
        await scene.until(lambda: scene.job().trouble is not None)
        assert scene.job().trouble.code == "sign_in_needed"  # type: ignore[union-attr]  # just waited for
        await engine.account.sign_in(scene.open_in_browser)
        account = engine.account.fact
        assert account.state is AccountState.SIGNED_IN
        assert account.me is not None
        assert account.me.username == "ann"
        assert [community.id for community in account.communities] == ["films"]
        assert account.config is not None
        await engine.queue.ended([jobs[0].id])
        done = engine.queue.jobs[0]
    assert done.status is Status.FINISHED
    assert bytes(scene.backend.videos["video-1"].held) == clip.read_bytes()
    assert [post["content"] for post in scene.backend.posts] == ["Hello"]
    assert done.duration is not None
    assert (done.width, done.height) == (640, 360)
    assert done.thumbnail is not None
    assert done.thumbnail.read_bytes().startswith(b"\xff\xd8")
    assert scene.vault.tokens


async def test_a_lost_reply_to_the_post_publishes_once(scene: Scene, clip: Path) -> None:
    scene.sign_in()
    scene.line.swallow("POST", path="/api/posts")
    async with scene.engine() as engine:
        await engine.queue.add([clip], READY_TO_POST)
        await engine.queue.idle()
        assert engine.queue.jobs[0].status is Status.FINISHED
    assert scene.line.swallowed == 1
    assert scene.backend.asked("POST /api/posts") == 2
    assert len(scene.backend.posts) == 1


async def test_a_lost_reply_to_the_ticket_makes_one_video(scene: Scene, clip: Path) -> None:
    scene.sign_in()
    scene.line.swallow("POST", path="/api/videos/upload-url")
    async with scene.engine() as engine:
        await engine.queue.add([clip], READY_TO_POST)
        await engine.queue.idle()
        assert engine.queue.jobs[0].status is Status.FINISHED
    assert list(scene.backend.videos) == ["video-1"]


async def test_a_restart_between_a_post_and_its_reply_publishes_once(scene: Scene, clip: Path) -> None:
    scene.sign_in()
    scene.line.swallow("POST", path="/api/posts")
    async with scene.engine() as engine:
        await engine.queue.add([clip], READY_TO_POST)
        await scene.until(lambda: scene.job().step is Step.POST and scene.job().trouble is not None)
    async with scene.engine() as engine:
        assert engine.queue.jobs[0].sealed
        await engine.queue.idle()
        assert engine.queue.jobs[0].status is Status.FINISHED
    assert len(scene.backend.posts) == 1


async def test_a_refused_post_is_edited_and_published_with_the_same_key(scene: Scene, clip: Path) -> None:
    scene.sign_in()
    async with scene.engine() as engine:
        jobs, _ = await engine.queue.add([clip], Draft("Hello", "gone", approved=True))
        await engine.queue.ended([jobs[0].id])
        trouble = engine.queue.jobs[0].trouble
        assert trouble is not None
        assert trouble.code == "post_refused"
        engine.queue.write(jobs[0].id, community_id="films", text="Hello films")
        engine.queue.retry(jobs[0].id)
        await engine.queue.ended([jobs[0].id])
        assert engine.queue.jobs[0].status is Status.FINISHED
    assert [(post["content"], post["communityId"]) for post in scene.backend.posts] == [("Hello films", "films")]


async def test_offline_and_back_by_itself(scene: Scene, clip: Path) -> None:
    scene.sign_in()
    async with scene.engine() as engine:
        await scene.account(AccountState.SIGNED_IN)
        scene.line.go_away()
        await engine.queue.add([clip], READY_TO_POST)
        await scene.until(lambda: Network(online=False, rate=0) in scene.facts)
        await scene.until(lambda: scene.job().trouble is not None)
        trouble = scene.job().trouble
        assert trouble is not None
        assert trouble.code == "offline"
        assert trouble.retry_at is not None
        scene.line.come_back()
        engine.network_changed()
        await engine.queue.idle()
        assert engine.queue.jobs[0].status is Status.FINISHED
        assert engine.network.fact.online


async def test_a_cut_in_the_middle_goes_on_from_there(scene: Scene, clip: Path) -> None:
    scene.sign_in()
    scene.line.cut(up=1_200_000)
    async with scene.engine() as engine:
        await engine.queue.add([clip], READY_TO_POST)
        await engine.queue.idle()
        assert engine.queue.jobs[0].status is Status.FINISHED
    assert bytes(scene.backend.videos["video-1"].held) == clip.read_bytes()
    assert scene.line.up < clip.stat().st_size + 600_000


async def test_a_dead_sign_in_does_not_stop_the_bytes_and_nothing_is_lost(scene: Scene, clip: Path) -> None:
    scene.sign_in()
    scene.line.hold(up=1_000_000)
    async with scene.engine() as engine:
        await engine.queue.add([clip], READY_TO_POST)
        await asyncio.to_thread(scene.line.wait_for, lambda: scene.line.up >= 1_000_000)
        scene.backend.oauth.access.clear()
        scene.backend.oauth.refresh = "somebody else's"
        scene.line.flow()
        account = await scene.account(AccountState.SIGN_IN_NEEDED)
        assert account.trouble is not None
        await scene.until(lambda: scene.job().trouble is not None)
        waiting = scene.job()
        assert waiting.step is Step.PROCESS
        assert waiting.trouble is not None
        assert waiting.trouble.code == "sign_in_needed"
        assert waiting.confirmed == waiting.size
        await engine.account.sign_in(scene.open_in_browser)
        await engine.queue.idle()
        assert engine.queue.jobs[0].status is Status.FINISHED
    assert len(scene.backend.videos) == len(scene.backend.posts) == 1


async def test_an_expired_token_is_renewed_without_anybody_noticing(scene: Scene, clip: Path) -> None:
    scene.sign_in()
    scene.backend.ready = False
    async with scene.engine() as engine:
        await engine.queue.add([clip], READY_TO_POST)
        await scene.until(lambda: scene.job().step is Step.PROCESS)
        scene.backend.oauth.access.clear()
        scene.backend.ready = True
        await engine.queue.idle()
        assert engine.queue.jobs[0].status is Status.FINISHED
    assert all(fact.state is not AccountState.SIGN_IN_NEEDED for fact in scene.facts if isinstance(fact, Account))


@pytest.mark.parametrize(
    ("trouble", "state"),
    [(KeyringLocked(), AccountState.KEYRING_LOCKED), (KeyringAbsent(), AccountState.KEYRING_ABSENT)],
)
async def test_a_password_safe_that_does_not_open_signs_nobody_out(
    scene: Scene, trouble: KeyringTrouble, state: AccountState
) -> None:
    scene.sign_in()
    scene.vault.trouble = trouble
    async with scene.engine() as engine:
        account = await scene.account(state)
        assert account.trouble is not None
        assert account.trouble.code == trouble.code
        await scene.until(lambda: engine.account.fact.config is not None)
        scene.vault.trouble = None
        await engine.account.refresh()
        assert engine.account.fact.state is AccountState.SIGNED_IN
        assert engine.account.fact.trouble is None
        assert engine.account.fact.me is not None


async def test_a_sign_in_that_cannot_be_kept_works_until_the_end_and_says_so(scene: Scene) -> None:
    scene.vault.trouble = KeyringAbsent()
    async with scene.engine() as engine:
        await engine.account.sign_in(scene.open_in_browser)
        assert engine.account.fact.state is AccountState.SIGNED_IN
        assert engine.account.fact.me is not None
        assert engine.account.fact.trouble is not None
        assert engine.account.fact.trouble.code == "keyring_absent"
        await engine.account.refresh()
        assert engine.account.fact.state is AccountState.SIGNED_IN


async def test_sign_out_forgets_and_says_so(scene: Scene) -> None:
    scene.sign_in()
    async with scene.engine() as engine:
        await scene.account(AccountState.SIGNED_IN)
        await engine.account.sign_out()
        assert engine.account.fact.state is AccountState.SIGNED_OUT
        assert engine.account.fact.me is None
    assert scene.vault.tokens == {}


async def test_sign_out_everywhere_forgets_only_when_the_server_has_done_it(scene: Scene) -> None:
    scene.sign_in()
    async with scene.engine() as engine:
        await scene.account(AccountState.SIGNED_IN)
        with pytest.raises(Refused, match="404") as refused:
            await engine.account.sign_out_everywhere()
        assert refused.value.title == "This server cannot sign you out everywhere"
        scene.line.go_away()
        with pytest.raises(NotSignedOut):
            await engine.account.sign_out_everywhere()
        assert scene.vault.tokens
        scene.line.come_back()
        scene.backend.ends_sign_ins = True
        await engine.account.sign_out_everywhere()
        await scene.account(AccountState.SIGNED_OUT)
    assert scene.vault.tokens == {}


async def test_the_account_is_asked_for_again_when_the_server_is_back(scene: Scene) -> None:
    scene.sign_in()
    scene.line.go_away()
    async with scene.engine() as engine:
        await scene.until(lambda: engine.account.fact.trouble is not None)
        assert engine.account.fact.state is AccountState.SIGNED_IN
        assert engine.account.fact.me is None
        scene.line.come_back()
        engine.network_changed()
        await scene.until(lambda: engine.account.fact.me is not None)
        assert engine.account.fact.trouble is None


async def test_without_run_nothing_moves(scene: Scene, clip: Path) -> None:
    async with scene.engine(run=False) as engine:
        await engine.queue.add([clip], READY_TO_POST)
        await engine.queue.idle()
    async with scene.engine(run=False) as engine:
        assert [job.status for job in engine.queue.jobs] == [Status.WAITING]
    assert scene.backend.requests == []


async def test_who_waits_is_told_when_nothing_but_a_sign_in_helps(scene: Scene, clip: Path) -> None:
    scene.sign_in()
    scene.backend.oauth.metadata = {"issuer": "https://elsewhere.example"}
    async with scene.engine() as engine:
        await engine.queue.add([clip])
        with pytest.raises(SignInNeeded, match="sign_in_failed"):
            async for _ in Commands(engine).answer({"do": "wait"}):
                pass


async def test_a_picture_that_belongs_to_no_job_is_deleted_at_the_next_start(scene: Scene, clip: Path) -> None:
    async with scene.engine(run=False) as engine:
        (job,), _ = await engine.queue.add([clip])
    kept, nobodys = (scene.paths.thumbnails / f"{name}.jpg" for name in (job.id, "0" * 32))
    for picture in (kept, nobodys):
        picture.write_bytes(b"JPEG")
    async with scene.engine(run=False):
        assert (kept.exists(), nobodys.exists()) == (True, False)


@pytest.mark.loud
async def test_a_damaged_queue_is_told_in_a_note(scene: Scene) -> None:
    scene.paths.make()
    scene.paths.queue.write_bytes(b"nonsense" * 1000)
    async with scene.engine(run=False) as engine:
        assert [note.code for note in engine.notes] == ["queue_damaged"]

"""The program is killed at random moments: one video, one post, identical bytes.

`make torture` does it a hundred times. TORTURE is how often, SEED where chance begins: the same one gives the same
moments.
"""

import os
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.flow.stage import UNDER_WAY, Stage, sha256, standing, wait_for
from tests.media import clips

MIB = 1 << 20
SIZE = 4 * MIB
TIMES = int(os.environ.get("TORTURE", "2"))
SEED = int(os.environ.get("SEED", "2026"))
EXCHANGES = 24 * 1024
"""Bytes of requests around the file, before and after it: a kill may hit any of them."""
NEVER = 1 << 60
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with standing(tmp_path_factory.mktemp("stage")) as built:
        yield built


def moments(number: int) -> list[int]:
    """Bytes towards the server after which the client is killed, one kill after the other; half of them near an end."""
    chance = random.Random(SEED * 1000 + number)  # noqa: S311  (repeatable)
    ends = [chance.randrange(EXCHANGES), SIZE + chance.randrange(EXCHANGES)]
    return [chance.choice([chance.randrange(SIZE), chance.choice(ends)]) for _ in range(chance.randint(1, 3))]


def held(stage: Stage) -> bool:
    """Whether the moment has come, or cannot come any more: the client has done everything."""
    process = stage.client.process
    return not stage.proxy.flowing or process is None or process.poll() is not None


@pytest.mark.parametrize("number", range(TIMES))
def test_killed_at_random_moments(number: int, stage: Stage, tmp_path: Path) -> None:
    clip = clips.heavy(tmp_path / f"torture-{SEED}-{number}.mp4", mebibytes=SIZE / MIB)
    os.utime(clip, (1_000_000_000, 1_000_000_000))
    proxy, client, text = stage.proxy, stage.client, f"Torture {SEED} {number}"
    before, queued, files = proxy.bodies["PATCH"], client.queued(), [clip]
    for moment in moments(number):
        proxy.hold(up=moment)
        until_kept = stage.all_kept(clip.name)
        client.start(*files, text=text)
        wait_for(partial(held, stage), what=f"byte {moment}")
        client.kill()
        until_kept()
        proxy.hold(up=NEVER)
        proxy.reset()  # what was under way is lost
        proxy.flow()
        files = files if client.queued() == queued else []  # killed before it had taken the file: it is added again
    client.start(*files, text=text)
    assert client.wait() == 0, client.facts[-1]
    (video,) = [video for video in stage.server.videos() if video["filename"] == clip.name]
    assert sha256(stage.server.original(video)) == sha256(clip)
    assert [post["video_id"] for post in stage.server.posts() if post["content"] == text] == [video["id"]]
    again = proxy.bodies["PATCH"] - before - SIZE
    print(f"{'killed at ' + str(moments(number)):<48} sent twice: {again:>9,} bytes")  # noqa: T201
    assert again <= len(moments(number)) * UNDER_WAY

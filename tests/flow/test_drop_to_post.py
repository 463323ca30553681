"""From drop to post: the real engine, a real server in another process, real clips; nothing in between but a proxy."""

from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from tests.flow.stage import Stage, sha256, standing
from tests.media import clips

NAMES = {"h264": "harbour.mp4", "vp9": "interview.webm", "odd name": "Köln #3 – «naïve» 船.mp4"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with standing(tmp_path_factory.mktemp("stage")) as built:
        yield built


@pytest.mark.parametrize("kind", NAMES)
def test_a_dropped_video_becomes_one_post_that_plays(kind: str, stage: Stage, tmp_path: Path):
    path = tmp_path / NAMES[kind]
    (clips.vp9 if kind == "vp9" else clips.h264)(path)
    stage.client.start(path, text=f"About {path.name}")
    assert stage.client.wait() == 0, stage.client.facts[-1]

    (video,) = [video for video in stage.server.videos() if video["filename"] == path.name]
    assert video["status"] == "ready"
    assert sha256(stage.server.original(video)) == sha256(path)
    (post,) = [post for post in stage.server.posts() if post["video_id"] == video["id"]]
    assert post["content"] == f"About {path.name}"

    playlist = stage.server.folder / "media" / video["id"] / "index.m3u8"
    with av.open(str(playlist), options={"allowed_extensions": "ALL"}) as played:
        frames = sum(1 for _ in played.decode(video=0))
    assert frames >= 55

    steps = list(dict.fromkeys(fact["step"] for fact in stage.client.facts if fact["video"] == video["id"]))
    assert steps[-1] == "done"
    assert steps == sorted(steps, key=["prepare", "transfer", "process", "post", "done"].index)

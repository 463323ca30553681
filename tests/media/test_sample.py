from pathlib import Path

import pytest

from uploader.media import probe
from uploader.media.sample import sample


def test_the_sample_is_a_video_with_sound_that_we_can_read(tmp_path: Path):
    found = probe(sample(tmp_path / "Sample.mp4", seconds=2))
    assert (found.width, found.height, found.video_codec, found.audio_codec) == (1280, 720, "h264", "aac")
    assert found.duration == pytest.approx(2, abs=0.1)

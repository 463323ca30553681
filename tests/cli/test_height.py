import pytest
import typer

from uploader.cli.height import awaited, height


@pytest.mark.parametrize(("words", "meant"), [("720", 720), ("1080p", 1080), (" 2160P ", 2160), ("Any", None)])
def test_a_height_is_understood_as_it_is_typed(words: str, meant: int | None):
    assert height(words) == meant


@pytest.mark.parametrize("words", ["", "p", "tall", "0", "-720", "721", "720.0", "4k"])
def test_what_no_video_is_made_in_is_refused_with_what_there_is(words: str):
    with pytest.raises(typer.BadParameter, match="360, 480, 720, 1080, 1440, 2160 or any"):
        awaited(words)


def test_what_was_not_said_changes_nothing():
    assert awaited(None) == {}

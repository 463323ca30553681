import pytest
import typer

from uploader.cli.height import awaited, height


@pytest.mark.parametrize(("words", "meant"), [("720", 720), ("1080p", 1080), (" 2160P ", 2160), ("Any", None)])
def test_a_height_is_understood_as_it_is_typed(words: str, meant: int | None):
    assert height(words) == meant


@pytest.mark.parametrize("words", ["", "p", "tall", "0", "-720", "8641", "720.0", "4k", "٧٢٠"])
def test_what_is_no_height_is_refused_with_what_would_be_one(words: str):
    with pytest.raises(typer.BadParameter, match="pixels such as 720 or 1080, or any"):
        awaited(words)


def test_what_was_not_said_changes_nothing():
    assert awaited(None) == {}

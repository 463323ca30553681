"""The palettes keep the contrast that the design promises."""

from dataclasses import fields

import pytest

from uploader.desktop import tokens
from uploader.desktop.row_delegate import mixed
from uploader.desktop.stylesheet import stylesheet
from uploader.desktop.theme import palette
from uploader.desktop.tokens import Colours, contrast

PALETTES = {
    "light": tokens.LIGHT,
    "dark": tokens.DARK,
    "light, more contrast": tokens.contrasted(tokens.LIGHT),
    "dark, more contrast": tokens.contrasted(tokens.DARK),
}


@pytest.fixture(params=PALETTES, ids=str)
def colours(request: pytest.FixtureRequest) -> Colours:
    return PALETTES[request.param]


@pytest.mark.parametrize("ground", ["window", "surface", "hover"])
@pytest.mark.parametrize("ink", ["text", "secondary", "warn", "bad"])
def test_text_can_be_read_on_every_ground(colours: Colours, ink: str, ground: str):
    assert contrast(getattr(colours, ink), getattr(colours, ground)) >= 4.5


@pytest.mark.parametrize("ground", ["window", "surface"])
@pytest.mark.parametrize("line", ["accent", "edge", "good", "warn", "bad"])
def test_lines_and_dots_that_mean_something_can_be_seen(colours: Colours, line: str, ground: str):
    assert contrast(getattr(colours, line), getattr(colours, ground)) >= 3


def test_the_words_on_buttons_can_be_read(colours: Colours):
    assert contrast(colours.on_accent, colours.accent) >= 4.5
    assert contrast(colours.on_accent, colours.pressed) >= 4.5


def test_a_chosen_row_can_still_be_read(colours: Colours):
    ground = mixed(colours.surface, colours.accent, 0.10).name()
    for ink in (colours.text, colours.secondary, colours.warn, colours.bad):
        assert contrast(ink, ground) >= 4.5


def test_a_toast_can_be_read(colours: Colours):
    assert contrast(colours.surface, colours.text) >= 4.5


def test_more_contrast_means_more_contrast():
    for plain in (tokens.LIGHT, tokens.DARK):
        stark = tokens.contrasted(plain)
        assert contrast(stark.secondary, stark.surface) > contrast(plain.secondary, plain.surface)
        assert contrast(stark.line, stark.surface) >= 4.5


def test_contrast_is_measured_as_the_guidelines_do():
    assert contrast("#FFFFFF", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


def test_stylesheet_and_palette_hold_no_colour_of_their_own(colours: Colours):
    own = {str(getattr(colours, field.name)).upper() for field in fields(colours)}
    words = stylesheet(colours).replace(";", " ").replace("{", " ").split()
    assert {word.upper() for word in words if word.startswith("#") and len(word) == 7} <= own
    assert palette(colours).window().color().name().upper() == colours.window.upper()

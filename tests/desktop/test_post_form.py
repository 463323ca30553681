"""The composer keeps what is typed, whatever the engine says meanwhile."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtTest import QSignalSpy
from pytestqt.qtbot import QtBot

from tests.desktop.jobs import GB, NOW, a_job, handed, posted, processing, uploading
from tests.desktop.patient_bot import PatientBot
from uploader.desktop.describe import Action
from uploader.desktop.drafts import Drafts
from uploader.desktop.post_form import PostForm
from uploader.desktop.theme import Theme
from uploader.desktop.thumbnails import Thumbnails
from uploader.engine.job import Draft, Job, Step
from uploader.wire import Community

CLUBS = (Community(id="film", name="Film club"), Community(id="sea", name="Harbour stories"))
HEIGHTS = (360, 480, 720, 1080)
Written = list[tuple[str, dict[str, object]]]


@pytest.fixture
def written() -> Written:
    return []


@pytest.fixture
def form(qtbot: PatientBot, theme: Theme, written: Written) -> Iterator[PostForm]:
    def write(job_id: str, fields: Mapping[str, object]) -> None:
        written.append((job_id, dict(fields)))

    thumbnails = Thumbnails()
    made = PostForm(theme, thumbnails, Drafts(write))
    made.set_communities(CLUBS, 100)
    made.resize(400, 640)
    qtbot.show(made)
    yield made
    thumbnails.stop()
    shiboken6.delete(made)


def says(job: Job, text: str, **changes: object) -> Job:
    """What the queue says after it has taken `text`."""
    return replace(job, draft=replace(job.draft, text=text), **changes)  # type: ignore[arg-type]


def test_what_is_typed_is_saved_soon_after_the_last_key(qtbot: QtBot, form: PostForm, written: Written):
    form.show_jobs([uploading()])
    qtbot.keyClicks(form.text, "Off the boat")
    assert written == []
    qtbot.waitUntil(lambda: bool(written))
    assert written == [(uploading().id, {"text": "Off the boat"})]


def test_facts_never_move_the_cursor_or_take_back_letters(qtbot: QtBot, form: PostForm):
    job = uploading()
    form.show_jobs([job])
    form.text.setFocus()
    qtbot.keyClicks(form.text, "Off boat")
    cursor = form.text.textCursor()
    cursor.setPosition(4)
    form.text.setTextCursor(cursor)
    for sent in range(3):
        form.take(says(job, "Off", sent=sent * GB))
        qtbot.keyClicks(form.text, "the "[sent])
    assert form.text.toPlainText() == "Off theboat"
    assert form.text.textCursor().position() == 7
    assert form.text.hasFocus()


def test_the_title_too_is_left_alone_while_it_is_edited(qtbot: QtBot, form: PostForm, written: Written):
    job = uploading()
    form.show_jobs([job])
    form.edit_title()
    qtbot.keyClicks(form.title, "Harbour")
    form.take(replace(job, sent=GB))
    assert form.title.text() == "Harbour"
    form.show_jobs([])
    assert written == [(job.id, {"title": "Harbour"})]


def test_coming_back_before_the_queue_has_answered_shows_what_was_typed(qtbot: QtBot, form: PostForm):
    first, second = uploading(1), uploading(2)
    form.show_jobs([first])
    qtbot.keyClicks(form.text, "first")
    form.show_jobs([second])
    assert form.text.toPlainText() == ""
    form.show_jobs([first])
    assert form.text.toPlainText() == "first"
    form.take(says(first, "first"))
    form.take(says(first, "changed by the command line"))
    assert form.text.toPlainText() == "changed by the command line"


def test_the_count_is_the_servers(qtbot: QtBot, form: PostForm):
    form.show_jobs([a_job(draft=Draft("x" * 90))])
    assert form.counter.text() == "10 left"
    assert form.post_button.isEnabled()
    qtbot.keyClicks(form.text, "y" * 12)
    assert form.counter.text() == "2 too many"
    assert not form.post_button.isEnabled()
    assert form.state.text() == "Shorten the text to post it."


def test_characters_are_counted_as_the_server_does(form: PostForm):
    form.show_jobs([a_job(draft=Draft("🌊" * 100))])
    assert form.counter.text() == "0 left"


def test_a_community_is_kept(form: PostForm, written: Written):
    chosen = QSignalSpy(form.community_chosen)
    form.show_jobs([a_job()])
    form.community.setCurrentIndex(2)
    form.community.activated.emit(2)
    form.show_jobs([])
    assert written == [(a_job().id, {"community_id": "sea"})]
    assert chosen.at(0) == ["sea"]
    form.show_jobs([a_job(2, draft=Draft("", "film"))])
    assert form.community.currentText() == "Film club"
    form.set_communities(CLUBS[:1], 100)
    assert form.community.currentText() == "Film club"


@pytest.mark.parametrize(
    ("job", "button", "enabled", "state"),
    [
        (uploading(), "Post when ready", True, ""),
        (processing(), "Post when ready", True, ""),
        (a_job(step=Step.POST), "Post now", True, ""),
    ],
)
def test_what_the_button_says(form: PostForm, job: Job, button: str, enabled: bool, state: str):
    form.show_jobs([job])
    assert form.post_button.text() == button
    assert form.post_button.isEnabled() is enabled
    assert form.state.text() == state


def test_not_at_once_means_later_by_hand(form: PostForm):
    form.show_jobs([uploading()])
    form.at_once.click()
    assert form.post_button.text() == "Post now"
    assert not form.post_button.isEnabled()
    assert form.state.text() == "You can post it once it is ready."
    form.take(a_job(1, step=Step.POST))
    assert form.post_button.isEnabled()


def test_an_approved_post_can_be_taken_back(form: PostForm):
    acted = QSignalSpy(form.acted)
    form.show_jobs([uploading(draft=Draft("words", None, approved=True))])
    assert form.hold_button.isVisible()
    assert not form.post_button.isVisible()
    assert form.state.text() == "Reelferry posts it as soon as it is ready. You can still change it."
    form.hold_button.click()
    form.at_once.click()
    assert [acted.at(at)[0] for at in range(acted.count())] == [Action.HOLD, Action.HOLD]


def test_on_its_way_it_can_no_longer_be_changed(form: PostForm):
    form.show_jobs([a_job(step=Step.POST, sealed=True, draft=Draft("words", None, approved=True))])
    assert form.text.isReadOnly()
    assert form.title.isReadOnly()
    assert not form.community.isEnabled()
    assert not form.post_button.isVisible()
    assert "on its way" in form.state.text()


def test_edits_that_came_too_late_give_way_to_what_was_posted(qtbot: QtBot, form: PostForm):
    job = a_job(step=Step.POST, draft=Draft("words", None, approved=True))
    form.show_jobs([job])
    form.text.setFocus()
    qtbot.keyClicks(form.text, " and more")
    form.take(replace(job, sealed=True))
    assert form.text.toPlainText() == "words"


def test_posted_it_opens(form: PostForm):
    acted = QSignalSpy(form.acted)
    form.show_jobs([posted()])
    assert form.state.text().startswith("Posted · ")
    form.open_button.click()
    form.copy_button.click()
    assert [acted.at(at)[0] for at in range(2)] == [Action.OPEN, Action.COPY_LINK]


def test_several_chosen_or_none_cannot_be_written_to(form: PostForm):
    form.show_jobs([uploading(1), uploading(2)])
    assert not form.text.isVisible()
    assert form._nothing.text().startswith("2 videos chosen.")
    form.show_jobs([])
    assert form._nothing.text().startswith("Choose a video")
    form.post()
    assert form.job is None


# When


def test_once_the_server_has_it_the_form_says_so_and_stays_open(form: PostForm):
    job = processing(draft=Draft("words", None, approved=True))
    form.show_jobs([handed(job, state=None)])
    assert form.state.text() == "Reelferry posts it as soon as it is ready. You can still change it."
    form.take(handed(job))
    assert form.state.text() == (
        "Safe on the server. It will be posted when it is ready, also with this computer off. You can still change it."
    )
    assert form.hold_button.isVisible()
    assert not form.text.isReadOnly()
    form.take(handed(replace(job, draft=replace(job.draft, approved=False)), told=job.draft))
    assert form.state.text() == "Not taken back yet: the server may still post it."


def test_a_time_is_offered_and_kept_to_the_minute(qtbot: QtBot, form: PostForm, written: Written):
    form.show_jobs([a_job()])
    assert not form.when.field.isVisible()
    form.when.tick.click()
    assert form.when.field.isVisible()
    assert not form.at_once.isVisible()
    assert form.post_button.text() == "Post at the set time"
    offered = form.when.time
    assert offered is not None
    assert offered > datetime.now(UTC)
    assert (offered.astimezone().hour, offered.second, offered.microsecond) == (18, 0, 0)
    form.show_jobs([])
    assert written == [(a_job().id, {"publish_at": offered})]


def test_the_time_is_set_by_keyboard_alone(qtbot: QtBot, form: PostForm, written: Written):
    form.show_jobs([a_job()])
    form.when.tick.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(form.when.tick, Qt.Key.Key_Space)
    offered = form.when.time
    assert offered is not None
    qtbot.keyClick(form.when.tick, Qt.Key.Key_Tab)
    assert form.when.field.hasFocus()
    form.when.field.setSelectedSection(form.when.field.Section.DaySection)
    qtbot.keyClick(form.when.field, Qt.Key.Key_Up)
    form.when.field.setSelectedSection(form.when.field.Section.HourSection)
    qtbot.keyClick(form.when.field, Qt.Key.Key_Down)
    changed = form.when.time
    assert changed is not None
    assert changed != offered
    form.show_jobs([])
    assert written[-1] == (a_job().id, {"publish_at": changed})


def test_without_the_tick_there_is_no_time(form: PostForm, written: Written):
    at = NOW + timedelta(days=2)
    form.show_jobs([a_job(draft=Draft("", None, publish_at=at))])
    shown = form.when.time
    assert shown == at
    form.when.tick.click()
    form.show_jobs([])
    assert written == [(a_job().id, {"publish_at": None})]


def test_facts_do_not_take_the_time_away_while_it_is_set(form: PostForm):
    job = a_job(draft=Draft("", None, publish_at=NOW + timedelta(days=2)))
    form.show_jobs([job])
    form.when.field.setFocus()
    form.take(replace(job, sent=GB, draft=replace(job.draft, publish_at=None)))
    assert form.when.time == NOW + timedelta(days=2)
    form.text.setFocus()
    form.take(replace(job, sent=2 * GB, draft=replace(job.draft, publish_at=None)))
    assert form.when.time is None


def test_posted_there_is_no_time_left_to_set(form: PostForm):
    form.show_jobs([posted()])
    assert not form.when.isVisible()


def test_control_return_approves_at_the_set_time(form: PostForm):
    acted = QSignalSpy(form.acted)
    form.show_jobs([a_job(draft=Draft("words", None, publish_at=NOW + timedelta(days=2)))])
    form.post()
    assert acted.at(0)[0] is Action.POST_THEN


def heights(form: PostForm) -> list[int | None]:
    """What may be waited for."""
    return [form.quality.choice.itemData(at) for at in range(form.quality.choice.count())]


def test_only_heights_that_the_file_has_can_be_waited_for(form: PostForm, written: Written):
    form.offer_heights(HEIGHTS)
    form.show_jobs([a_job(height=480)])
    assert heights(form) == [None, 360, 480]
    form.show_jobs([a_job(height=2160)])
    assert form.quality.isVisible()
    assert heights(form) == [None, *HEIGHTS]
    assert form.quality.choice.currentData() is None
    form.quality.choice.setCurrentIndex(3)
    form.quality.choice.activated.emit(3)
    form.show_jobs([])
    assert written == [(a_job().id, {"min_height": 720})]


def test_a_height_that_was_chosen_elsewhere_is_shown(form: PostForm):
    form.offer_heights(HEIGHTS)
    form.show_jobs([a_job(draft=Draft("", None, min_height=2160))])
    assert heights(form) == [None, 2160]
    assert form.quality.choice.currentText() == "2160p"
    form.take(a_job(height=480))
    assert (heights(form), form.quality.choice.currentText()) == ([None, 360, 480], "Any quality")


def test_where_there_is_no_height_to_wait_for_none_is_asked_for(form: PostForm):
    tall = a_job(height=1080)
    form.show_jobs([tall])
    assert not form.quality.isVisible(), "the server does not offer it"
    form.offer_heights(HEIGHTS)
    assert form.quality.isVisible()
    form.show_jobs([a_job()])
    assert not form.quality.isVisible(), "nobody knows yet how high it is"
    form.show_jobs([posted(height=1080)])
    assert not form.quality.isVisible(), "it is out"


def test_the_composer_says_what_is_waited_for(form: PostForm):
    form.offer_heights(HEIGHTS)
    form.show_jobs([a_job(draft=Draft("words", None, approved=True, min_height=720), height=1080)])
    assert form.state.text() == "Reelferry posts it once it plays in 720p. You can still change it."

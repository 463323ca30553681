"""Posts that the server holds, in the window: found, edited, cancelled; and what is said where there are none."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QApplication, QWidget

from tests.backend.line import reached_by_a_line
from tests.backend.server import Person, make_tokens, signed_in
from tests.desktop.desks import Desks
from tests.desktop.jobs import NOW
from tests.desktop.patient_bot import PatientBot
from tests.desktop.test_accessibility import nameless
from tests.proxy import Proxy
from uploader import settings
from uploader.backend.context import Backend
from uploader.desktop import pending_words
from uploader.desktop.app import Desktop
from uploader.desktop.describe import Tone
from uploader.desktop.pending_editor import ELSEWHERE, PendingEditor
from uploader.desktop.pending_list import POST
from uploader.desktop.pending_window import PendingWindow
from uploader.desktop.question import Question
from uploader.desktop.theme import Theme
from uploader.engine.facts import Account, AccountState
from uploader.settings import Settings
from uploader.wire import Community, Me, OwnPost, ServerConfig

NAMES = (f"watcher{number}" for number in count())
CONFIG = ServerConfig(
    version="1", max_bytes=1, max_duration_seconds=1, max_text_length=100, accepted_types=(), protocols=(),
    publishing=("now", "when_ready", "at", "draft"), min_heights=(720, 1080),
)  # fmt: skip
ADA = Account(AccountState.SIGNED_IN, Me(id="1", username="ada", name="Ada"), (), CONFIG)
FILMS = (Community(id="film", name="Film club"), Community(id="sea", name="Harbour stories"))


UNREACHED = ("The server cannot be reached", "The connection was interrupted")
"""The second where a connection was still open that breaks with the line."""


@pytest.fixture(scope="module")
def reached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Backend, Proxy]]:
    with reached_by_a_line(tmp_path_factory.mktemp("pending")) as reached:
        yield reached


@pytest.fixture
def line(reached: tuple[Backend, Proxy]) -> Proxy:
    return reached[1]


@pytest.fixture
def person(reached: tuple[Backend, Proxy]) -> Iterator[Person]:
    with signed_in(reached[0], next(NAMES)) as person:
        yield person


@pytest.fixture
def desktop(qtbot: PatientBot, desks: Desks, reached: tuple[Backend, Proxy], person: Person) -> Desktop:
    """One that is signed in to a server that publishes by itself."""
    url = reached[0].base_url
    desks.vault.tokens[url] = make_tokens(reached[0].database, person.user)[1]
    settings.save(desks.paths.settings, Settings(server=url))
    started = desks.start()
    qtbot.show(started.window)
    qtbot.waitUntil(started.pending.action.isEnabled)
    return started


@pytest.fixture
def alone(desks: Desks) -> Desktop:
    """One with a server that nobody can reach."""
    settings.save(desks.paths.settings, Settings(server="http://127.0.0.1:9"))
    return desks.start()


def held(person: Person, content: str, **body: Any) -> str:  # noqa: ANN401 (JSON)
    """The id of a post that another program of this person wrote."""
    reply = person.api.post("/api/posts", json={"content": content, **(body or {"publish": "draft"})})
    assert reply.status_code == 202, reply.text
    return str(reply.json()["id"])


def now_there(person: Person, post_id: str) -> dict[str, Any]:
    found: dict[str, Any] = person.api.get(f"/api/posts/{post_id}").json()
    return found


def names(desktop: Desktop) -> list[str]:
    """What the list shows."""
    rows = desktop.pending.posts.list
    return [rows.item(row).text() for row in range(rows.count())]


def question() -> Question:
    asked = QApplication.activeModalWidget()
    assert isinstance(asked, Question)
    return asked


def test_what_was_written_elsewhere_is_found_edited_and_cancelled_by_keyboard(
    qtbot: PatientBot, desktop: Desktop, person: Person
):
    then = datetime.now(UTC) + timedelta(days=2)
    held(person, "Good night")
    post_id = held(person, "Harbour at dawn\nSix in the morning", publishAt=then.isoformat())
    posts, pending = desktop.pending.posts, desktop.pending
    control_shift = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(desktop.window, Qt.Key.Key_P, control_shift)
    qtbot.waitUntil(lambda: names(desktop) == ["Harbour at dawn", "Good night"])
    qtbot.waitUntil(lambda: posts.list.hasFocus() and posts.edit_button.isEnabled())
    row = QAccessible.queryAccessibleInterface(posts.list).child(0)
    assert row.text(QAccessible.Text.Name) == "Harbour at dawn"
    assert row.text(QAccessible.Text.Description).startswith("To be posted on ")
    assert nameless(posts) == []

    qtbot.keyClick(posts.list, Qt.Key.Key_Return)
    editor = pending.editor
    assert editor is not None
    assert nameless(editor) == []
    qtbot.waitUntil(editor.writing.text.hasFocus)
    qtbot.keyClicks(editor.writing.text, ", no wind")
    qtbot.keyClick(editor.writing.text, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: pending.editor is None)
    assert posts.said.text() == "Saved “Harbour at dawn”"
    changed = now_there(person, post_id)
    assert (changed["content"], changed["state"]) == ("Harbour at dawn\nSix in the morning, no wind", "waiting")
    assert datetime.fromisoformat(changed["publishAt"]) == then, "what was not touched is not changed"

    qtbot.waitUntil(posts.list.hasFocus)
    qtbot.keyClick(posts.list, Qt.Key.Key_Delete)
    qtbot.keyClick(question(), Qt.Key.Key_Escape)
    assert QApplication.activeModalWidget() is None
    assert now_there(person, post_id)["state"] == "waiting"
    qtbot.keyClick(posts.list, Qt.Key.Key_Delete)
    question().go_button.click()
    qtbot.waitUntil(lambda: names(desktop) == ["Good night"])
    assert posts.said.text() == "Cancelled “Harbour at dawn”. The server will not publish it."
    assert now_there(person, post_id)["state"] == "cancelled"

    posts.cancel_button.click()
    question().go_button.click()
    qtbot.waitUntil(lambda: posts.title.isVisible() and posts.title.text() == "The server holds no posts")
    assert not posts.edit_button.isEnabled()
    assert not posts.cancel_button.isEnabled()


def test_a_post_that_was_published_meanwhile_is_said_and_leaves_the_list(
    qtbot: PatientBot, desktop: Desktop, person: Person
):
    first, second = held(person, "First"), held(person, "Second")
    posts, pending = desktop.pending.posts, desktop.pending
    pending.action.trigger()
    qtbot.waitUntil(lambda: names(desktop) == ["Second", "First"])
    posts.edit_button.click()
    assert pending.editor is not None
    pending.editor.writing.text.setPlainText("Too late")
    for post_id in (first, second):
        person.api.patch(f"/api/posts/{post_id}", json={"publish": "when_ready"})
    pending.editor.save_button.click()
    qtbot.waitUntil(lambda: pending.editor is None and names(desktop) == [])
    assert posts.said.text().startswith("It was already posted")
    assert now_there(person, second)["content"] == "Second"


def test_out_of_reach_is_said_with_a_way_to_try_again_and_what_was_typed_is_kept(
    qtbot: PatientBot, desktop: Desktop, person: Person, line: Proxy
):
    post_id = held(person, "x")
    posts, pending = desktop.pending.posts, desktop.pending
    pending.action.trigger()
    qtbot.waitUntil(lambda: names(desktop) == ["x"])
    posts.edit_button.click()
    editor = pending.editor
    assert editor is not None
    editor.writing.text.setPlainText("y")
    line.go_away()
    try:
        editor.save_button.click()
        qtbot.waitUntil(lambda: editor.trouble.property("role") == "bad" and editor.save_button.isEnabled())
        assert editor.trouble.text().startswith(UNREACHED)
        posts.refresh_button.click()
        qtbot.waitUntil(posts.again_button.isVisible)
        assert posts.title.text() in UNREACHED
        assert not posts.cancel_button.isEnabled()
    finally:
        line.come_back()
    editor.save_button.click()
    qtbot.waitUntil(lambda: pending.editor is None and names(desktop) == ["y"])
    assert now_there(person, post_id)["content"] == "y"


def test_it_is_offered_where_the_server_publishes_by_itself_and_somebody_is_signed_in(alone: Desktop):
    pending, menu = alone.pending, alone.window.header.menu_button.menu()
    assert pending.action in menu.actions()
    only_now = CONFIG.model_copy(update={"publishing": ("now",)})
    for account, offered in (
        (Account(AccountState.SIGNED_OUT, config=CONFIG), False),
        (ADA, True),
        (Account(AccountState.SIGNED_IN, ADA.me, config=only_now), False),
        (Account(AccountState.SIGN_IN_NEEDED, ADA.me, config=CONFIG), True),
    ):
        pending._take((account,))
        assert (pending.action.isVisible(), pending.action.isEnabled()) == (offered, offered)


def test_signed_out_nothing_of_the_persons_posts_stays(alone: Desktop):
    alone.pending._take((ADA,))
    alone.pending.open()
    alone.pending.posts.show_posts([a_post()])
    alone.pending._edit(a_post())
    alone.pending._take((Account(AccountState.SIGNED_OUT),))
    assert alone.pending.posts.isHidden()
    assert alone.pending.editor is None
    assert names(alone) == []


def a_post(**facts: Any) -> OwnPost:  # noqa: ANN401 (fields, each of its own type)
    plain = {
        "id": "p", "state": "waiting", "content": "Hello", "type": "video", "video_id": "v", "filename": "a.mp4",
        "community_id": None, "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return OwnPost.model_validate({**plain, **facts})


LATER = NOW + timedelta(days=2)
DAY = "Tue 24 Nov" if LATER.astimezone().day == 24 else "Wed 25 Nov"
"""That of `LATER` on this computer's clock: it has begun earlier in the Far East."""
WHY = {
    "code": "not_a_member", "message": "You are no longer a member", "action": "Choose another one, then post again."
}  # fmt: skip


@pytest.mark.parametrize(
    ("post", "words", "tone"),
    [
        (a_post(state="draft"), "Draft, not posted until you let it go · a.mp4", Tone.QUIET),
        (a_post(state="draft", publish_at=LATER, filename=None), f"Draft for {DAY}, ", Tone.QUIET),
        (a_post(waits_for="time", publish_at=LATER, content=""), f"To be posted on {DAY}, ", Tone.ACTIVE),
        (a_post(waits_for="video"), "To be posted when its video is ready · a.mp4", Tone.ACTIVE),
        (a_post(waits_for="rendition", min_height=720), "To be posted once it plays in 720p · a.mp4", Tone.ACTIVE),
        (a_post(publish_at=NOW - timedelta(1)), "To be posted now · a.mp4", Tone.ACTIVE),
        (a_post(state="not_published", problem=WHY), "Not posted: You are no longer a member · a.mp4", Tone.BAD),
    ],
)
def test_a_post_says_where_it_stands(post: OwnPost, words: str, tone: Tone):
    said, shown = pending_words.line(post, NOW)
    assert said.startswith(words)
    assert shown is tone


def test_a_post_that_waits_for_both_says_which_comes_last():
    said, _ = pending_words.line(a_post(waits_for="video", publish_at=LATER, filename=None), NOW)
    assert said.endswith(", or when its video is ready if that is later")


def test_a_post_is_known_by_its_first_words_or_its_file():
    assert pending_words.name(a_post(content="\n Hello\nyou")) == "Hello"
    assert pending_words.name(a_post(content="")) == "a.mp4"
    assert pending_words.name(a_post(content="", filename=None)) == "No text"


@pytest.fixture
def behind(qapp: QApplication) -> Iterator[QWidget]:
    """The window that an editor stands before."""
    made = QWidget()
    yield made
    shiboken6.delete(made)


def editor_of(behind: QWidget, theme: Theme, post: OwnPost) -> PendingEditor:
    return PendingEditor(theme, post, FILMS, CONFIG, behind)


def test_the_editor_tells_what_is_different_and_nothing_else(behind: QWidget, theme: Theme):
    editor = editor_of(behind, theme, a_post(community_id="film", publish_at=LATER, min_height=1080))
    assert editor.change.model_fields_set == set()
    editor.writing.text.setPlainText("Hello you")
    editor.writing.community.setCurrentIndex(editor.writing.community.findData("sea"))
    editor.when.tick.click()
    editor.quality.choice.setCurrentIndex(0)
    editor.quality.choice.activated.emit(0)
    editor.hold.click()
    assert editor.change.model_dump(exclude_unset=True) == {
        "content": "Hello you", "community_id": "sea", "publish_at": None, "min_height": None, "publish": "draft"
    }  # fmt: skip


def test_a_draft_is_let_go_by_taking_the_tick_away(behind: QWidget, theme: Theme):
    editor = editor_of(behind, theme, a_post(state="draft"))
    assert not editor.quality.isHidden()
    editor.hold.click()
    assert editor.change.model_dump(exclude_unset=True) == {"publish": "when_ready"}


def test_what_was_not_published_says_why_and_is_tried_again(behind: QWidget, theme: Theme):
    editor = editor_of(behind, theme, a_post(state="not_published", problem=WHY, community_id="gone"))
    assert editor.trouble.text() == "You are no longer a member. Choose another one, then post again."
    assert editor.writing.community.currentText() == ELSEWHERE
    assert editor.save_button.text() == "Post again"
    assert editor.change.model_dump(exclude_unset=True) == {"publish": "when_ready"}


def test_no_height_is_asked_for_where_there_is_none_to_wait_for(behind: QWidget, theme: Theme):
    bare = CONFIG.model_copy(update={"min_heights": ()})
    assert PendingEditor(theme, a_post(), FILMS, bare, behind).quality.isHidden()
    assert editor_of(behind, theme, a_post(type="text", video_id=None, filename=None)).quality.isHidden()


def test_too_long_a_text_is_not_sent(qtbot: PatientBot, behind: QWidget, theme: Theme):
    editor = editor_of(behind, theme, a_post(content="x" * 99))
    saved = QSignalSpy(editor.saved)
    qtbot.keyClicks(editor.writing.text, "yy")
    assert editor.writing.counter.text() == "1 too many"
    assert not editor.save_button.isEnabled()
    editor.save_button.click()
    assert saved.count() == 0


def test_what_was_typed_is_not_lost_by_one_key(qtbot: PatientBot, behind: QWidget, theme: Theme):
    editor = editor_of(behind, theme, a_post(state="not_published", problem=WHY))
    qtbot.show(editor)
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert editor.isHidden()

    qtbot.show(editor)
    qtbot.keyClicks(editor.writing.text, "!")
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    qtbot.keyClick(question(), Qt.Key.Key_Escape)
    assert editor.isVisible()
    assert editor.writing.text.toPlainText().endswith("!")
    editor.close()
    question().go_button.click()
    assert editor.isHidden()


def test_the_choice_stays_when_the_list_is_shown_anew(behind: QWidget, theme: Theme):
    rows = PendingWindow(theme, behind).list
    first, second, third = (a_post(id=name, content=name) for name in "abc")
    rows.show_posts([first, second, third])
    rows.setCurrentRow(1)
    rows.show_posts([third, first, second])
    assert rows.chosen == second
    rows.show_posts([third, first])
    assert rows.chosen == first
    assert rows.item(0).data(POST) == third
    rows.show_posts([])
    assert rows.chosen is None

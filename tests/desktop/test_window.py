"""The window by keyboard, by mouse, and at every width."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QClipboard, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.desktop.jobs import GB, a_job, failed, posted, processing, uploading
from tests.desktop.pretend import Wishes
from tests.garbage import nothing_collected
from uploader import errors
from uploader.desktop import tokens
from uploader.desktop.describe import primary
from uploader.desktop.main_window import MainWindow
from uploader.desktop.queue_model import JOB
from uploader.desktop.row_delegate import places
from uploader.desktop.row_drag import steps
from uploader.engine.drop import Refusal
from uploader.engine.facts import Account, AccountState, Changed, Network, Ordered
from uploader.engine.job import Draft, Job, Status, Step
from uploader.wire import Community, ServerConfig

Key = Qt.Key
CONFIG = ServerConfig(
    version="1", max_bytes=500 * 1024**2, max_duration_seconds=3600, max_text_length=100,
    accepted_types=("video/mp4",), protocols=("tus",),
)  # fmt: skip
CLUBS = (Community(id="film", name="Film club"), Community(id="sea", name="Harbour stories"))


def show(window: MainWindow, *jobs: Job) -> None:
    window.take([Account(AccountState.SIGNED_IN, None, CLUBS, CONFIG), *map(Changed, jobs)])


def choose(window: MainWindow, row: int) -> None:
    window.view.choose(window.rows.index(row, 0))


def press(qtbot: QtBot, window: MainWindow, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
    held = Qt.KeyboardModifier.NoModifier
    for modifier in modifiers:
        held |= modifier
    target = QApplication.focusWidget() or window
    qtbot.keyClick(target, key, held)


@pytest.fixture
def clipboard(qapp: QApplication) -> Iterator[QClipboard]:
    """Empty afterwards: what still lies there when Python has ended brings the process down."""
    board = QGuiApplication.clipboard()
    yield board
    board.clear()


class TestKeyboard:
    def test_space_pauses_and_resumes_what_is_chosen(self, qtbot: QtBot, window: MainWindow, wishes: Wishes):
        job = uploading()
        show(window, job)
        window.view.setFocus()
        choose(window, 0)
        press(qtbot, window, Key.Key_Space)
        window.take([Changed(job.to(Status.PAUSED))])
        press(qtbot, window, Key.Key_Space)
        assert wishes.made == [("pause", job.id), ("resume", job.id)]

    def test_a_whole_upload_is_steered_without_a_mouse(self, qtbot: QtBot, window: MainWindow, wishes: Wishes):
        show(window, uploading(1), a_job(2), a_job(3))
        window.view.setFocus(Qt.FocusReason.TabFocusReason)
        press(qtbot, window, Key.Key_Down)
        assert window.form.job == a_job(2)
        press(qtbot, window, Key.Key_Return)
        assert window.form.text.hasFocus()
        qtbot.keyClicks(window.form.text, "Off the boat")
        press(qtbot, window, Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        assert wishes.made == [("write", a_job(2).id, {"text": "Off the boat"}), ("approve", a_job(2).id, True)]

    def test_space_types_a_space_where_text_is_written(self, qtbot: QtBot, window: MainWindow, wishes: Wishes):
        show(window, uploading())
        choose(window, 0)
        window.form.text.setFocus()
        qtbot.keyClicks(window.form.text, "a b")
        press(qtbot, window, Key.Key_Delete)
        assert window.form.text.toPlainText() == "a b"
        assert not [wish for wish in wishes.made if wish[0] != "write"]

    def test_alt_and_arrows_move_and_keep_the_choice(self, qtbot: QtBot, window: MainWindow, wishes: Wishes):
        some = [a_job(1), a_job(2), a_job(3)]
        show(window, *some)
        window.view.setFocus()
        choose(window, 2)
        press(qtbot, window, Key.Key_Up, Qt.KeyboardModifier.AltModifier)
        assert wishes.made == [("move", some[2].id, 1)]
        window.take([Ordered((some[0].id, some[2].id, some[1].id))])
        assert [job.id for job in window.view.jobs()] == [some[2].id]
        press(qtbot, window, Key.Key_Down, Qt.KeyboardModifier.AltModifier)
        assert wishes.made[1:] == [("move", some[2].id, 2)]

    def test_several_move_together_and_stop_at_the_end(self, window: MainWindow, wishes: Wishes, qtbot: QtBot):
        some = [a_job(number) for number in range(4)]
        show(window, *some)
        window.view.setFocus()
        choose(window, 1)
        press(qtbot, window, Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
        press(qtbot, window, Key.Key_Up, Qt.KeyboardModifier.AltModifier)
        assert wishes.made == [("move", some[1].id, 0), ("move", some[2].id, 1)]
        wishes.made.clear()
        window.take([Ordered(tuple(some[at].id for at in (1, 2, 0, 3)))])
        press(qtbot, window, Key.Key_Up, Qt.KeyboardModifier.AltModifier)
        assert wishes.made == []

    def test_moving_in_a_search_passes_the_neighbour_that_is_shown(
        self, qtbot: QtBot, window: MainWindow, wishes: Wishes
    ):
        some = [a_job(1, title="sea one"), a_job(2, title="land"), a_job(3, title="sea two")]
        show(window, *some)
        window.work.filter.setText("sea")
        window.view.setFocus()
        choose(window, 1)
        press(qtbot, window, Key.Key_Up, Qt.KeyboardModifier.AltModifier)
        assert wishes.made == [("move", some[2].id, 0)]

    def test_f2_edits_the_title(self, qtbot: QtBot, window: MainWindow, wishes: Wishes):
        show(window, a_job())
        window.view.setFocus()
        choose(window, 0)
        press(qtbot, window, Key.Key_F2)
        qtbot.keyClicks(window.form.title, "Harbour")
        window.settle()
        assert wishes.made == [("write", a_job().id, {"title": "Harbour"})]

    def test_ctrl_f_finds_and_an_empty_result_says_so(self, qtbot: QtBot, window: MainWindow):
        show(window, a_job(1, title="Harbour"), a_job(2, title="Night train"))
        press(qtbot, window, Key.Key_F, Qt.KeyboardModifier.ControlModifier)
        assert window.work.filter.hasFocus()
        qtbot.keyClicks(window.work.filter, "night")
        assert window.rows.rowCount() == 1
        qtbot.keyClicks(window.work.filter, "mare")
        assert window.work.nothing_found.isVisible()

    def test_ctrl_v_takes_copied_files(self, qtbot: QtBot, window: MainWindow, wishes: Wishes, clipboard: QClipboard):
        copied = QMimeData()
        copied.setUrls([QUrl.fromLocalFile("/videos/a.mp4"), QUrl("https://films.example/b.mp4")])
        clipboard.setMimeData(copied)
        press(qtbot, window, Key.Key_V, Qt.KeyboardModifier.ControlModifier)
        assert wishes.made == [("add", [Path("/videos/a.mp4")], None)]

    def test_ctrl_q_and_the_close_button_ask_to_quit(self, qtbot: QtBot, window: MainWindow):
        wanted = QSignalSpy(window.quit_wanted)
        press(qtbot, window, Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
        window.close()
        assert wanted.count() == 2
        assert window.isVisible()

    def test_tab_reaches_everything_in_reading_order(self, qtbot: QtBot, window: MainWindow):
        show(window, a_job())
        choose(window, 0)
        window.header.add_button.setFocus(Qt.FocusReason.TabFocusReason)
        form = window.form
        expected = [
            window.header.account_button, window.header.menu_button, window.work.filter, window.view, form.title,
            form.text, form.community, form.at_once, form.when.tick, form.post_button,
        ]  # fmt: skip
        reached = []
        for _ in expected:
            press(qtbot, window, Key.Key_Tab)
            reached.append(QApplication.focusWidget())
        assert reached == expected


class TestRemoving:
    def test_a_row_goes_at_once_and_the_queue_hears_of_it_after_undo_is_over(
        self, qtbot: QtBot, window: MainWindow, wishes: Wishes
    ):
        show(window, posted(1), a_job(2))
        window.view.setFocus()
        choose(window, 0)
        press(qtbot, window, Key.Key_Delete)
        assert window.rows.rowCount() == 1
        assert window.toast.words.text() == "Removed “Clip 1”"
        assert wishes.made == []
        window.deeds.removal.finish()
        assert wishes.made == [("remove", posted(1).id)]

    def test_undo_brings_a_running_upload_back_and_lets_it_go_on(
        self, qtbot: QtBot, window: MainWindow, wishes: Wishes
    ):
        job = uploading()
        show(window, job)
        window.view.setFocus()
        choose(window, 0)
        press(qtbot, window, Key.Key_Delete)
        assert window.toast.words.text() == "Cancelled “Clip 1”"
        window.toast.undo_button.click()
        assert window.rows.rowCount() == 1
        assert wishes.made == [("pause", job.id), ("resume", job.id)]
        window.deeds.removal.finish()
        assert len(wishes.made) == 2

    def test_closing_the_window_settles_what_was_removed(self, window: MainWindow, wishes: Wishes):
        show(window, posted())
        window.deeds.removal.remove([posted()])
        window.settle()
        assert wishes.made == [("remove", posted().id)]

    def test_a_post_about_to_go_out_is_held_while_it_can_be_undone(self, window: MainWindow, wishes: Wishes):
        job = processing(draft=Draft("words", None, approved=True))
        show(window, job)
        window.deeds.removal.remove([job])
        assert wishes.made == [("pause", job.id)]


class TestMouse:
    def test_the_button_of_a_row_acts_on_that_row_and_chooses_nothing(
        self, qtbot: QtBot, window: MainWindow, wishes: Wishes
    ):
        show(window, uploading(1), failed(2))
        self.click(qtbot, window, 1, "primary")
        assert wishes.made == [("restart", failed(2).id)]
        assert window.view.jobs() == []

    def test_a_press_that_leaves_the_button_does_nothing(self, qtbot: QtBot, window: MainWindow, wishes: Wishes):
        show(window, uploading())
        at = self.middle(window, 0, "primary")
        qtbot.mousePress(window.view.viewport(), Qt.MouseButton.LeftButton, pos=at)
        qtbot.mouseMove(window.view.viewport(), at - QPoint(200, 0))
        qtbot.mouseRelease(window.view.viewport(), Qt.MouseButton.LeftButton, pos=at - QPoint(200, 0))
        assert wishes.made == []

    def test_more_opens_a_menu_of_what_is_allowed(self, qtbot: QtBot, window: MainWindow):
        show(window, posted())
        self.click(qtbot, window, 0, "more")
        menu = QApplication.activePopupWidget()
        assert menu is not None
        words = [action.text() for action in menu.actions() if not action.isSeparator()]
        assert words == ["Open", "Copy link", "Show file", "Remove from list"]
        menu.close()

    def middle(self, window: MainWindow, row: int, part: str) -> QPoint:
        index = window.rows.index(row, 0)
        job: Job = index.data(JOB)
        found = places(window.view.visualRect(index), primary(job))
        return (found.primary if part == "primary" else found.more).center()

    def click(self, qtbot: QtBot, window: MainWindow, row: int, part: str) -> None:
        at = self.middle(window, row, part)
        qtbot.mouseMove(window.view.viewport(), at)
        qtbot.mouseClick(window.view.viewport(), Qt.MouseButton.LeftButton, pos=at)


class TestDropping:
    def drag(self, paths: list[Path]) -> QMimeData:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        return data

    def enter(self, window: MainWindow, data: QMimeData) -> QDragEnterEvent:
        event = QDragEnterEvent(
            QPoint(300, 300), Qt.DropAction.MoveAction | Qt.DropAction.CopyAction, data,
            Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        event.setDropAction(Qt.DropAction.MoveAction)
        QApplication.sendEvent(window, event)
        return event

    def test_it_says_before_release_what_it_takes_and_what_not(
        self, qtbot: QtBot, window: MainWindow, wishes: Wishes, tmp_path: Path
    ):
        show(window)
        clip, folder, notes, nothing = (tmp_path / name for name in ("a.mp4", "folder", "notes.txt", "empty.mp4"))
        clip.write_bytes(b"\0\0\0\x18ftypisom")
        folder.mkdir()
        notes.write_text("not a video, only words")
        nothing.touch()
        data = self.drag([clip, folder, notes, nothing])
        event = self.enter(window, data)
        assert event.isAccepted()
        assert event.dropAction() is Qt.DropAction.CopyAction
        assert window.overlay.isVisible()
        qtbot.waitUntil(window.overlay.left_out.isVisible)
        assert window.overlay.words.text() == "Drop to add 1 video and the videos in 1 folder"
        assert window.overlay.left_out.text() == (
            "1 will be left out: not a video\n1 will be left out: the file is empty"
        )
        drop = QDropEvent(
            QPointF(300, 300), Qt.DropAction.MoveAction | Qt.DropAction.CopyAction, data,
            Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        drop.setDropAction(Qt.DropAction.MoveAction)
        QApplication.sendEvent(window, drop)
        assert drop.dropAction() is Qt.DropAction.CopyAction
        assert window.overlay.isHidden()
        assert wishes.made == [("add", [clip, folder, notes, nothing], None)]

    def test_what_is_no_file_is_not_taken(self, window: MainWindow):
        data = QMimeData()
        data.setText("only words")
        assert not self.enter(window, data).isAccepted()
        assert window.overlay.isHidden()

    def test_a_judgement_that_comes_late_shows_nothing(self, qtbot: QtBot, window: MainWindow, tmp_path: Path):
        clip = tmp_path / "a.mp4"
        clip.write_bytes(b"\0\0\0\x18ftypisom")
        self.enter(window, self.drag([clip]))
        window.drops._leave()
        window.drops._worker.submit(int).result()
        qtbot.wait(1)
        assert window.overlay.isHidden()

    def test_after_the_drop_a_toast_says_what_was_left_out(self, window: MainWindow, wishes: Wishes):
        show(window)
        wishes.added = ([a_job(1), a_job(2)], [Refusal(Path("/x/notes.txt"), errors.NotAVideo())])
        window.add([Path("/x")])
        assert window.toast.words.text() == "Added 2 videos. Left out “notes.txt”: this is not a video"
        window.take([Changed(a_job(1)), Changed(a_job(2))])
        assert window.form.job == a_job(1)


class TestPuttingDown:
    """Rows taken with the mouse; the mouse itself is real in `tests/flow/test_window.py`."""

    @pytest.mark.parametrize(
        ("moving", "before", "wanted"),
        [
            ("d", "a", "dabcef"),
            ("a", "d", "bcadef"),
            ("a", None, "bcdefa"),
            ("bc", "f", "adebcf"),
            ("ef", "b", "aefbcd"),
            ("be", "d", "acbedf"),
            ("af", "d", "bcafde"),
            ("ace", None, "bdface"),
            ("abcdef", None, "abcdef"),
            ("c", "d", "abcdef"),
        ],
    )
    def test_moves_bring_them_together_where_they_were_put(self, moving: str, before: str | None, wanted: str):
        order = list("abcdef")
        for one, to in steps("abcdef", moving, before):
            order.remove(one)
            order.insert(to, one)
        assert "".join(order) == wanted

    def test_nothing_that_is_not_held_is_moved(self):
        assert steps("abcdef", "a", None) == [("a", 5)]
        assert steps("abcdef", "c", "d") == []

    def test_put_down_behind_the_last_that_a_search_shows(self, window: MainWindow, wishes: Wishes):
        some = [a_job(1, title="sea one"), a_job(2, title="sea two"), a_job(3, title="land")]
        show(window, *some)
        window.work.filter.setText("sea")
        window.deeds.put_down([some[0]], None)
        assert wishes.made == [("move", some[0].id, 1)]

    def test_files_dragged_over_the_list_are_still_the_windows(self, qtbot: QtBot, window: MainWindow, tmp_path: Path):
        show(window, a_job())
        clip = tmp_path / "a.mp4"
        clip.write_bytes(b"\0\0\0\x18ftypisom")
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(clip))])
        event = QDragEnterEvent(
            QPoint(20, 20), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(window.view.viewport(), event)
        assert window.overlay.isVisible()
        qtbot.waitUntil(lambda: window.overlay.words.text() == "Drop to add 1 video")


class TestShape:
    def test_empty_it_asks_for_videos_and_names_the_limits(self, window: MainWindow):
        show(window)
        assert window.work.empty.isVisible()
        assert not window.form.isVisible()
        assert window.work.empty.limits.text() == "Up to 500 MB and 60 minutes each"

    def test_wide_both_sides_show_and_narrow_they_take_turns(self, qtbot: QtBot, window: MainWindow):
        show(window, a_job())
        choose(window, 0)
        assert window.view.isVisible()
        assert window.form.isVisible()
        window.resize(*tokens.WINDOW_MINIMUM)
        qtbot.waitUntil(lambda: not window.form.isVisible())
        qtbot.mouseClick(
            window.view.viewport(),
            Qt.MouseButton.LeftButton,
            pos=window.view.visualRect(window.rows.index(0, 0)).center(),
        )
        assert window.form.isVisible()
        assert not window.view.isVisible()
        window.form.back_button.click()
        assert window.view.isVisible()
        assert not window.form.isVisible()

    def test_counts_and_what_is_left_are_said(self, window: MainWindow):
        show(window, uploading(1), a_job(2), posted(3))
        window.take([Network(online=True, rate=18e6)])
        assert window.work.heading.text() == "Uploading 1 · Waiting 1 · Done 1"
        assert window.work.footing.text() == "2 uploading or waiting · 5.6 GB left · about 5 min"
        assert window.header.line.text() == "Online · 144 Mbit/s"
        window.take([Network(online=False, rate=0)])
        assert window.header.line.text() == "Offline"

    def test_painting_gives_no_reference_away(self, window: MainWindow):
        """PySide6 6.12.0 dropped one to None with every call on Python 3.11, until Python died of it."""
        show(window, uploading(), failed(2), posted(3))
        window.view.grab()
        with nothing_collected():
            before = sys.getrefcount(None)
            for _ in range(20):
                window.view.grab()
            assert sys.getrefcount(None) > before - 100

    def test_ten_thousand_jobs_scroll_by_painting_only_what_is_seen(
        self, qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
    ):
        painted: list[int] = []
        paint = type(window.view.itemDelegate()).paint

        def counting(self: object, painter: object, option: object, index: object) -> None:
            painted.append(index.row())  # type: ignore[attr-defined]
            paint(self, painter, option, index)  # type: ignore[arg-type]

        monkeypatch.setattr(type(window.view.itemDelegate()), "paint", counting)
        show(window, *(a_job(number) for number in range(10_000)))
        window.view.repaint()
        assert window.rows.rowCount() == 10_000
        bar = window.view.verticalScrollBar()
        for step in range(20):
            painted.clear()
            bar.setValue(bar.maximum() * step // 19)
            window.view.viewport().repaint()
            assert 0 < len(set(painted)) < 20
        assert 9_999 in painted
        painted.clear()
        window.take([Changed(replace(a_job(9_999), step=Step.TRANSFER, status=Status.RUNNING, sent=GB, rate=1.0))])
        window.view.viewport().repaint()
        assert len(set(painted)) < 20

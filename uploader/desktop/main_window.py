"""The one window: takes facts and shows them, and hands what a person wants on."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeySequence, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QMainWindow, QMenu, QStackedWidget, QToolButton, QWidget

from uploader.desktop import describe, tokens
from uploader.desktop.actions import Actions
from uploader.desktop.deeds import Deeds, Do
from uploader.desktop.describe import Action
from uploader.desktop.drafts import Drafts
from uploader.desktop.drop_overlay import DropOverlay
from uploader.desktop.drop_target import DropTarget, local_paths
from uploader.desktop.focus_ring import FocusRing
from uploader.desktop.header import Header
from uploader.desktop.notices import Toast
from uploader.desktop.post_form import PostForm
from uploader.desktop.queue_model import QueueFilter, QueueModel
from uploader.desktop.queue_view import QueueView
from uploader.desktop.theme import Theme
from uploader.desktop.thumbnails import Thumbnails
from uploader.desktop.work_page import WorkPage
from uploader.engine import drop
from uploader.engine.facts import Account, Changed, Fact, Limited, Network, Removed
from uploader.engine.job import Job

VIDEO_FILTER = "Videos ({});;All files (*)".format(" ".join(f"*{ending}" for ending in sorted(drop.VIDEO_TYPES)))


class MainWindow(QMainWindow):
    """Knows neither threads nor networks: facts come in by `take`, wishes go out by `do` and the signals."""

    quit_wanted = Signal()
    community_chosen = Signal(object)
    preferences_wanted = Signal(str)
    limited = Signal(object)

    def __init__(self, theme: Theme, do: Do, community_id: str | None = None) -> None:
        super().__init__()
        self._account, self._network = Account(), Network(online=True, rate=0)
        self._community_id = community_id
        self._do = do
        self._awaited: str | None = None
        self._composing = False

        self.pages = QStackedWidget()
        self.setCentralWidget(self.pages)
        self.model = QueueModel(self)
        self.rows = QueueFilter(self.model, self)
        self.thumbnails = Thumbnails(self)
        self.toast = Toast(self.pages)
        self.deeds = Deeds(do, self.model, self.rows, self.toast, self)
        self.drafts = Drafts(self.deeds.write, self)
        self.view = QueueView(self.rows, theme, self.thumbnails)
        self.form = PostForm(theme, self.thumbnails, self.drafts)
        self.commands = Actions(self, theme)
        self._make_actions()
        self.header = Header(theme, self.add_action)
        self._fill_menu()
        self.work = WorkPage(theme, self.header, self.view, self.form)
        self.pages.addWidget(self.work)
        self.overlay = DropOverlay(theme, self.pages)
        self.drops = DropTarget(self, self.overlay, lambda paths: drop.judge(paths, self._account.config))
        self.ring = FocusRing(theme, self)
        self._connect()
        self.setWindowTitle("Reelferry")
        self.setMinimumSize(*tokens.WINDOW_MINIMUM)
        self.resize(*tokens.WINDOW)
        self._refresh()

    def take(self, facts: Sequence[Fact]) -> None:
        """What the engine said."""
        self.model.apply(facts)
        for fact in facts:
            match fact:
                case Changed(job):
                    self.form.take(job)
                case Account():
                    self._account = fact
                    self.header.show_account(fact)
                    self.form.set_communities(fact.communities, fact.config.max_text_length if fact.config else None)
                    self.form.offer_heights(fact.config.min_heights if fact.config else ())
                    self.work.empty.show_limits(fact.config)
                case Network():
                    self._network = fact
                    self.header.show_network(fact)
                case Limited():
                    self.work.limit.show(fact)
                    self.limited.emit(fact.chosen)
                case _:
                    pass
        if self._awaited and self.model.job(self._awaited):
            self.view.choose(self.rows.mapFromSource(self.model.index_of(self._awaited)))
            self._awaited = None
        self._refresh()

    def add(self, paths: Sequence[Path]) -> None:
        """Put files on the queue, as if they had been dropped."""
        self.deeds.add(paths, self._community_id)

    def choose_files(self) -> None:
        """Ask for files, and add them."""
        names, _ = QFileDialog.getOpenFileNames(self, "Add videos", "", VIDEO_FILTER)
        self.add([Path(name) for name in names])

    def choose_folder(self) -> None:
        """Ask for a folder, and add the videos in it."""
        if name := QFileDialog.getExistingDirectory(self, "Add the videos in a folder"):
            self.add([Path(name)])

    def show_page(self, page: QWidget) -> None:
        """Show the work page, or another in its place. Files can be dropped on the work page only."""
        if self.pages.indexOf(page) < 0:
            self.pages.addWidget(page)
        if self.pages.currentWidget() is page:
            return
        self.pages.setCurrentWidget(page)
        self.drops.enabled = page is self.work
        if self.drops.enabled:
            self._focus_list()

    def show_network_preferences(self) -> None:
        """Where a proxy's name and password are put right."""
        self.preferences_wanted.emit("Network")

    def forget(self) -> None:
        """Show no jobs: another engine is about to tell of its own."""
        self.settle()
        self.take([Removed(job.id) for job in self.model.jobs])

    def settle(self) -> None:
        """Save what was typed and tell the queue what was removed: the window is about to go."""
        self.drafts.save()
        self.deeds.removal.finish()

    def stop(self) -> None:
        """End what works beside the GUI thread."""
        self.thumbnails.stop()
        self.drops.stop()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """The keyboard starts in the list, wherever there is one."""
        super().showEvent(event)
        if self.focusWidget() is None:
            self._focus_list()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  (Qt's name)
        """Closing is the application's business: it may have something to say first."""
        event.ignore()
        self.quit_wanted.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  (Qt's name)
        """Below a width the composer is a page over the list."""
        super().resizeEvent(event)
        self._arrange()

    @property
    def narrow(self) -> bool:
        """Whether there is room for only one of list and composer."""
        return self.width() < tokens.NARROW

    def _make_actions(self) -> None:
        make, key, view = self.commands, QKeySequence.StandardKey, self.view
        self.add_action = make.anywhere("Add videos…", self.choose_files, key.Open, glyph="add")
        self.folder_action = make.anywhere("Add a folder…", self.choose_folder, "Ctrl+Shift+O", glyph="folder")
        self.paste_action = make.anywhere("Paste files", self._paste, key.Paste)
        self.find_action = make.anywhere("Find", self._find, key.Find, glyph="search")
        self.title_action = make.anywhere("Edit title", self._edit_title, "F2", glyph="edit")
        self.post_action = make.anywhere("Post when ready", self.form.post, "Ctrl+Return", "Ctrl+Enter", glyph="post")
        self.pause_all = make.anywhere("Pause all", lambda: self._do(lambda queue: queue.pause_all()), glyph="pause")
        self.resume_all = make.anywhere(
            "Resume all", lambda: self._do(lambda queue: queue.resume_all()), glyph="resume"
        )
        self.retry_all = make.anywhere(
            "Try again now", lambda: self._do(lambda queue: queue.retry_now()), glyph="retry"
        )
        self.preferences_action = make.anywhere(
            "Preferences…", lambda: self.preferences_wanted.emit(""), "Ctrl+,", glyph="preferences"
        )
        self.quit_action = make.anywhere("Quit", self.quit_wanted.emit, "Ctrl+Q", glyph="quit")
        make.anywhere("Menu", self._show_menu, "F10")
        make.anywhere("Back to the list", self._back, "Esc")
        make.within(view, "Pause or resume", self._toggle, "Space")
        make.within(view, "Remove", self._performing(Action.REMOVE), key.Delete, "Backspace")
        make.within(view, "Move up", self._performing(Action.MOVE_UP), "Alt+Up")
        make.within(view, "Move down", self._performing(Action.MOVE_DOWN), "Alt+Down")

    def _performing(self, action: Action) -> Callable[[], None]:
        return lambda: self.deeds.perform(action, self.view.jobs())

    def _show_menu(self) -> None:
        self.header.menu_button.showMenu()

    def _fill_menu(self) -> None:
        menu = QMenu("Menu", self)
        for group in (
            (self.add_action, self.folder_action, self.paste_action),
            (self.find_action, self.title_action, self.post_action),
            (self.pause_all, self.resume_all, self.retry_all),
            (self.preferences_action,),
            (self.quit_action,),
        ):
            menu.addActions(group)
            menu.addSeparator()
        self.header.account_menu.addAction(self.preferences_action)
        self.header.menu_button.setMenu(menu)
        self.header.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)

    def _connect(self) -> None:
        self.view.chosen.connect(self._chosen)
        self.view.clicked.connect(self._clicked)
        self.view.activated.connect(self._compose)
        self.view.pressed_action.connect(self.deeds.perform)
        self.view.menu_wanted.connect(self._row_menu)
        self.view.put_down.connect(self.deeds.put_down)
        self.form.acted.connect(self.deeds.perform)
        self.form.back.connect(self._back)
        self.form.community_chosen.connect(self._community_picked)
        self.work.limit.page_wanted.connect(self.preferences_wanted)
        self.work.empty.choose_wanted.connect(self.choose_files)
        self.work.filter.textChanged.connect(self._look_for)
        self.drops.dropped.connect(self.add)
        self.deeds.added.connect(self._were_added)
        self.deeds.rename_wanted.connect(self._rename)

    def _refresh(self) -> None:
        tally = self.model.tally
        rate = self._network.rate if self._network.online else 0
        self.work.show_counts(tally.heading(), tally.footing(rate))
        self.work.show_list(jobs=self.model.rowCount(), rows=self.rows.rowCount())
        self._arrange()

    def _arrange(self) -> None:
        self.work.arrange(narrow=self.narrow, composing=self._composing, empty=not self.model.rowCount())

    def _chosen(self) -> None:
        jobs = self.view.jobs()
        if [job.id for job in jobs] != ([self.form.job.id] if self.form.job else []):
            self.form.show_jobs(jobs)
        if not jobs:
            self._back()

    def _clicked(self, _index: QModelIndex) -> None:
        if self.narrow and QGuiApplication.keyboardModifiers() == Qt.KeyboardModifier.NoModifier:
            self._compose()

    def _compose(self) -> None:
        if self.form.job is None:
            return
        self._composing = True
        self._arrange()
        self.form.text.setFocus(Qt.FocusReason.OtherFocusReason)

    def _back(self) -> None:
        if self._composing:
            self._composing = False
            self._arrange()
            self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def _focus_list(self) -> None:
        (self.view if self.view.isVisible() else self.pages).setFocus(Qt.FocusReason.ActiveWindowFocusReason)

    def _edit_title(self) -> None:
        if self.form.job:
            self._composing = True
            self._arrange()
            self.form.edit_title()

    def _rename(self, job: Job) -> None:
        self.view.choose(self.rows.mapFromSource(self.model.index_of(job.id)))
        self._edit_title()

    def _row_menu(self, at: QPoint) -> None:
        self.commands.row_menu(self.view.jobs(), self.deeds.perform).popup(at)

    def _toggle(self) -> None:
        jobs = self.view.jobs()
        pausing = [job for job in jobs if Action.PAUSE in describe.allowed(job)]
        resuming = [job for job in jobs if Action.RESUME in describe.allowed(job)]
        self.deeds.perform(Action.PAUSE if pausing else Action.RESUME, pausing or resuming)

    def _paste(self) -> None:
        if self.drops.enabled:
            self.add(local_paths(QGuiApplication.clipboard().mimeData()))

    def _find(self) -> None:
        if self.model.rowCount():
            self._back()
            self.work.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
            self.work.filter.selectAll()

    def _look_for(self, text: str) -> None:
        self.rows.look_for(text)
        self._refresh()

    def _were_added(self, job_ids: list[str]) -> None:
        """Open the first new one for writing, unless somebody is writing already."""
        if self.form.job is None or not self.form.text.hasFocus():
            self._awaited = job_ids[0]
            self.take(())

    def _community_picked(self, community_id: str | None) -> None:
        self._community_id = community_id
        self.community_chosen.emit(community_id)

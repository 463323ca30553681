"""The window of posts that the server holds: the list, or what stands in its place. Shows and asks; decides nothing."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QDialog, QStackedWidget, QWidget

from uploader.desktop import tokens
from uploader.desktop.focus_ring import FocusRing
from uploader.desktop.notices import announce
from uploader.desktop.pending_list import PendingList
from uploader.desktop.pieces import button, column, label, row, set_role
from uploader.desktop.theme import Theme
from uploader.wire import OwnPost

TITLE = "Posts on the server"
ABOUT = "Drafts, posts with a set time and posts that wait for their video, from all your computers."
EMPTY = "The server holds no posts"
EMPTY_HINT = "A post that you schedule, or hand over while its video is processed, is here until it is out."


class PendingWindow(QDialog):
    """Not modal. `edit_wanted` and `cancel_wanted` carry the chosen post."""

    refresh_wanted = Signal()
    edit_wanted = Signal(object)
    cancel_wanted = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._begins = False
        self.setWindowTitle(TITLE)
        self.list = PendingList(theme)
        self.list.itemActivated.connect(lambda _: self._with_chosen(self.edit_wanted))
        self.list.currentRowChanged.connect(lambda _: self._enable())
        self.list.delete_pressed.connect(lambda: self._with_chosen(self.cancel_wanted))
        self.title, self.hint = label("", "title"), label("", "secondary", wrap=True)
        self.again_button = button("Try again")
        self.again_button.clicked.connect(self.refresh_wanted)
        self.said = label("", "secondary", wrap=True)
        self.edit_button = button("Edit…", name="Edit the post")
        self.edit_button.clicked.connect(lambda: self._with_chosen(self.edit_wanted))
        self.cancel_button = button("Cancel post…", name="Cancel the post")
        self.cancel_button.clicked.connect(lambda: self._with_chosen(self.cancel_wanted))
        self.refresh_button = button("Refresh")
        self.refresh_button.clicked.connect(self.refresh_wanted)
        QShortcut(QKeySequence.StandardKey.Refresh, self).activated.connect(self.refresh_wanted)
        self.close_button = button("Close")
        self.close_button.clicked.connect(self.accept)
        self._lay_out()
        self.ring = FocusRing(theme, self)
        self.setMinimumSize(*tokens.POSTS_MINIMUM)
        self.resize(*tokens.POSTS)
        self.show_busy()

    def show_busy(self) -> None:
        """The server is being asked. What it said last stays in sight."""
        self.refresh_button.setEnabled(False)
        if not self.list.count():
            self._stand_in("Asking the server…", "")

    def show_posts(self, posts: Sequence[OwnPost]) -> None:
        """What the server has said."""
        self.refresh_button.setEnabled(True)
        self.list.show_posts(posts)
        if posts:
            begins, self._begins = self._begins or self.again_button.hasFocus(), False
            self.pages.setCurrentWidget(self.list)
            if begins:
                self.list.setFocus(Qt.FocusReason.ActiveWindowFocusReason)
        else:
            self._stand_in(EMPTY, EMPTY_HINT)
        self._enable()

    def show_trouble(self, title: str, hint: str) -> None:
        """Why there is no list; one that is old is not shown."""
        self.refresh_button.setEnabled(True)
        self.list.clear()
        self._stand_in(title, hint, again=True)

    def say(self, words: str, role: str = "secondary") -> None:
        """What became of what the person just did."""
        set_role(self.said, role)
        self.said.setText(words)
        self.said.setVisible(bool(words))
        if words:
            announce(self, words)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """The keyboard starts in the list, once there is one."""
        super().showEvent(event)
        self._begins = True

    def _stand_in(self, title: str, hint: str, *, again: bool = False) -> None:
        if title != self.title.text() or self.pages.currentWidget() is self.list:
            announce(self, f"{title}. {hint}")
        self.title.setText(title)
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))
        self.again_button.setVisible(again)
        self.pages.setCurrentWidget(self._message)
        self._enable()

    def _enable(self) -> None:
        there = self.pages.currentWidget() is self.list and self.list.chosen is not None
        self.edit_button.setEnabled(there)
        self.cancel_button.setEnabled(there)

    def _with_chosen(self, wanted: SignalInstance) -> None:
        if self.list.chosen is not None:
            wanted.emit(self.list.chosen)

    def _lay_out(self) -> None:
        self._message = QWidget()
        middle = column(tokens.S, (tokens.XXL,) * 4, self._message)
        middle.addStretch(1)
        for one in (self.title, self.hint):
            one.setAlignment(Qt.AlignmentFlag.AlignCenter)
            middle.addWidget(one)
        middle.addSpacing(tokens.S)
        middle.addWidget(self.again_button, 0, Qt.AlignmentFlag.AlignHCenter)
        middle.addStretch(1)
        self.pages = QStackedWidget()
        self.pages.addWidget(self._message)
        self.pages.addWidget(self.list)
        self.said.hide()
        half = tokens.ROW_GAP // 2  # what the rows keep at their sides, for the focus ring
        aside = (half, 0, half, 0)
        about, said, foot = column(0, aside), column(0, aside), row(tokens.S, aside)
        about.addWidget(label(ABOUT, "secondary", wrap=True))
        said.addWidget(self.said)
        foot.addWidget(self.edit_button)
        foot.addWidget(self.cancel_button)
        foot.addStretch(1)
        foot.addWidget(self.refresh_button)
        foot.addWidget(self.close_button)
        whole = column(tokens.M, (tokens.L - half, tokens.L, tokens.L - half, tokens.L), self)
        whole.addLayout(about)
        whole.addWidget(self.pages, 1)
        whole.addLayout(said)
        whole.addLayout(foot)

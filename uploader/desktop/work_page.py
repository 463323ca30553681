"""The page of daily work: header, list beside composer, status line. Arranges; decides nothing."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLineEdit, QStackedWidget, QWidget

from uploader.desktop import tokens
from uploader.desktop.empty_list import EmptyList
from uploader.desktop.header import Header
from uploader.desktop.icons import icon
from uploader.desktop.limit_menu import LimitMenu
from uploader.desktop.notices import Banner
from uploader.desktop.pieces import Elided, column, frame, label, named, row
from uploader.desktop.post_form import PostForm
from uploader.desktop.queue_view import QueueView
from uploader.desktop.theme import Theme

UNLIMITED = 16_777_215
"""Qt's own largest width."""


class WorkPage(QWidget):
    """List and composer share the width; below `tokens.NARROW` they take turns."""

    def __init__(self, theme: Theme, header: Header, view: QueueView, form: PostForm) -> None:
        super().__init__()
        self._theme = theme
        self.header, self.view, self.form = header, view, form
        self.banner = Banner(theme)
        self.heading = Elided("strong")
        self.filter = named(QLineEdit(placeholderText="Find", clearButtonEnabled=True), "Find in the list")
        self.filter.setFixedWidth(tokens.FILTER)
        self._magnifier = QAction(self.filter)
        self.filter.addAction(self._magnifier, QLineEdit.ActionPosition.LeadingPosition)
        self.empty = EmptyList(theme)
        self.nothing_found = label("Nothing in the list matches.", "secondary")
        self.nothing_found.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.footing = Elided("secondary")
        self.limit = LimitMenu()
        self._lay_out()
        theme.changed.connect(self._draw)
        self._draw()

    def show_counts(self, heading: str, footing: str) -> None:
        """The line above the list and the one below the window."""
        self.heading.setText(heading)
        self.footing.setText(footing)

    def show_list(self, *, jobs: int, rows: int) -> None:
        """The list, or what stands in its place: nothing there at all, or nothing that matches."""
        page = self._empty_page if not jobs else self.view if rows else self.nothing_found
        if self._list_pages.currentWidget() is not page:
            self._list_pages.setCurrentWidget(page)
        self._list_top.setVisible(jobs > 0)

    def arrange(self, *, narrow: bool, composing: bool, empty: bool) -> None:
        """Both sides where there is room, else the one that is worked on. An empty list has nothing to compose."""
        self.form.show_narrow(narrow)
        self.form.setMinimumWidth(0 if narrow else tokens.COMPOSER)
        self.form.setMaximumWidth(UNLIMITED if narrow else tokens.COMPOSER)
        self.form.setVisible(composing if narrow else not empty)
        self._list_side.setVisible(not narrow or not composing)

    def _lay_out(self) -> None:
        self._list_top = QWidget()
        top = row(tokens.M, (tokens.L, tokens.M, tokens.L, tokens.XS), self._list_top)
        top.addWidget(self.heading, 1)
        top.addWidget(self.filter)
        self._empty_page = QWidget()
        column(0, (tokens.L,) * 4, self._empty_page).addWidget(self.empty)
        self._list_pages = QStackedWidget()
        for page in (self._empty_page, self.view, self.nothing_found):
            self._list_pages.addWidget(page)
        self._list_side = QWidget()
        side = column(within=self._list_side)
        side.addWidget(self.banner)
        side.addWidget(self._list_top)
        side.addWidget(self._list_pages, 1)

        body = row()
        body.addWidget(self._list_side, 1)
        body.addWidget(self.form)
        status = frame("status")
        status.setFixedHeight(tokens.STATUS)
        line = row(tokens.M, (tokens.L, 0, tokens.S, 0), status)
        line.addWidget(self.footing, 1)
        line.addWidget(self.limit.button)
        whole = column(within=self)
        whole.addWidget(self.header)
        whole.addLayout(body, 1)
        whole.addWidget(status)

    def _draw(self) -> None:
        self._magnifier.setIcon(icon("search", self._theme.colours.secondary))

"""The page before there is work: which server, and signing in to it. Shows and asks; decides nothing."""

from urllib.parse import urlsplit

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QProgressBar, QSizePolicy, QStackedWidget, QWidget

from uploader.desktop import tokens
from uploader.desktop.pieces import Glyph, button, column, label, named, row
from uploader.desktop.theme import Theme


def address(typed: str) -> str | None:
    """A server's address as a person types it, made whole; None if it cannot be one."""
    words = typed.strip()
    if not words.endswith("://"):
        words = words.rstrip("/")
    if not words or any(letter.isspace() for letter in words):
        return None
    if "://" not in words:
        host = words.partition("/")[0].partition(":")[0]
        words = ("http://" if host in {"localhost", "127.0.0.1"} else "https://") + words
    try:
        parts = urlsplit(words)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    return words if valid and not parts.query and not parts.fragment else None


class FirstRun(QWidget):
    """One card in the middle, with one question at a time."""

    local_chosen = Signal()
    server_chosen = Signal(str)
    sign_in_wanted = Signal()
    cancelled = Signal()
    page_wanted = Signal(str)
    other_server_wanted = Signal()
    network_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._link = ""
        self._cards = QStackedWidget()
        self._cards.setFixedWidth(tokens.CARD)
        self._asking, self._signing_in, self._waiting, self._busy = (
            self._ask_server(), self._ask_sign_in(), self._wait_for_browser(), self._be_busy(),
        )  # fmt: skip
        for card in (self._asking, self._signing_in, self._waiting, self._busy):
            self._cards.addWidget(card)
        self._focus: QWidget = self.local_button
        middle = column(tokens.XL, within=self)
        middle.addStretch(2)
        middle.addWidget(label("Reelferry", "heading"), 0, Qt.AlignmentFlag.AlignHCenter)
        middle.addWidget(self._cards, 0, Qt.AlignmentFlag.AlignHCenter)
        middle.addStretch(3)

    def ask_server(self, trouble: str = "", *, way_back: bool = False) -> None:
        """Which server? `trouble` is what was wrong with the last answer."""
        self.server_trouble.setText(trouble)
        self.server_trouble.setVisible(bool(trouble))
        self.keep_button.setVisible(way_back)
        self._show(self._asking, self.server if trouble else self.local_button)

    def ask_sign_in(self, server: str, trouble: str = "", *, first_account: bool = False) -> None:
        """Sign in to `server`; where it has no account yet, make the first one."""
        if first_account:
            self.sign_in_title.setText("Create your account")
            self.sign_in_words.setText(
                "A page opens in your browser. Choose a name and a password there; this window goes on by itself."
            )
        else:
            self.sign_in_title.setText("Sign in")
            self.sign_in_words.setText(f"A page of {server} opens in your browser. This window goes on by itself.")
        self.sign_in_trouble.setText(trouble)
        self.sign_in_trouble.setVisible(bool(trouble))
        self._show(self._signing_in, self.sign_in_button)

    def wait_for_browser(self, link: str) -> None:
        """The page is open in the browser: wait for it."""
        self._link = link
        self._show(self._waiting, self.again_button)

    def be_busy(self, words: str) -> None:
        """Something takes a moment."""
        self.busy_words.setText(words)
        self._show(self._busy, self._busy)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """The keyboard starts at the question."""
        super().showEvent(event)
        self._focus.setFocus(Qt.FocusReason.ActiveWindowFocusReason)

    def _show(self, card: QWidget, focus: QWidget) -> None:
        self._focus = focus
        for one in (self._asking, self._signing_in, self._waiting, self._busy):
            high = QSizePolicy.Policy.Preferred if one is card else QSizePolicy.Policy.Ignored
            one.setSizePolicy(QSizePolicy.Policy.Preferred, high)
        self._cards.setCurrentWidget(card)
        if self.isVisible():
            focus.setFocus(Qt.FocusReason.ActiveWindowFocusReason)

    def _ask_server(self) -> QWidget:
        self.local_button = button("Use this computer", "primary")
        self.local_button.clicked.connect(self.local_chosen)
        self.server = named(QLineEdit(placeholderText="https://films.example"), "Address of a server")
        self.server.returnPressed.connect(self._connect_to)
        self.connect_button = button("Connect")
        self.connect_button.clicked.connect(self._connect_to)
        self.server_trouble = label("", "bad", wrap=True)
        self.network_button = button("Behind a proxy?", "link", name="Network preferences")
        self.network_button.clicked.connect(self.network_wanted)
        self.keep_button = button("Keep the server I have", "link")
        self.keep_button.clicked.connect(self.cancelled)
        card = _Card("Where should your videos go?")
        line = row(tokens.M)
        line.addWidget(Glyph("computer", self._theme, "accent", tokens.XXL), 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(
            label("A small server runs here, as long as Reelferry does. Nothing leaves this computer.", wrap=True), 1
        )
        card.inside.addLayout(line)
        card.inside.addWidget(self.local_button)
        card.inside.addWidget(label("Or a server you have an account on", "secondary"))
        line = row(tokens.S)
        line.addWidget(self.server, 1)
        line.addWidget(self.connect_button)
        card.inside.addLayout(line)
        card.inside.addWidget(self.server_trouble)
        links = row(tokens.L)
        links.addWidget(self.network_button)
        links.addWidget(self.keep_button)
        links.addStretch(1)
        card.inside.addLayout(links)
        return card

    def _ask_sign_in(self) -> QWidget:
        card = _Card("")
        self.sign_in_title = card.title
        self.sign_in_words = label("", wrap=True)
        self.sign_in_trouble = label("", "bad", wrap=True)
        self.sign_in_button = button("Continue in your browser", "primary")
        self.sign_in_button.clicked.connect(self.sign_in_wanted)
        other = button("Use another server", "link")
        other.clicked.connect(self.other_server_wanted)
        for one in (self.sign_in_words, self.sign_in_trouble, self.sign_in_button):
            card.inside.addWidget(one)
        card.inside.addWidget(other, 0, Qt.AlignmentFlag.AlignLeft)
        return card

    def _wait_for_browser(self) -> QWidget:
        card = _Card("Continue in your browser")
        card.inside.addWidget(label("This window goes on by itself once you have signed in there.", wrap=True))
        self.again_button = button("Open the page again")
        self.again_button.clicked.connect(lambda: self.page_wanted.emit(self._link))
        self.copy_button = button("Copy link")
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._link))
        self.cancel_button = button("Cancel", "plain")
        self.cancel_button.clicked.connect(self.cancelled)
        line = row(tokens.S)
        for one in (self.again_button, self.copy_button, self.cancel_button):
            line.addWidget(one)
        line.addStretch(1)
        card.inside.addLayout(line)
        return card

    def _be_busy(self) -> QWidget:
        card = _Card("One moment")
        self.busy_words = label("", wrap=True)
        bar = named(QProgressBar(maximum=0, textVisible=False), "Working")
        bar.setFixedHeight(tokens.PROGRESS)
        card.inside.addWidget(self.busy_words)
        card.inside.addWidget(bar)
        return card

    def _connect_to(self) -> None:
        whole = address(self.server.text())
        if whole is None:
            self.ask_server("This is not an address. It looks like https://films.example.", way_back=self._has_way_back)
        else:
            self.server_chosen.emit(whole)

    @property
    def _has_way_back(self) -> bool:
        return not self.keep_button.isHidden()


class _Card(QFrame):
    """A surface with a title; what it asks goes `inside`."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.title = label(title, "title")
        self.inside = column(tokens.M, (tokens.XL,) * 4, self)
        self.inside.addWidget(self.title)

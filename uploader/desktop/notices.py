"""What is said beside the list: a banner for what holds everything up, a toast for what the person just did."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QFrame, QWidget

from uploader.desktop import tokens
from uploader.desktop.pieces import Glyph, button, column, frame, label, row
from uploader.desktop.theme import Theme


class Banner(QWidget):
    """One line of trouble that concerns everything, with one button. Not modal; it goes when the trouble goes."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._action: Callable[[], object] | None = None
        self.title, self.hint = label("", "title", wrap=True), label("", "secondary", wrap=True)
        self.button = button("Try again")
        self.button.clicked.connect(self._press)
        words = column()
        words.addWidget(self.title)
        words.addWidget(self.hint)
        card = frame("banner")
        column(0, (tokens.L, tokens.M, tokens.L, 0), self).addWidget(card)
        line = row(tokens.M, (tokens.M, tokens.S, tokens.M, tokens.S), card)
        line.addWidget(Glyph("warning", theme, "warn", tokens.XL))
        line.addLayout(words, 1)
        line.addWidget(self.button)
        self.hide()

    def say(self, title: str, hint: str, does: str = "", action: Callable[[], object] | None = None) -> None:
        """Show this trouble; `does` is the button's word."""
        if (title, hint, does) != (self.title.text(), self.hint.text(), self.button.text()) or self.isHidden():
            self.title.setText(title)
            self.hint.setText(hint)
            self.hint.setVisible(bool(hint))
            self.button.setText(does)
            self.button.setAccessibleName(does)
            self.setAccessibleName(f"{title}. {hint}")
            announce(self, f"{title}. {hint}")
        self._action = action
        self.button.setVisible(bool(does))
        self.show()

    def _press(self) -> None:
        if self._action:
            self._action()


class Toast(QFrame):
    """Confirms what the person just did, and lets them take it back for a while."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self.setProperty("role", "toast")
        self._undo: Callable[[], object] | None = None
        self.words = label()
        self.undo_button = button("Undo")
        self.undo_button.clicked.connect(self._take_back)
        line = row(tokens.M, (tokens.L, tokens.S, tokens.S, tokens.S), self)
        line.addWidget(self.words)
        line.addWidget(self.undo_button)
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self.hide)
        parent.installEventFilter(self)
        self.hide()

    def say(self, words: str, undo: Callable[[], object] | None = None) -> None:
        """Show this for some seconds; longer where it can be undone."""
        self._undo = undo
        self.words.setText(words)
        self.undo_button.setVisible(undo is not None)
        self.setMinimumHeight(tokens.CONTROL + 2 * tokens.S)
        self._timer.start(tokens.UNDO if undo else tokens.TOAST)
        self._place()
        self.show()
        self.raise_()
        announce(self, words)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  (Qt's name)
        """Stay in the middle of the lower edge."""
        if event.type() is QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        self.setMaximumWidth(self._over.width() - 2 * tokens.L)
        self.adjustSize()
        area = self._over.rect()
        self.move((area.width() - self.width()) // 2, area.height() - self.height() - tokens.STATUS - tokens.L)

    def _take_back(self) -> None:
        self.hide()
        if self._undo:
            self._undo()


def announce(widget: QWidget, words: str) -> None:
    """Have a screen reader say it, without moving the focus."""
    if QAccessible.isActive():
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, words))

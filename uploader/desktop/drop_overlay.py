"""What is shown while something is held over the window: what letting go would add, and what it would leave out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from uploader.desktop import amounts, tokens
from uploader.desktop.pieces import Glyph, column, frame, label
from uploader.desktop.theme import Theme
from uploader.engine.drop import Refusal


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a drop would do, in words, before it is let go."""

    taken: int
    words: str
    left_out: tuple[str, ...] = ()


def verdict(taken: Sequence[Path], refused: Sequence[Refusal]) -> Verdict:
    """ "Drop to add 4 videos", and one line for each reason something stays out."""
    reasons = Counter(refusal.error.title for refusal in refused)
    left_out = tuple(f"{number} will be left out: {_reason(reason)}" for reason, number in reasons.most_common())
    if not taken:
        return Verdict(0, "Nothing here can be added", left_out)
    folders = sum(path.is_dir() for path in taken)
    files = len(taken) - folders
    parts = [amounts.count(files, "video", "videos")] if files else []
    if folders:
        parts.append("the videos in " + amounts.count(folders, "folder", "folders"))
    return Verdict(len(taken), f"Drop to add {' and '.join(parts)}", left_out)


def unjudged(paths: Sequence[Path]) -> Verdict:
    """What can be said before anybody has looked."""
    return Verdict(len(paths), f"Drop to add {amounts.count(len(paths), 'file', 'files')}")


def _reason(title: str) -> str:
    """An error's title as the end of a sentence: "This is not a video" is "not a video" there."""
    short = title.removeprefix("This is ")
    return short[:1].lower() + short[1:]


class DropOverlay(QWidget):
    """A frame around the whole window and a card in its middle, as long as something is held over it."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._over = theme, parent
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._card = frame("card")
        self._icon = Glyph("drop", theme, "accent", tokens.XXL)
        self.words = label("", "heading")
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.left_out = label("", "warn")
        self.left_out.setAlignment(Qt.AlignmentFlag.AlignCenter)
        inside = column(tokens.S, (tokens.XXL, tokens.XL, tokens.XXL, tokens.XL), self._card)
        inside.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignHCenter)
        inside.addWidget(self.words)
        inside.addWidget(self.left_out)
        column(within=self).addWidget(self._card, 0, Qt.AlignmentFlag.AlignCenter)
        parent.installEventFilter(self)
        self.hide()

    def show_verdict(self, said: Verdict) -> None:
        """Say what letting go would do."""
        self.words.setText(said.words)
        self.left_out.setText("\n".join(said.left_out))
        self.left_out.setVisible(bool(said.left_out))
        self._icon.setVisible(said.taken > 0)
        self.setGeometry(self._over.rect())
        self.show()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  (Qt's name)
        """Cover the window, whatever its size."""
        if event.type() is QEvent.Type.Resize:
            self.setGeometry(self._over.rect())
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  (Qt's name)
        """Qt asks."""
        colours = self._theme.colours
        painter = QPainter(self)
        veil = QColor(colours.window)
        veil.setAlphaF(0.75)
        painter.fillRect(self.rect(), veil)
        painter.setPen(QPen(QColor(colours.accent), tokens.RING))
        inset = tokens.RING / 2
        painter.drawRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset))

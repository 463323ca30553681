"""The quality a post is to wait for: any, or one that the file has and the server makes later than others."""

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QWidget

from uploader.desktop import tokens
from uploader.desktop.pieces import Choice, label, named, row
from uploader.desktop.theme import Theme

ANY = "Any quality"


class Quality(QWidget):
    """A choice of heights. Hidden where there is nothing to choose."""

    changed = Signal(object)
    arranged = Signal()
    """It has come or gone: there is more room, or less."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._offered: tuple[int, ...] = ()
        self._useful = False
        self._shown: tuple[tuple[int, ...], int | None] | None = None
        self.choice = named(Choice(theme), "Quality to wait for")
        self.choice.activated.connect(lambda _: self.changed.emit(self.choice.currentData()))
        beside = label("Wait until it plays in", "secondary")
        beside.setBuddy(self.choice)
        whole = row(tokens.S, within=self)
        whole.addWidget(beside)
        whole.addWidget(self.choice, 1)
        self._arrange()

    def offer(self, heights: tuple[int, ...]) -> None:
        """What the server can wait for; it holds for what is shown from now on."""
        self._offered = heights
        self._arrange()

    def show_height(self, highest: float | None, chosen: int | None, *, open_: bool) -> None:
        """Show what is chosen for a file so high (None: not known yet), without telling anybody.

        `open_`: it can still be changed.
        """
        there = {height for height in self._offered if highest is not None and height <= highest}
        heights = tuple(sorted(there | ({chosen} if chosen else set())))
        if (heights, chosen) != self._shown and not self.is_edited():
            self._shown = heights, chosen
            with QSignalBlocker(self.choice):
                self.choice.clear()
                self.choice.addItem(ANY, None)
                for height in heights:
                    self.choice.addItem(f"{height}p", height)
                self.choice.setCurrentIndex(max(0, self.choice.findData(chosen)))
        self._useful = open_ and bool(heights)
        self._arrange()

    def is_edited(self) -> bool:
        """Whether somebody is choosing now."""
        return self.choice.view().isVisible()

    def _arrange(self) -> None:
        wanted = bool(self._offered) and self._useful
        if wanted == self.isHidden():
            self.setVisible(wanted)
            self.arranged.emit()

"""The general preferences: how the window looks."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from uploader.desktop import tokens
from uploader.desktop.header import APPEARANCES
from uploader.desktop.pieces import Choice, column, label, named, row
from uploader.desktop.theme import Theme


class GeneralPage(QWidget):
    """Shows the choice, and says when another is made."""

    appearance_chosen = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.appearance = named(Choice(theme), "Appearance")
        for name, words in APPEARANCES.items():
            self.appearance.addItem(words, name)
        self.appearance.activated.connect(lambda at: self.appearance_chosen.emit(self.appearance.itemData(at)))
        line = row(tokens.M)
        line.addWidget(label("Appearance"))
        line.addWidget(self.appearance)
        line.addStretch(1)
        page = column(tokens.M, (tokens.XL,) * 4, self)
        page.addLayout(line)
        page.addStretch(1)

    def show_appearance(self, appearance: str) -> None:
        """What is chosen now."""
        self.appearance.setCurrentIndex(self.appearance.findData(appearance))

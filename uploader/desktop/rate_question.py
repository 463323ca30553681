"""Asks for a speed that is not among those offered."""

from PySide6.QtWidgets import QDialog, QLineEdit, QWidget

from uploader.desktop import tokens
from uploader.desktop.pieces import button, column, label, named, row
from uploader.uplink import parse_rate, rate_words

EXAMPLE = "Such as 4 Mbit/s or 500 kB/s."


class RateQuestion(QDialog):
    """One field. `rate` is the answer in bytes a second, once it was accepted."""

    def __init__(self, parent: QWidget, rate: int | None = None) -> None:
        super().__init__(parent)
        self.rate = rate
        self.setWindowTitle("Upload limit")
        self.field = named(QLineEdit(rate_words(rate) if rate else ""), "Upload limit")
        self.field.setPlaceholderText("4 Mbit/s")
        self.field.selectAll()
        self.words = label(EXAMPLE, "secondary")
        self.set_button = button("Set limit", "primary")
        self.set_button.setDefault(True)
        self.set_button.clicked.connect(self._set)
        cancel = button("Cancel")
        cancel.clicked.connect(self.reject)
        inside = column(tokens.S, (tokens.XL,) * 4, self)
        inside.addWidget(label("Uploads together take no more than", "title"))
        inside.addWidget(self.field)
        inside.addWidget(self.words)
        inside.addSpacing(tokens.S)
        buttons = row(tokens.S)
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(self.set_button)
        inside.addLayout(buttons)
        self.setMinimumWidth(tokens.QUESTION)

    def _set(self) -> None:
        try:
            self.rate = parse_rate(self.field.text())
        except ValueError:
            self.words.setText(f"Write a speed of at least 1 kB/s. {EXAMPLE}")
            self.field.setAccessibleDescription(self.words.text())
            self.field.setFocus()
            return
        self.accept()


def ask_rate(parent: QWidget, rate: int | None) -> int | None:
    """The speed a person wants, in bytes a second; None if they would rather not say."""
    question = RateQuestion(parent, rate)
    said = question.rate if question.exec() else None
    question.deleteLater()
    return said

"""What is asked before something is done that cannot be taken back."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QWidget

from uploader.desktop import tokens
from uploader.desktop.pieces import button, column, label, row


class Question(QDialog):
    """Accepted when the person means it; Return and Escape leave things as they are. Removes itself when it closes.

    `go` and `stay` are the buttons' words.
    """

    def __init__(self, parent: QWidget, title: str, words: str, *, go: str, stay: str) -> None:
        super().__init__(parent)
        self.setWindowTitle(go)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        inside = column(tokens.M, (tokens.XL,) * 4, self)
        inside.addWidget(label(title, "title", wrap=True))
        inside.addWidget(label(words, wrap=True))
        self.go_button = button(go, "primary")
        self.go_button.clicked.connect(self.accept)
        self.stay_button = button(stay)
        self.stay_button.setDefault(True)
        self.stay_button.clicked.connect(self.reject)
        buttons = row(tokens.S)
        buttons.addStretch(1)
        buttons.addWidget(self.stay_button)
        buttons.addWidget(self.go_button)
        inside.addSpacing(tokens.S)
        inside.addLayout(buttons)
        self.setAccessibleName(title)
        self.setMinimumWidth(tokens.COMPOSER)

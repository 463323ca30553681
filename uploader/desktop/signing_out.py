"""What is asked before every computer of a person is signed out: it cannot be taken back, but nothing is lost."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QWidget

from uploader.desktop import tokens
from uploader.desktop.pieces import button, column, label, row

TITLE = "Sign out everywhere?"


class SignOutEverywhere(QDialog):
    """Accepted when the person means it. Removes itself when it closes."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Sign out everywhere")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        inside = column(tokens.M, (tokens.XL,) * 4, self)
        inside.addWidget(label(TITLE, "title"))
        words = (
            "Reelferry on all your computers has to sign in again, this one too. "
            "Your videos and texts are kept; uploads go on where they stopped once you are signed in."
        )
        inside.addWidget(label(words, wrap=True))
        self.go_button = button("Sign out everywhere", "primary")
        self.go_button.clicked.connect(self.accept)
        self.stay_button = button("Cancel")
        self.stay_button.setDefault(True)
        self.stay_button.clicked.connect(self.reject)
        buttons = row(tokens.S)
        buttons.addStretch(1)
        buttons.addWidget(self.stay_button)
        buttons.addWidget(self.go_button)
        inside.addSpacing(tokens.S)
        inside.addLayout(buttons)
        self.setAccessibleName(TITLE)
        self.setMinimumWidth(tokens.COMPOSER)

"""What is said when the window closes while uploads run: nothing is lost."""

from PySide6.QtWidgets import QDialog, QWidget

from uploader.desktop import amounts, tokens
from uploader.desktop.pieces import button, column, label, row


class ClosingNotice(QDialog):
    """Not a question of life and death: closing is fine, and so is staying."""

    def __init__(self, unfinished: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Close Reelferry")
        videos = amounts.count(unfinished, "video is", "videos are")
        inside = column(tokens.M, (tokens.XL,) * 4, self)
        inside.addWidget(label("Uploads continue when you start Reelferry again", "title"))
        inside.addWidget(label(f"{videos} still on the way. What the server has is safe.", wrap=True))
        close = button("Close", "primary")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        stay = button("Keep uploading")
        stay.clicked.connect(self.reject)
        buttons = row(tokens.S)
        buttons.addStretch(1)
        buttons.addWidget(stay)
        buttons.addWidget(close)
        inside.addSpacing(tokens.S)
        inside.addLayout(buttons)
        self.setAccessibleName("Uploads continue when you start Reelferry again")

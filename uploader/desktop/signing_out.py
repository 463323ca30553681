"""What is asked before every computer of a person is signed out: it cannot be taken back, but nothing is lost."""

from PySide6.QtWidgets import QWidget

from uploader.desktop.question import Question

TITLE = "Sign out everywhere?"
WORDS = (
    "Reelferry on all your computers has to sign in again, this one too. "
    "Your videos and texts are kept; uploads go on where they stopped once you are signed in."
)


class SignOutEverywhere(Question):
    """Accepted when the person means it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, TITLE, WORDS, go="Sign out everywhere", stay="Cancel")

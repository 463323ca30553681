"""The preferences: a window of their own, one tab a subject. What is changed holds at once, with nothing to confirm."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QFrame, QScrollArea, QTabWidget, QWidget

from uploader.desktop import tokens
from uploader.desktop.pieces import button, column, named, row


class Preferences(QDialog):
    """Holds pages and shows one. Not modal: what a choice does is seen in the window behind it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Preferences")
        self.tabs = named(QTabWidget(documentMode=True), "Preferences")
        self.tabs.tabBar().setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.close_button = button("Close")
        self.close_button.clicked.connect(self.accept)
        foot = row(0, (tokens.L, tokens.S, tokens.L, tokens.M))
        foot.addStretch(1)
        foot.addWidget(self.close_button)
        whole = column(within=self)
        whole.addWidget(self.tabs, 1)
        whole.addLayout(foot)
        self.setMinimumSize(*tokens.PREFERENCES_MINIMUM)
        self.resize(*tokens.PREFERENCES)

    def add(self, title: str, page: QWidget) -> None:
        """One more tab. A page that is higher than the window scrolls."""
        scrolled = QScrollArea(widgetResizable=True)
        scrolled.setFrameShape(QFrame.Shape.NoFrame)
        scrolled.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scrolled.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scrolled.setWidget(page)
        self.tabs.addTab(scrolled, title)

    def show_page(self, title: str = "") -> None:
        """Come to the front; at the tab of this name, if one is named."""
        for at in range(self.tabs.count()):
            if self.tabs.tabText(at) == title:
                self.tabs.setCurrentIndex(at)
        self.show()
        self.raise_()
        self.activateWindow()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """The keyboard starts at the tabs."""
        super().showEvent(event)
        self.tabs.tabBar().setFocus(Qt.FocusReason.ActiveWindowFocusReason)

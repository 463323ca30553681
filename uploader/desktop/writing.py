"""The fields a post is written in: text with what is left of its length, community, and a title where there is one."""

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QGridLayout, QLineEdit, QPlainTextEdit, QWidget

from uploader.desktop import tokens
from uploader.desktop.pieces import Choice, column, label, named, row, set_role
from uploader.desktop.theme import Theme
from uploader.wire import Community

NO_COMMUNITY = "No community"
DEFAULT_LIMIT = 5000


class Writing(QWidget):
    """Says when a person has `edited` text or title, or picked another community. Knows no job and no server."""

    title_edited = Signal(str)
    text_edited = Signal(str)
    community_picked = Signal(object)

    def __init__(self, theme: Theme, *, titled: bool) -> None:
        super().__init__()
        self._limit = DEFAULT_LIMIT
        self.title = named(QLineEdit(), "Title")
        self.title.textEdited.connect(self.title_edited)
        self.text = named(QPlainTextEdit(tabChangesFocus=True), "What’s on your mind?")
        self.text.setMinimumHeight(72)
        self.text.textChanged.connect(lambda: self.text_edited.emit(self.text.toPlainText()))
        self.counter = label("", "secondary")
        self.counter.setAccessibleName("Characters left")
        self.community = named(Choice(theme), "Community")
        self.community.addItem(NO_COMMUNITY, None)
        self.community.activated.connect(lambda at: self.community_picked.emit(self.community.itemData(at)))
        self._lay_out(titled=titled)

    def offer(self, communities: tuple[Community, ...], limit: int | None) -> None:
        """Where it may appear, and how long a text may be. What is chosen has to be shown again."""
        self._limit = limit or DEFAULT_LIMIT
        with QSignalBlocker(self.community):
            self.community.clear()
            self.community.addItem(NO_COMMUNITY, None)
            for one in communities:
                self.community.addItem(one.name, one.id)
        self.count()

    def show_text(self, text: str, *, to_end: bool = False) -> None:
        """Show this text, without telling anybody; with `to_end` the cursor stands behind it."""
        with QSignalBlocker(self.text):
            self.text.setPlainText(text)
            if to_end:
                self.text.moveCursor(QTextCursor.MoveOperation.End)

    def show_community(self, community_id: str | None) -> None:
        """Show this one, or none where it is not among those offered."""
        self.community.setCurrentIndex(max(0, self.community.findData(community_id)))

    def let_edit(self, open_: bool) -> None:
        """Whether anything can be changed now."""
        for field in (self.title, self.text):
            field.setReadOnly(not open_)
        self.community.setEnabled(open_)
        self.counter.setVisible(open_)

    def count(self) -> int:
        """Say how many characters are left, and return them; less than none are too many."""
        left = self._limit - len(self.text.toPlainText())
        self.counter.setText(f"{left} left" if left >= 0 else f"{-left} too many")
        set_role(self.counter, "bad" if left < 0 else "warn" if left < self._limit // 20 else "secondary")
        return left

    def _lay_out(self, *, titled: bool) -> None:
        asked = row()
        mind = label("What’s on your mind?", "secondary")
        mind.setBuddy(self.text)
        asked.addWidget(mind, 1)
        asked.addWidget(self.counter)
        fields = QGridLayout(self)
        fields.setHorizontalSpacing(tokens.M)
        fields.setVerticalSpacing(tokens.S)
        fields.setContentsMargins(*(tokens.XS,) * 4)  # for the focus ring
        fields.setColumnStretch(1, 1)
        named_fields = (("Title", self.title), ("Community", self.community))
        for at, (words, field) in enumerate(named_fields):
            if field is self.title and not titled:
                field.setParent(self)
                field.hide()
                continue
            beside = label(words, "secondary")
            beside.setBuddy(field)
            fields.addWidget(beside, 2 * at, 0)
            fields.addWidget(field, 2 * at, 1)
        writing = column(tokens.XS)
        writing.addLayout(asked)
        writing.addWidget(self.text, 1)
        fields.addLayout(writing, 1, 0, 1, 2)
        fields.setRowStretch(1, 1)

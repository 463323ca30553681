"""Edits a post that the server holds, in the composer's own fields."""

import math
from datetime import datetime
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QDialog, QWidget

from uploader.desktop import pending_words, tokens
from uploader.desktop.focus_ring import FocusRing
from uploader.desktop.notices import announce
from uploader.desktop.pieces import Elided, Tick, button, column, label, row, set_role
from uploader.desktop.quality import Quality
from uploader.desktop.question import Question
from uploader.desktop.theme import Theme
from uploader.desktop.when import When
from uploader.desktop.writing import Writing
from uploader.wire import Community, OwnPost, PostChange, ServerConfig

HOLD = "Hold it back as a draft"
ELSEWHERE = "A community you are not in"
ASK = "Close without saving?"
ASK_WORDS = "What you changed here would be lost. The server keeps the post as it is."


class PendingEditor(QDialog):
    """`saved` carries a `PostChange` of what is different. It stays open until whoever saves closes it."""

    saved = Signal(object)

    def __init__(
        self,
        theme: Theme,
        post: OwnPost,
        communities: tuple[Community, ...],
        config: ServerConfig | None,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.post = post
        self._time_set = self._height_set = self._busy = False
        self.setWindowTitle("Edit post")
        self.setModal(True)
        self.writing = Writing(theme, titled=False)
        self.writing.text_edited.connect(lambda _: self._enable())
        self.when = When(theme)
        self.when.changed.connect(self._time_picked)
        self.quality = Quality(theme)
        self.quality.changed.connect(self._height_picked)
        self.hold = Tick(HOLD, theme)
        self.trouble = label("", "bad", wrap=True)
        self.save_button = button("Post again" if post.state == "not_published" else "Save", "primary")
        self.save_button.clicked.connect(lambda: self.saved.emit(self.change))
        self.save_button.setDefault(True)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self).activated.connect(self.save_button.click)
        self.close_button = button("Don’t save")
        self.close_button.clicked.connect(lambda: self.done(self.DialogCode.Rejected))
        self._lay_out()
        self._fill(communities, config)
        self._shown = self.change
        self.ring = FocusRing(theme, self)
        self.resize(*tokens.POST_EDITOR)

    @property
    def change(self) -> PostChange:
        """What is different from the post as it was shown; one that was not published is tried again."""
        post, given = self.post, dict[str, Any]()
        if (text := self.writing.text.toPlainText()) != post.content:
            given["content"] = text
        if (community_id := self.writing.community.currentData()) != post.community_id:
            given["community_id"] = community_id
        if self._time_set:
            given["publish_at"] = self.when.time
        if self._height_set:
            given["min_height"] = self.quality.choice.currentData()
        if self.hold.isChecked() != (post.state == "draft") or post.state == "not_published":
            given["publish"] = "draft" if self.hold.isChecked() else "when_ready"
        return PostChange(**given)

    def be_busy(self) -> None:
        """The server is being told."""
        self._busy = True
        self._enable()
        self._say("Telling the server…", "secondary")

    def show_trouble(self, words: str) -> None:
        """Why the change was not taken."""
        self._busy = False
        self._enable()
        self._say(words, "bad")
        announce(self, words)

    def reject(self) -> None:
        """Escape, or the frame's cross: one key does not lose what was typed."""
        if self.change == self._shown:
            super().reject()
            return
        question = Question(self, ASK, ASK_WORDS, go=self.close_button.text(), stay="Keep editing")
        question.accepted.connect(self.close_button.click)
        question.open()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """The keyboard starts in the text."""
        super().showEvent(event)
        self.writing.text.setFocus(Qt.FocusReason.ActiveWindowFocusReason)

    def _fill(self, communities: tuple[Community, ...], config: ServerConfig | None) -> None:
        post, writing = self.post, self.writing
        writing.offer(communities, config.max_text_length if config else None)
        if post.community_id is not None and writing.community.findData(post.community_id) < 0:
            writing.community.addItem(ELSEWHERE, post.community_id)
        writing.show_text(post.content, to_end=True)
        writing.show_community(post.community_id)
        self.when.show_time(post.publish_at)
        self.quality.offer(config.min_heights if config else ())
        self.quality.show_height(math.inf if post.video_id else None, post.min_height, open_=True)
        self.hold.setChecked(post.state == "draft")
        self.trouble.setText(pending_words.why_not(post))
        self.trouble.setVisible(bool(self.trouble.text()))
        self._enable()

    def _lay_out(self) -> None:
        inset = (tokens.XS,) * 4  # for the focus ring
        head, foot = column(tokens.XS, inset), column(tokens.M, inset)
        if self.post.filename:
            file = Elided("title")
            file.setText(self.post.filename)
            head.addWidget(file)
        head.addWidget(self.trouble)
        buttons = row(tokens.S)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        buttons.addWidget(self.save_button)
        for one in (self.when, self.quality, self.hold):
            foot.addWidget(one)
        foot.addLayout(buttons)
        whole = column(tokens.XS, (tokens.XL - tokens.XS,) * 4, self)
        whole.addLayout(head)
        whole.addWidget(self.writing, 1)
        whole.addLayout(foot)

    def _time_picked(self, _moment: datetime | None) -> None:
        self._time_set = True

    def _height_picked(self, _height: int | None) -> None:
        self._height_set = True

    def _enable(self) -> None:
        self.save_button.setEnabled(self.writing.count() >= 0 and not self._busy)

    def _say(self, words: str, role: str) -> None:
        set_role(self.trouble, role)
        self.trouble.setText(words)
        self.trouble.show()

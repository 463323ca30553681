"""Carries out what a person wants of posts that the server holds: asks, changes, cancels, and says how it went."""

import logging

from PySide6.QtCore import QObject

from uploader import errors
from uploader.desktop import pending_words
from uploader.desktop.bridge import Bridge, Doing
from uploader.desktop.main_window import MainWindow
from uploader.desktop.pending_editor import PendingEditor
from uploader.desktop.pending_window import PendingWindow
from uploader.desktop.question import Question
from uploader.desktop.theme import Theme
from uploader.engine.engine import Engine
from uploader.engine.facts import Account, Fact
from uploader.engine.handover import offers
from uploader.wire import OwnPost, PostChange

log = logging.getLogger(__name__)

MOST = 40
"""Characters of a post's name within a sentence."""

TOO_LATE = (errors.AlreadyPosted, errors.PostGone)


class PendingChoices(QObject):
    """Stands between the window and the rest. There for whom is signed in to a server that publishes by itself."""

    def __init__(self, window: MainWindow, theme: Theme, bridge: Bridge[Engine]) -> None:
        super().__init__(window)
        self._window, self._theme, self._bridge = window, theme, bridge
        self._account = Account()
        self._asking: Doing | None = None
        self.editor: PendingEditor | None = None
        self.posts = PendingWindow(theme, window)
        self.posts.refresh_wanted.connect(self.refresh)
        self.posts.edit_wanted.connect(self._edit)
        self.posts.cancel_wanted.connect(self._ask_to_cancel)
        self.action = window.commands.anywhere("Posts on the server…", self.open, "Ctrl+Shift+P", glyph="posts itself")
        window.header.menu_button.menu().insertAction(window.preferences_action, self.action)
        self._offer()
        bridge.happened.connect(self._take)

    def open(self) -> None:
        """Come to the front, and ask the server."""
        self.posts.say("")
        self.posts.show()
        self.posts.raise_()
        self.posts.activateWindow()
        self.refresh()

    def refresh(self) -> None:
        """Ask the server what it holds."""
        if self._asking is not None:
            self._asking.cancel()
        self.posts.show_busy()

        def found(posts: tuple[OwnPost, ...]) -> None:
            if self._asking is asking:
                self.posts.show_posts(posts)

        def failed(error: Exception) -> None:
            if self._asking is asking:
                self.posts.show_trouble(*_said(error))

        asking = self._asking = self._bridge.do(lambda engine: engine.posts.all(), found, failed)

    def _take(self, facts: tuple[Fact, ...]) -> None:
        for fact in facts:
            if isinstance(fact, Account):
                whose, self._account = self._account.me, fact
                self._offer()
                if not self.action.isEnabled() or (whose is not None and whose != fact.me):
                    self._leave()

    def _offer(self) -> None:
        account = self._account
        there = account.me is not None and offers(account.config)
        self.action.setVisible(there)
        self.action.setEnabled(there)

    def _leave(self) -> None:
        """These were somebody's posts who is not here any more, or of a server that is not asked any more."""
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
        if self.editor is not None:
            self.editor.done(PendingEditor.DialogCode.Rejected)
        self.posts.hide()
        self.posts.show_posts(())

    def _edit(self, post: OwnPost) -> None:
        editor = PendingEditor(self._theme, post, self._account.communities, self._account.config, self.posts)
        self.editor = editor
        editor.saved.connect(lambda change: self._save(editor, change))
        editor.finished.connect(lambda _: self._close(editor))
        editor.open()

    def _close(self, editor: PendingEditor) -> None:
        if self.editor is editor:
            self.editor = None
            self._back()
        editor.deleteLater()

    def _back(self) -> None:
        """The keyboard goes back to the list, also where nobody manages windows."""
        if self.posts.isVisible():
            self.posts.activateWindow()

    def _save(self, editor: PendingEditor, change: PostChange) -> None:
        if not change.model_fields_set:
            editor.accept()
            return

        def saved(post: OwnPost) -> None:
            self._done(f"Saved “{_short(post)}”" if post.state != "published" else f"Posted “{_short(post)}”")
            if self.editor is editor:
                editor.accept()

        def failed(error: Exception) -> None:
            words = ". ".join(_said(error))
            if isinstance(error, TOO_LATE) or self.editor is not editor:
                self._done(words, "bad")
            if self.editor is editor:
                if isinstance(error, TOO_LATE):
                    editor.done(PendingEditor.DialogCode.Rejected)
                else:
                    editor.show_trouble(words)

        editor.be_busy()
        self._bridge.do(lambda engine: engine.posts.change(editor.post.id, change), saved, failed)

    def _ask_to_cancel(self, post: OwnPost) -> None:
        words = "The server will never publish it, and that cannot be undone. " + (
            "The video stays on the server." if post.video_id else "Its text goes with it."
        )
        question = Question(
            self.posts, f"Cancel the post “{_short(post)}”?", words, go="Cancel the post", stay="Keep it"
        )
        question.accepted.connect(lambda: self._cancel(post))
        question.finished.connect(lambda _: self._back())
        question.open()

    def _cancel(self, post: OwnPost) -> None:
        self._bridge.do(
            lambda engine: engine.posts.cancel(post.id),
            lambda _: self._done(f"Cancelled “{_short(post)}”. The server will not publish it."),
            lambda error: self._done(". ".join(_said(error)), "bad"),
        )

    def _done(self, words: str, role: str = "secondary") -> None:
        self.posts.say(words, role)
        self.refresh()


def _short(post: OwnPost) -> str:
    name = pending_words.name(post)
    return name if len(name) <= MOST else f"{name[: MOST - 1].rstrip()}…"


def _said(error: Exception) -> tuple[str, str]:
    """Title and hint."""
    if not isinstance(error, errors.ReelferryError):
        log.error("Posts on the server could not be asked for or changed", exc_info=error)
        error = errors.Unexpected()
    return error.title, error.hint

"""Everything the window can be told to do, with its words, its icon and its key."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from uploader.desktop import describe
from uploader.desktop.describe import Action
from uploader.desktop.icons import icon
from uploader.desktop.row_delegate import ACTION_ICONS
from uploader.desktop.theme import Theme
from uploader.engine.job import Job

Key = QKeySequence | QKeySequence.StandardKey | Qt.Key | str
ROW_ORDER = (
    (
        Action.PAUSE,
        Action.RESUME,
        Action.RETRY,
        Action.ANYWAY,
        Action.RESTART,
        Action.POST,
        Action.POST_NOW,
        Action.POST_THEN,
        Action.HOLD,
    ),
    (Action.OPEN, Action.COPY_LINK, Action.SHOW_FILE),
    (Action.RENAME, Action.MOVE_UP, Action.MOVE_DOWN),
    (Action.CANCEL, Action.REMOVE),
)
ROW_KEYS = {
    Action.PAUSE: "Space",
    Action.RESUME: "Space",
    Action.POST: "Ctrl+Return",
    Action.POST_NOW: "Ctrl+Return",
    Action.POST_THEN: "Ctrl+Return",
    Action.RENAME: "F2",
    Action.MOVE_UP: "Alt+Up",
    Action.MOVE_DOWN: "Alt+Down",
    Action.CANCEL: "Del",
    Action.REMOVE: "Del",
}


class Actions(QObject):
    """Makes actions for the window (`anywhere`) or for one widget and what is in it (`within`)."""

    def __init__(self, window: QWidget, theme: Theme) -> None:
        super().__init__(window)
        self._window, self._theme = window, theme
        self._drawn: list[tuple[QAction, str]] = []
        theme.changed.connect(self._draw)

    def anywhere(self, words: str, does: Callable[[], object], *keys: Key, glyph: str = "") -> QAction:
        """An action whose keys work wherever the focus is."""
        action = _made(self._window, words, does, keys)
        if glyph:
            self._drawn.append((action, glyph))
            action.setIcon(icon(glyph, self._theme.colours.text))
        return action

    def within(self, widget: QWidget, words: str, does: Callable[[], object], *keys: Key) -> QAction:
        """An action whose keys work only while the focus is on this widget, so that they never steal what is typed."""
        action = _made(widget, words, does, keys)
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        return action

    def row_menu(self, jobs: Sequence[Job], perform: Callable[[Action, Sequence[Job]], object]) -> QMenu:
        """What may be done with these rows: what is allowed for at least one of them, and only to those."""
        menu = QMenu(self._window)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for group in ROW_ORDER:
            for action in group:
                fitting = [job for job in jobs if action in describe.allowed(job)]
                if not fitting or (action is Action.RENAME and len(jobs) > 1):
                    continue
                entry = menu.addAction(
                    icon(ACTION_ICONS[action], self._theme.colours.text),
                    action,
                    perform_later(perform, action, fitting),
                )
                if action in ROW_KEYS:
                    entry.setShortcut(QKeySequence(ROW_KEYS[action]))
                    entry.setShortcutVisibleInContextMenu(True)
                    entry.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            menu.addSeparator()
        return menu

    def _draw(self) -> None:
        for action, glyph in self._drawn:
            action.setIcon(icon(glyph, self._theme.colours.text))


def _made(owner: QWidget, words: str, does: Callable[[], object], keys: Sequence[Key]) -> QAction:
    action = QAction(words, owner)
    action.setShortcuts([QKeySequence(key) for key in keys])
    action.triggered.connect(lambda _checked: does())
    owner.addAction(action)
    return action


def perform_later(
    perform: Callable[[Action, Sequence[Job]], object], action: Action, jobs: Sequence[Job]
) -> Callable[[], object]:
    """The call a menu entry makes when it is chosen."""
    return lambda: perform(action, jobs)

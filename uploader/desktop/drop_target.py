"""Makes a whole window take files, always as a copy, and says beforehand what it will not take."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QWidget

from uploader.desktop.drop_overlay import DropOverlay, Verdict, unjudged, verdict
from uploader.engine.drop import Refusal

Judge = Callable[[Sequence[Path]], tuple[Sequence[Path], Sequence[Refusal]]]


def local_paths(mime: QMimeData | None) -> list[Path]:
    """The files and folders of this computer that are being dragged or pasted."""
    if mime is None or not mime.hasUrls():
        return []
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]


class DropTarget(QObject):
    """`dropped` says which paths were let go over the window. The judge works in another thread: drives are slow."""

    dropped = Signal(object)
    _judged = Signal(int, object)

    def __init__(self, window: QWidget, overlay: DropOverlay, judge: Judge) -> None:
        super().__init__(window)
        self._overlay, self._judge = overlay, judge
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._visit = 0
        self.enabled = True
        self._judged.connect(self._show)
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def stop(self) -> None:
        """Judge no more; returns when the last judgement has ended."""
        self._worker.shutdown(cancel_futures=True)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  (Qt's name)
        """Drag events of the window and, as Qt hands them up, of everything in it."""
        match event.type():
            case QEvent.Type.DragEnter if isinstance(event, QDropEvent):
                self._enter(event)
            case QEvent.Type.DragMove if isinstance(event, QDropEvent):
                _as_copy(event, accept=self._overlay.isVisible())
            case QEvent.Type.DragLeave:
                self._leave()
            case QEvent.Type.Drop if isinstance(event, QDropEvent):
                self._leave()
                _as_copy(event, accept=self.enabled)
                if self.enabled:
                    self.dropped.emit(local_paths(event.mimeData()))
            case _:
                return super().eventFilter(watched, event)
        return True

    def _enter(self, event: QDropEvent) -> None:
        paths = local_paths(event.mimeData())
        if not paths or not self.enabled:
            event.ignore()
            return
        self._visit += 1
        self._overlay.show_verdict(unjudged(paths))
        visit = self._visit
        self._worker.submit(lambda: self._judged.emit(visit, verdict(*self._judge(paths))))
        _as_copy(event, accept=True)

    def _leave(self) -> None:
        self._visit += 1
        self._overlay.hide()

    def _show(self, visit: int, said: Verdict) -> None:
        if visit == self._visit:
            self._overlay.show_verdict(said)


def _as_copy(event: QDropEvent, *, accept: bool) -> None:
    """An accepted move would let the file manager delete the person's file."""
    event.setDropAction(Qt.DropAction.CopyAction)
    event.setAccepted(accept)

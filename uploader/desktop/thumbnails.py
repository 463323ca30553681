"""Frames of the videos, read and scaled off the GUI thread, and kept while there is room."""

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QImageReader, QPixmap

KEPT = 400
Key = tuple[Path, int, int]


class Thumbnails(QObject):
    """Asked for a frame, answers at once with what it has; `arrived` says that asking again pays."""

    arrived = Signal(object)
    _came = Signal(object, QImage)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="thumbnails")
        self._kept: OrderedDict[Key, QPixmap | None] = OrderedDict()
        self._asked: set[Key] = set()
        self._came.connect(self._keep)

    def of(self, path: Path, size: QSize, ratio: float) -> QPixmap | None:
        """The frame in `path`, filling `size` (px) at this device pixel ratio; None while there is none."""
        wanted = size * ratio
        key = (path, wanted.width(), wanted.height())
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if key not in self._asked:
            self._asked.add(key)
            self._reader.submit(lambda: self._came.emit(key, _read(path, wanted)))
        return None

    def settle(self) -> None:
        """Wait for what has been asked for: for pictures and tests, never while a person waits."""
        self._reader.submit(int).result()

    def stop(self) -> None:
        """Read no more; returns when the last reader has ended."""
        self._reader.shutdown(cancel_futures=True)

    def _keep(self, key: Key, image: QImage) -> None:
        self._asked.discard(key)
        self._kept[key] = None if image.isNull() else QPixmap.fromImage(image)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self.arrived.emit(key[0])


def _read(path: Path, size: QSize) -> QImage:
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    image = reader.read()
    return image if image.isNull() else _filling(image, size)


def _filling(image: QImage, size: QSize) -> QImage:
    """Scaled and cut to fill `size` without distortion."""
    image = image.scaled(
        size, Qt.AspectRatioMode.KeepAspectRatioByExpanding, Qt.TransformationMode.SmoothTransformation
    )  # fmt: skip
    left, top = (image.width() - size.width()) // 2, (image.height() - size.height()) // 2
    return image.copy(left, top, size.width(), size.height())

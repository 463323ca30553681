"""The frame of the chosen video, above its post."""

from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QWidget

from uploader.desktop import tokens
from uploader.desktop.icons import icon
from uploader.desktop.theme import Theme
from uploader.desktop.thumbnails import Thumbnails
from uploader.engine.job import Job


class Picture(QWidget):
    """The frame taken from the file, 16:9."""

    def __init__(self, theme: Theme, thumbnails: Thumbnails) -> None:
        super().__init__()
        self._theme, self._thumbnails = theme, thumbnails
        self._job: Job | None = None
        self.setAccessibleName("Frame from the video")
        thumbnails.arrived.connect(self.update)
        theme.changed.connect(self.update)

    def show_job(self, job: Job) -> None:
        """Show this job's frame."""
        self._job = job
        self.update()

    def fit(self, width: int, height: int) -> None:
        """Be as large as 16:9 allows in this room (px)."""
        width = min(width, height * 16 // 9)
        self.setFixedSize(width, width * 9 // 16)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  (Qt's name)
        """Qt asks."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QPainterPath()
        outline.addRoundedRect(self.rect().toRectF(), tokens.RADIUS_CARD, tokens.RADIUS_CARD)
        painter.setClipPath(outline)
        job = self._job
        found = (
            self._thumbnails.of(job.thumbnail, self.size(), self.devicePixelRatioF()) if job and job.thumbnail else None
        )
        if found is not None:
            painter.drawPixmap(self.rect(), found)
            return
        painter.fillRect(self.rect(), QColor(self._theme.colours.hover))
        glyph = self.rect()
        glyph.setSize(QSize(tokens.XXL, tokens.XXL))
        glyph.moveCenter(self.rect().center())
        icon("empty", self._theme.colours.secondary).paint(painter, glyph)

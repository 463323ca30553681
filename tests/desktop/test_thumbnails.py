"""Frames arrive from another thread, scaled, and only once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QSignalSpy
from pytestqt.qtbot import QtBot

from uploader.desktop import thumbnails
from uploader.desktop.thumbnails import Thumbnails

SIZE = QSize(112, 63)


@pytest.fixture
def frames(qtbot: QtBot) -> Iterator[Thumbnails]:
    made = Thumbnails()
    yield made
    made.stop()


def picture(path: Path, width: int, height: int) -> Path:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.darkCyan)
    assert image.save(str(path))
    return path


def test_a_frame_comes_later_and_fills_its_place_at_the_screens_own_resolution(
    qtbot: QtBot, frames: Thumbnails, tmp_path: Path
):
    tall = picture(tmp_path / "tall.png", 400, 900)
    with qtbot.waitSignal(frames.arrived) as arrived:
        assert frames.of(tall, SIZE, 2.0) is None
    assert arrived.args == [tall]
    found = frames.of(tall, SIZE, 2.0)
    assert found is not None
    assert found.size() == SIZE * 2


def test_what_cannot_be_read_is_asked_for_once(qtbot: QtBot, frames: Thumbnails, tmp_path: Path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    arrived = QSignalSpy(frames.arrived)
    with qtbot.waitSignal(frames.arrived):
        for _ in range(5):
            assert frames.of(broken, SIZE, 1.0) is None
    assert frames.of(broken, SIZE, 1.0) is None
    frames.settle()
    assert arrived.count() == 1


def test_memory_is_bounded(qtbot: QtBot, frames: Thumbnails, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(thumbnails, "KEPT", 3)
    for number in range(6):
        with qtbot.waitSignal(frames.arrived):
            frames.of(picture(tmp_path / f"{number}.png", 16, 9), SIZE, 1.0)
    assert len(frames._kept) == 3

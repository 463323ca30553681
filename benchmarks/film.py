"""A video of any size: a short one, and after it nothing but a box that every player skips."""

import os
import shutil
from pathlib import Path

from uploader.media.sample import sample

MIB = 1 << 20
LONG_AGO = 1_700_000_000


def film(folder: Path, size: int) -> Path:
    """An MP4 of exactly `size` bytes, made once a folder. It is sparse: the page cache is read, not the disk."""
    path = folder / f"film-{size}.mp4"
    if not path.exists():
        short = folder / "short.mp4"
        if not short.exists():
            sample(short, seconds=1)
        shutil.copy(short, path)
        with path.open("ab") as file:
            left = size - file.tell()
            file.write(b"\x00\x00\x00\x01free" + left.to_bytes(8, "big"))
            file.truncate(size)
        os.utime(path, (LONG_AGO, LONG_AGO))
        with path.open("rb", buffering=0) as file:
            while file.read(MIB):
                pass  # whoever reads it first would pay for what the others find in memory
    return path

"""What remains of a client's file name: something to show, never a path."""

import unicodedata

LONGEST = 255
NAMELESS = "video"


def clean(name: str) -> str:
    """The last part of the name, NFC, without control and bidirectional characters, at most 255 bytes of UTF-8."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    shown = "".join(char for char in unicodedata.normalize("NFC", last) if unicodedata.category(char)[0] != "C")
    shown = " ".join(shown.split()).lstrip(".")
    return _cut(shown) or NAMELESS


def _cut(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    tail = (dot + suffix).encode() if stem and len(suffix) <= 16 else b""
    head = name.encode()[: len(name.encode()) - len(tail)]
    return head[: LONGEST - len(tail)].decode(errors="ignore") + tail.decode()

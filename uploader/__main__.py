"""The command `reelferry`: looks at the first word and imports only the part of the program it names."""
# ruff: noqa: PLC0415  (each part is imported when it is the one that runs: the child that reads video needs no Qt)

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the part of the program that `argv` names, and return its exit code.

    `server …` is the backend and `media-child` the process that reads video; `window [FILE…]`, or no word at all where
    there is a display, is the window; everything else is the command line.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    match words:
        case ["server", *rest]:
            from uploader.backend.__main__ import main as serve

            return serve(rest) or 0
        case ["media-child", *_]:
            from uploader.media.child import main as read_video

            return read_video() or 0
        case ["window", *rest]:
            return _window(rest)
        case [] if has_display():
            return _window([])
        case _:
            from uploader.cli.app import main as command

            return command(words or ["--help"])


def _window(words: list[str]) -> int:
    from uploader.desktop.app import main as open_window

    return open_window(words) or 0


def has_display() -> bool:
    """Whether a window could be shown here."""
    if sys.platform in {"win32", "darwin"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


if __name__ == "__main__":
    raise SystemExit(main())

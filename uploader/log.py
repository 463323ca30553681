"""Logging set-up: rotating files for window and command line, lines on stderr for the server; and no secrets."""

import logging
import logging.handlers
import re
import sys
import threading
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

MAX_BYTES = 2_000_000
KEPT = 3
HIDDEN = "[hidden]"
LINE = "%(asctime)s %(levelname)-7s %(threadName)s %(name)s  %(message)s"

_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b(authorization['\"]?\s*[:=]\s*)['\"]?(?:\w+\s+)?[^\s,'\"}]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"\bvu_[a-z]{2}_[\w-]+"), HIDDEN),
    (re.compile(r"(?i)/files/[0-9a-f]{32}\b"), f"/files/{HIDDEN}"),
    (re.compile(r"(?i)(://upload\.[\w.-]+(?::\d+)?/(?:tus/)?)[\w-]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(/setup/)[\w~-]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(/media/[\w-]+/)\d+\.[\w-]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@'\"]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s?#'\"<>]*)[?#][^\s'\"<>]+"), rf"\1?{HIDDEN}"),
    (re.compile(r"((?<![\w.:])/[^\s?#'\"<>]*)\?[^\s'\"<>=]*=[^\s'\"<>]*"), rf"\1?{HIDDEN}"),
)
_SUSPECT = re.compile(r"(?i)authorization|bearer|basic|vu_|/files/|/setup/|/media/|://|\?")
"""What each of these has in it. Most lines have nothing of it, and one look is a ninth of nine."""
_SECRET_KEYS = re.compile(r"(?i)authori[sz]ation|token|password|secret|signature|cookie|upload_?url|setup_?url|^code$")


def redact(text: str) -> str:
    """`text` without tokens, upload and setup addresses, signatures, and the query strings of addresses."""
    if not _SUSPECT.search(text):
        return text
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def set_up(folder: Path, *, name: str = "window", verbose: bool = False) -> None:
    """Log this process into `folder`/`name`.log, which is kept small; what nobody caught is logged too.

    What ends the program goes to stderr as well; with `verbose`, everything does.
    """
    handlers = [file(folder, name, LINE)]
    if sys.stderr is not None:  # a frozen window has none
        terminal = logging.StreamHandler()
        terminal.setLevel(logging.DEBUG if verbose else logging.CRITICAL)
        terminal.setFormatter(_Redacting(LINE))
        handlers.append(terminal)
    _install(handlers, verbose=verbose)


def file(folder: Path, name: str, line: str) -> logging.Handler:
    """Writes records in the form `line` to `folder`/`name`.log and at most `KEPT` older ones, without secrets."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = _Rotating(folder / f"{name}.log", maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8", delay=True)
    handler.setFormatter(_Redacting(line))
    return handler


def set_up_server(*, stream: TextIO | None = None, verbose: bool = False) -> None:
    """Log the backend to stderr (or `stream`): JSON lines for programs, coloured lines on a terminal.

    Everything goes the same way: structlog, and the standard library's loggers (start uvicorn with `log_config=None`).
    """
    import structlog  # noqa: PLC0415  (0.2 s that the window and the command line do without)

    stream = stream or sys.stderr
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _redact_event,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if stream.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    _install([handler], verbose=verbose)


class _Redacting(logging.Formatter):
    """The last thing that happens to a line, so that tracebacks are covered as well."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _Rotating(logging.handlers.RotatingFileHandler):
    """Where another process holds the file open (Windows), it simply grows on until that one has ended."""

    def rotate(self, source: str, dest: str) -> None:
        with suppress(PermissionError):
            super().rotate(source, dest)


def _redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.pop("color_message", None)  # uvicorn's second copy of the same words
    for key, value in event.items():
        if not key.startswith("_"):
            event[key] = HIDDEN if _SECRET_KEYS.search(key) and value is not None else _redact_value(value)
    return event


def _redact_value(value: object) -> object:
    match value:
        case str():
            return redact(value)
        case Mapping():
            return dict(_redact_event(None, "", dict(value)))
        case list() | tuple() | set():
            return [_redact_value(part) for part in value]
        case None | bool() | int() | float():
            return value
        case _:
            return redact(repr(value))


def _install(handlers: list[logging.Handler], *, verbose: bool) -> None:
    """Make these the only handlers, and lead what nobody caught to them."""
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for new in handlers:
        root.addHandler(new)
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for chatty in ("httpx", "httpcore", "alembic", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logging.getLogger("uploader").critical("Nobody caught this", exc_info=(kind, error, trace))


def _uncaught_in_thread(what: threading.ExceptHookArgs) -> None:
    if what.exc_value is not None:
        name = what.thread.name if what.thread else "a thread"
        info = (what.exc_type, what.exc_value, what.exc_traceback)
        logging.getLogger("uploader").critical("Nobody caught this in %s", name, exc_info=info)


def _unraisable(what: "sys.UnraisableHookArgs") -> None:
    if what.exc_value is not None:
        info = (what.exc_type, what.exc_value, what.exc_traceback)
        logging.getLogger("uploader").error("Nobody could catch this in %r", what.object, exc_info=info)

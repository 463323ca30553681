"""The user's choices: one frozen dataclass, one readable file, no secrets."""

import dataclasses
import json
import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    JsonValue,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from uploader.uplink import LEAST_LIMIT, MOST_SLOTS, Uplink, Week

log = logging.getLogger(__name__)

LOCAL = "local"


def _with_a_port(proxy: str) -> str:
    if "://" in proxy and not urlsplit(proxy).port:  # a ValueError where it is no number, or too large
        raise ValueError("no port")
    return proxy


Proxy = Annotated[
    str,
    StringConstraints(pattern=r"^(system|none|(https?|socks5)://([^\s/?#@:]+@)?[^\s/?#@]+:\d+)$"),
    AfterValidator(_with_a_port),
]
Server = Annotated[str, StringConstraints(pattern=r"^(local|https?://[^\s/?#]+[^\s?#]*)$")]


def _as_many_as_there_may_be(slots: object) -> object:
    """Up to eight were allowed once."""
    return MOST_SLOTS if slots in range(MOST_SLOTS + 1, 9) else slots


def _week(given: object) -> Week:
    if isinstance(given, Week):
        return given
    if not isinstance(given, list) or not all(isinstance(line, str) for line in given):
        raise ValueError("a week is seven lines")
    return Week.parse(given)


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What the user chose. Change one with `dataclasses.replace`.

    `server` is `LOCAL` (the backend on this computer), an address, or None before the first run was finished; from
    `slots` to `full_speed_until` it is how much of the line uploads may take, as `Uplink` has it; `told_about_closing`:
    they know what happens to uploads when the window closes. `proxy` is "system", "none" or an address without its
    password; `certificates` is a PEM file with further authorities; `pause_when_metered`: uploads wait for a
    network that costs nothing.
    `unknown` holds what a newer version wrote: kept, not understood.
    """

    server: Server | None = None
    slots: Annotated[int, BeforeValidator(_as_many_as_there_may_be), Field(strict=True, ge=1, le=MOST_SLOTS)] = 1
    limit: Annotated[int, Field(strict=True, ge=LEAST_LIMIT)] | None = None
    scheduled: Annotated[bool, Field(strict=True)] = False
    schedule: Annotated[Week, PlainValidator(_week), PlainSerializer(Week.lines)] = Week()  # noqa: RUF009  (frozen)
    full_speed_until: AwareDatetime | None = None
    appearance: Literal["system", "light", "dark"] = "system"
    last_community: Annotated[str, Field(strict=True)] | None = None
    told_about_closing: Annotated[bool, Field(strict=True)] = False
    proxy: Proxy = "system"
    certificates: Annotated[str, Field(strict=True)] | None = None
    pause_when_metered: Annotated[bool, Field(strict=True)] = True
    unknown: Mapping[str, JsonValue] = dataclasses.field(default_factory=dict)

    @property
    def uplink(self) -> Uplink:
        """How much of the line uploads may take."""
        return Uplink(**{name: getattr(self, name) for name in _UPLINK})


_CHECK = TypeAdapter(Settings)
_CHANGING = threading.Lock()
_UPLINK = tuple(field.name for field in dataclasses.fields(Uplink))
_NAMES = frozenset(field.name for field in dataclasses.fields(Settings)) - {"unknown"}


def load(path: Path) -> Settings:
    """Read the file. No file means defaults; what makes no sense becomes its default, and the file is kept aside."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return Settings()
    try:
        found = json.loads(raw)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        _keep_aside(path, raw, "it is not a JSON object")
        return Settings()
    settings, nonsense = _understand(found)
    if nonsense:
        _keep_aside(path, raw, "these make no sense: " + ", ".join(nonsense))
    return settings


def save(path: Path, settings: Settings) -> None:
    """Write the file: whole, or not at all."""
    chosen = _CHECK.dump_python(settings, mode="json")
    everything = {**chosen.pop("unknown"), **chosen}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(everything, file, indent=2, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def change(path: Path, **changes: object) -> Settings:
    """Change some fields of what is in the file, whoever wrote it last, and keep that. The settings as they are then.

    Safe to call from every thread of the process that has the queue open; other processes ask that one.
    """
    with _CHANGING:
        settings = dataclasses.replace(load(path), **changes)  # type: ignore[arg-type]  # the names are the fields'
        save(path, settings)
    return settings


def keep_uplink(path: Path, uplink: Uplink) -> None:
    """Change how much of the line uploads may take."""
    change(path, **{name: getattr(uplink, name) for name in _UPLINK})


def _understand(found: dict[str, Any]) -> tuple[Settings, list[str]]:
    """The settings in `found`, and the names of those that fell back to their defaults."""
    unknown = {name: value for name, value in found.items() if name not in _NAMES}
    chosen = {name: value for name, value in found.items() if name in _NAMES}
    try:
        return _CHECK.validate_python({**chosen, "unknown": unknown}), []
    except ValidationError as error:
        nonsense = sorted({str(problem["loc"][0]) for problem in error.errors()})
    sound = {name: value for name, value in chosen.items() if name not in nonsense}
    return _CHECK.validate_python({**sound, "unknown": unknown}), nonsense


def _keep_aside(path: Path, raw: bytes, why: str) -> None:
    aside = path.with_name(f"{path.stem}.bad{path.suffix}")
    aside.write_bytes(raw)
    log.warning("The settings were not all readable (%s). A copy is kept in %s.", why, aside.name)

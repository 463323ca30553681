"""Linux: idle sleep is held off over D-Bus, by whoever looks after it here.

In this order: the desktop's power manager (KDE, Xfce, MATE), the desktop portal (GNOME and others), logind (no desktop
at all). Each forgets us when our connection ends, so a process that dies leaves nothing behind.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from jeepney import DBusAddress, DBusErrorResponse, Message, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.wrappers import unwrap_msg

from uploader.paths import APP

log = logging.getLogger(__name__)

WHY = "Uploading videos"
PATIENCE = 5.0
IDLE = 8  # the portal's flag; "suspend" (4) would stand in the way of a person, too

POWER_MANAGER = DBusAddress(
    "/org/freedesktop/PowerManagement/Inhibit",
    "org.freedesktop.PowerManagement",
    "org.freedesktop.PowerManagement.Inhibit",
)
PORTAL = DBusAddress(
    "/org/freedesktop/portal/desktop", "org.freedesktop.portal.Desktop", "org.freedesktop.portal.Inhibit"
)
LOGIND = DBusAddress("/org/freedesktop/login1", "org.freedesktop.login1", "org.freedesktop.login1.Manager")


class _Held(NamedTuple):
    """An inhibition: it lasts as long as the connection, the thing held, and until `undo` is said."""

    connection: DBusConnection
    undo: Message | None
    thing: Any = None


class DBusInhibitor:
    """One inhibition, with the first of the three who takes it."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._held: _Held | None = None

    async def inhibit(self) -> None:
        """Ask one after the other."""
        await asyncio.to_thread(self._inhibit)

    async def release(self) -> None:
        """Take it back."""
        await asyncio.to_thread(self._release)

    def _inhibit(self) -> None:
        with self._one_at_a_time:
            for bus, ask in (("SESSION", _power_manager), ("SESSION", _portal), ("SYSTEM", _logind)):
                if self._held is None:
                    self._held = _asked(bus, ask)
            if self._held is None:
                log.info("nobody here holds off idle sleep; the computer sleeps when it will")

    def _release(self) -> None:
        with self._one_at_a_time:
            held, self._held = self._held, None
            if held is None:
                return
            if held.undo is not None:
                with contextlib.suppress(OSError, EOFError, DBusErrorResponse):
                    unwrap_msg(held.connection.send_and_get_reply(held.undo, timeout=PATIENCE))
            if held.thing is not None:
                held.thing.close()
            held.connection.close()


def _asked(bus: str, ask: Callable[[DBusConnection], _Held]) -> _Held | None:
    try:
        connection = open_dbus_connection(bus, enable_fds=bus == "SYSTEM", auth_timeout=PATIENCE)
    except (OSError, EOFError, KeyError, ValueError, RuntimeError, DBusErrorResponse) as error:
        log.debug("no %s bus: %r", bus, error)
        return None
    try:
        held = ask(connection)
    except (OSError, EOFError, DBusErrorResponse) as error:
        log.debug("%s: %r", ask.__name__, error)
        connection.close()
        return None
    return held


def _power_manager(connection: DBusConnection) -> _Held:
    (cookie,) = _call(connection, POWER_MANAGER, "Inhibit", "ss", APP, WHY)
    return _Held(connection, new_method_call(POWER_MANAGER, "UnInhibit", "u", (cookie,)))


def _portal(connection: DBusConnection) -> _Held:
    (handle,) = _call(connection, PORTAL, "Inhibit", "sua{sv}", "", IDLE, {"reason": ("s", WHY)})
    request = DBusAddress(handle, PORTAL.bus_name, "org.freedesktop.portal.Request")
    return _Held(connection, new_method_call(request, "Close"))


def _logind(connection: DBusConnection) -> _Held:
    (lock,) = _call(connection, LOGIND, "Inhibit", "ssss", "idle", APP, WHY, "block")
    return _Held(connection, None, lock)


def _call(
    connection: DBusConnection,
    whom: DBusAddress,
    method: str,
    signature: str,
    *arguments: Any,  # noqa: ANN401  (D-Bus values)
) -> tuple[Any, ...]:
    call = new_method_call(whom, method, signature, arguments)
    answer: tuple[Any, ...] = unwrap_msg(connection.send_and_get_reply(call, timeout=PATIENCE))
    return answer

"""What NetworkManager says of this computer's network, over D-Bus: for programs on Linux that have no window."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from jeepney import DBusAddress, DBusErrorResponse, MatchRule, Properties, message_bus
from jeepney.io.asyncio import DBusRouter, Proxy, open_dbus_router
from jeepney.wrappers import unwrap_msg

from uploader.engine.surroundings import Surroundings

log = logging.getLogger(__name__)

NAME, PATH = "org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager"
METERED = frozenset({1, 3})
"""NMMetered: yes, and "probably", which is what a phone's hotspot is."""
PORTAL = 2
"""NMConnectivityState."""
PATIENCE = 5.0


async def follow(found: Callable[[Surroundings], object]) -> None:
    """Tell what it says now, and whenever it says something else, until cancelled. Returns where there is none."""
    try:
        async with asyncio.timeout(PATIENCE) as patience, open_dbus_router(bus="SYSTEM") as router:
            with router.filter(_rule(), queue=asyncio.Queue()) as signals:
                await Proxy(message_bus, router).AddMatch(_rule())
                found(await _look(router))
                patience.reschedule(None)
                while True:
                    await signals.get()
                    found(await _look(router))
    except (OSError, EOFError, KeyError, ValueError, RuntimeError, DBusErrorResponse) as error:
        log.info("no word on the network from NetworkManager: %r", error)


async def _look(router: DBusRouter) -> Surroundings:
    said = await router.send_and_get_reply(Properties(DBusAddress(PATH, NAME, NAME)).get_all())
    properties: dict[str, tuple[str, Any]] = unwrap_msg(said)[0]
    return Surroundings(
        metered=properties["Metered"][1] in METERED,
        captive=properties["Connectivity"][1] == PORTAL,
        name=str(properties["PrimaryConnection"][1]),
    )


def _rule() -> MatchRule:
    return MatchRule(type="signal", interface="org.freedesktop.DBus.Properties", path=PATH)

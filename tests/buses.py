"""A D-Bus daemon of a test's own, and services on it that keep what they are asked."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    message_bus,
    new_error,
    new_method_return,
    new_signal,
)
from jeepney.io.threading import DBusConnection, DBusRouter, Proxy, ReceiveStopped, open_dbus_connection

from tests.needs import need_program

YES, NO, PROBABLY = 1, 2, 3
"""NMMetered."""
PORTAL, FULL = 2, 4
"""NMConnectivityState."""
PROPERTIES = "org.freedesktop.DBus.Properties"


@contextlib.contextmanager
def bus(folder: Path) -> Iterator[str]:
    """The address of a bus nobody else is on."""
    command = [need_program("dbus-daemon"), "--session", "--nofork", "--nopidfile", "--print-address"]
    with subprocess.Popen(
        [*command, f"--address=unix:path={folder / 'bus'}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as daemon:
        assert daemon.stdout
        try:
            yield daemon.stdout.readline().strip()
        finally:
            daemon.terminate()


class Service:
    """Has a name on a bus, in a thread of its own. Subclasses `answer` calls."""

    name: str

    def __init__(self, address: str) -> None:
        self._connection: DBusConnection = open_dbus_connection(address, enable_fds=True, auth_timeout=60)
        self._thread = threading.Thread(target=self._serve, name=self.name, daemon=True)

    def __enter__(self) -> Self:
        with DBusRouter(self._connection) as router:
            proxy = Proxy(message_bus, router, timeout=60)
            for rule in self.listens_to():
                proxy.AddMatch(rule)
            assert proxy.RequestName(self.name) == (1,)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.interrupt()
        self._thread.join(60)
        assert not self._thread.is_alive()
        self._connection.close()

    def listens_to(self) -> tuple[str, ...]:
        """Rules for signals that are heard."""
        return ()

    def answer(self, call: Message, member: str, body: tuple[Any, ...]) -> Message | None:
        """The reply to a call."""
        raise NotImplementedError

    def answered(self) -> None:
        """A reply is on its way."""

    def hear(self, member: str, body: tuple[Any, ...]) -> None:
        """A signal."""

    def emit(self, path: str, interface: str, member: str, signature: str, body: tuple[Any, ...]) -> None:
        """Send a signal."""
        self._connection.send(new_signal(DBusAddress(path, interface=interface), member, signature, body))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Return once it holds; AssertionError after a minute."""
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, f"{self.name} waited in vain"
            time.sleep(0.005)

    def _serve(self) -> None:
        with contextlib.suppress(ReceiveStopped, OSError, ConnectionError):
            while True:
                message = self._connection.receive()
                member = message.header.fields.get(HeaderFields.member, "")
                if message.header.message_type is MessageType.signal:
                    self.hear(member, message.body)
                elif message.header.message_type is MessageType.method_call:
                    reply = self.answer(message, member, message.body)
                    unknown = new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", "s", (member,))
                    self._connection.send(reply or unknown)
                    self.answered()


class NetworkManager(Service):
    """As much of NetworkManager as anybody asks for: its properties, and word of their change."""

    name = "org.freedesktop.NetworkManager"
    path = "/org/freedesktop/NetworkManager"

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.properties: dict[str, tuple[str, Any]] = {
            "State": ("u", 70),
            "Connectivity": ("u", 4),
            "Metered": ("u", 4),
            "PrimaryConnection": ("o", "/org/freedesktop/NetworkManager/ActiveConnection/1"),
            "PrimaryConnectionType": ("s", "802-11-wireless"),
            "NetworkingEnabled": ("b", True),
        }
        self.asked = 0

    def say(self, *, metered: int | None = None, connectivity: int | None = None, network: int | None = None) -> None:
        """What is given is so from now on, in NetworkManager's own numbers."""
        changes: dict[str, tuple[str, Any]] = {}
        if metered is not None:
            changes["Metered"] = ("u", metered)
        if connectivity is not None:
            changes["Connectivity"] = ("u", connectivity)
        if network is not None:
            changes["PrimaryConnection"] = ("o", f"{self.path}/ActiveConnection/{network}")
        self.properties |= changes
        self.emit(self.path, PROPERTIES, "PropertiesChanged", "sa{sv}as", (self.name, changes, []))

    def answer(self, call: Message, member: str, body: tuple[Any, ...]) -> Message | None:
        """Properties, one or all."""
        known: Mapping[str, tuple[str, Any]] = self.properties if body and body[0] == self.name else {}
        self.asked += 1
        if member == "GetAll":
            return new_method_return(call, "a{sv}", (dict(known),))
        if member == "Get" and body[1] in known:
            return new_method_return(call, "v", (known[body[1]],))
        return None

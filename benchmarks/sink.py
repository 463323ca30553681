"""A host that takes every byte and keeps none, so that what is measured is the client.

Raw sockets, a thread a connection: it parses heads and throws bodies away. It speaks plain PUT, tus with creation, as
much WebDAV as rclone asks for, and enough of our API that the whole engine runs against it. One clock measures them
all: it says how long an upload took, from its first PUT or PATCH to the reply to its last. `python -m benchmarks.sink
ADDRESS [CERTIFICATE KEY]` prints where it is and ends with its standard input.
"""

import contextlib
import itertools
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from benchmarks.skim import Skimmed

BUFFER = 1 << 20
HEAD_END = b"\r\n\r\n"
TUS = {"Tus-Resumable": "1.0.0"}
PROPERTIES = (
    '<?xml version="1.0"?><D:multistatus xmlns:D="DAV:"><D:response><D:href>{path}</D:href><D:propstat><D:prop>'
    "<D:resourcetype>{kind}</D:resourcetype><D:getcontentlength>{size}</D:getcontentlength>"
    "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>"
)


@dataclass(frozen=True)
class Sink:
    """A running sink. `certificate` is what its clients have to trust, if it speaks TLS."""

    url: str
    certificate: Path | None

    def environ(self) -> dict[str, str]:
        """The environment in which any client trusts it."""
        if self.certificate is None:
            return dict(os.environ)
        names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE")
        return {**os.environ, **dict.fromkeys(names, str(self.certificate))}

    def seconds(self) -> float:
        """How long the upload took that came since this was last asked."""
        context = ssl.create_default_context(cafile=self.certificate) if self.certificate else None
        with urllib.request.urlopen(f"{self.url}/seconds", timeout=60, context=context) as reply:  # noqa: S310  (ours)
            found: float = json.load(reply)["seconds"]
        return found


@contextlib.contextmanager
def sink(
    tls: tuple[Path, Path, Path] | None = None, address: str = "127.0.0.1", where: Sequence[str] = ()
) -> Iterator[Sink]:
    """A sink in a process of its own. `tls`: files of the authority, the certificate, the key; `where`: what its
    command begins with."""
    command = [*where, sys.executable, "-m", "benchmarks.sink", address, *map(str, (tls or ())[1:])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield Sink(process.stdout.readline().strip(), tls[0] if tls else None)
        process.stdin.close()


@dataclass(frozen=True)
class _Asked:
    """One request, its body thrown away unless it is short. `length` is the body's."""

    method: str
    path: str
    headers: Mapping[str, str]
    length: int
    body: bytes
    begun: float


@dataclass(frozen=True)
class _Reply:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    def __bytes__(self) -> bytes:
        phrase = HTTPStatus(self.status).phrase
        lines = [f"HTTP/1.1 {self.status} {phrase}", *(f"{name}: {value}" for name, value in self.headers.items())]
        if self.status != HTTPStatus.NO_CONTENT and "Content-Length" not in self.headers:
            lines.append(f"Content-Length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode()


@dataclass
class _Host:
    """What the sink remembers: how many bytes there are at each path, and how many have come at all."""

    root: str
    received: int = 0
    held: dict[str, int] = field(default_factory=dict)
    wanted: dict[str, int] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    begun: float | None = None
    ended: float = 0.0

    def answer(self, asked: _Asked) -> _Reply:
        if asked.method in {"PUT", "PATCH"}:
            self.begun, self.ended = self.begun or asked.begun, time.perf_counter()
        if asked.path == "/seconds":
            begun, self.begun = self.begun, None
            return _json(seconds=self.ended - begun if begun else 0.0)
        answers: dict[str, Callable[[_Asked], _Reply]] = {
            "PUT": self._put, "PATCH": self._patch, "HEAD": self._head, "POST": self._post, "GET": self._get,
            "PROPFIND": self._propfind, "MKCOL": lambda _: _Reply(201), "DELETE": lambda _: _Reply(204),
        }  # fmt: skip
        return answers[asked.method](asked) if asked.method in answers else _Reply(405)

    def _put(self, asked: _Asked) -> _Reply:
        self.held[asked.path] = asked.length
        return _Reply(201)

    def _patch(self, asked: _Asked) -> _Reply:
        self.held[asked.path] = int(asked.headers["upload-offset"]) + asked.length
        return _Reply(204, TUS | {"Upload-Offset": str(self.held[asked.path])})

    def _head(self, asked: _Asked) -> _Reply:
        if asked.path not in self.wanted:
            return _Reply(404, {"Content-Length": "0"})
        told = {"Upload-Offset": str(self.held[asked.path]), "Upload-Length": str(self.wanted[asked.path])}
        return _Reply(200, TUS | told | {"Content-Length": "0"})

    def _propfind(self, asked: _Asked) -> _Reply:
        folder = asked.path.endswith("/")
        if not folder and asked.path not in self.held:
            return _Reply(404)
        kind = "<D:collection/>" if folder else ""
        said = PROPERTIES.format(path=asked.path, kind=kind, size=self.held.get(asked.path, 0))
        return _Reply(207, {"Content-Type": "application/xml"}, said)

    def _post(self, asked: _Asked) -> _Reply:
        match asked.path:
            case "/files":
                return _Reply(201, TUS | {"Location": self._create(int(asked.headers["upload-length"]))})
            case "/oauth/token":
                return _json(access_token="a", refresh_token="r", token_type="Bearer", expires_in=900)  # noqa: S106
            case "/api/videos/upload-url":
                return self._ticket(json.loads(asked.body)["fileSize"])
            case "/api/posts":
                author = {"id": "u1", "name": "Ann", "username": "ann"}
                return _json(
                    id="post-1", content="", type="video", author=author, media=None, community=None,
                    timestamp="2026-01-01T00:00:00Z",
                )  # fmt: skip
        return _Reply(404)

    def _get(self, asked: _Asked) -> _Reply:
        root = self.root
        match asked.path:
            case "/.well-known/oauth-authorization-server":
                return _json(
                    issuer=root, authorization_endpoint=f"{root}/oauth/a", token_endpoint=f"{root}/oauth/token"
                )
            case "/api/config":
                return _json(
                    product="reelferry", version="1", maxBytes=1 << 40, maxDurationSeconds=1 << 20,
                    acceptedTypes=["video/*"], protocols=["tus"],
                )  # fmt: skip
            case "/received":
                return _json(bytes=self.received, at=time.monotonic())
            case "/api/me" | "/api/communities":
                return _json(id="u1", username="ann", name="Ann", communities=[])
            case path if path.startswith("/api/videos/"):
                return _json(videoId=path.split("/")[3], status="ready", provider="sink", watchUrl=f"{root}/watch")
        return _Reply(404)

    def _create(self, length: int) -> str:
        path = f"/files/{next(self.numbers)}"
        self.held[path], self.wanted[path] = 0, length
        return self.root + path

    def _ticket(self, size: int) -> _Reply:
        chunk = {"min": CHUNK, "max": CHUNK, "multiple": 1, "default": CHUNK}
        address = self._create(size)
        return _json(
            videoId=address.rpartition("/")[2], uploadUrl=address, provider="sink",
            expiresAt="2100-01-01T00:00:00Z", protocol="tus", chunk=chunk, maxBytes=size,
        )  # fmt: skip


CHUNK = 50 << 20


def _json(**body: object) -> _Reply:
    return _Reply(200, {"Content-Type": "application/json"}, json.dumps(body))


class _Conversation:
    """One connection, request after request."""

    def __init__(self, connection: "_Plain | Skimmed", host: _Host) -> None:
        self._connection, self._host = connection, host
        self._over = b""

    def run(self) -> None:
        while (asked := self._next()) is not None:
            self._connection.sendall(bytes(self._host.answer(asked)))

    def _next(self) -> _Asked | None:
        head, self._over = self._over, b""
        begun = time.perf_counter() if head else 0.0
        while HEAD_END not in head:
            more = self._connection.recv(65536)
            if not more:
                return None
            begun = begun or time.perf_counter()
            head += more
        head, _, rest = head.partition(HEAD_END)
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if headers.get("expect") == "100-continue":
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body, self._over = rest[:length], rest[length:]
        if path.startswith("/api/"):
            while len(body) < length:
                body += self._connection.recv(length - len(body))
            return _Asked(method, path.partition("?")[0], headers, length, body, begun)
        self._host.received += len(body)
        if not self._throw_away(length - len(body)):
            return None
        return _Asked(method, path.partition("?")[0], headers, length, body, begun)

    def _throw_away(self, left: int) -> bool:
        """Whether that many bytes came."""
        while left:
            taken = self._connection.skip(left)
            if not taken:
                said = self._connection.recv(left)
                if not said:
                    return False
                taken, self._over = min(len(said), left), said[left:]
            left -= taken
            self._host.received += taken
        return True


class _Plain:
    """A connection without TLS."""

    def __init__(self, connection: socket.socket) -> None:
        self._buffer = memoryview(bytearray(BUFFER))
        self._into, self.recv, self.sendall = connection.recv_into, connection.recv, connection.sendall

    def skip(self, most: int) -> int:
        """Throw away up to `most` bytes: how many; 0 at the end."""
        return self._into(self._buffer, min(most, BUFFER))


def main(arguments: list[str]) -> None:
    """Serve until standard input ends."""
    address, *tls = arguments
    listener = socket.create_server((address, 0), backlog=64)
    root = f"http{'s' if tls else ''}://{address}:{listener.getsockname()[1]}"
    threading.Thread(target=_accept, args=(listener, tls, _Host(root)), daemon=True).start()
    print(root, flush=True)
    sys.stdin.read()


def _accept(listener: socket.socket, tls: list[str], host: _Host) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_converse, args=(connection, tls, host), daemon=True).start()


def _converse(connection: socket.socket, tls: list[str], host: _Host) -> None:
    with contextlib.suppress(OSError, EOFError), connection:
        _Conversation(Skimmed(connection, *map(Path, tls)) if tls else _Plain(connection), host).run()


if __name__ == "__main__":
    main(sys.argv[1:])

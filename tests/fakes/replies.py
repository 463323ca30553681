"""Replies of an upload host that is not well, byte by byte: for `Proxy.forge`."""

from http import HTTPStatus

CAPTIVE_PORTAL = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 31\r\n\r\n<h1>Welcome to our hotel</h1>\r\n"
)
"""What a network that wants a sign-in says, whatever it is asked."""


def reply(status: int, *fields: str, body: str = "") -> bytes:
    """A whole reply of a tus host. `fields` are header lines."""
    head = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Tus-Resumable: 1.0.0",
        f"Content-Length: {len(body)}",
        *fields,
    ]
    return "\r\n".join([*head, "", body]).encode()


def cut_short(offset: int) -> bytes:
    """A reply that announces more than it brings."""
    return reply(200, f"Upload-Offset: {offset}", body="x" * 100)[:-90]


def offset_of(offset: int) -> bytes:
    """A reply to HEAD that names this offset, true or not."""
    return reply(200, f"Upload-Offset: {offset}")

"""What never leaves this computer, and what nobody else can read on its way."""

from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def is_private(address: str) -> bool:
    """Whether a request to this address is over TLS, or stays on this computer."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)

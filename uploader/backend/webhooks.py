"""Signed messages about videos."""

import hashlib
import hmac
from collections.abc import Sequence


def sign(secret: str, body: bytes) -> str:
    """The seed's signature over the raw body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def verify(secrets: Sequence[str], body: bytes, header: str) -> bool:
    """Whether one of the secrets made this signature; in constant time."""
    given = header.encode(errors="replace")
    return any(hmac.compare_digest(given, sign(secret, body).encode()) for secret in secrets)

"""Addresses that work for a while: `<expiry>.<signature>`, part of the path so that segments inherit it."""

import hashlib
import hmac
import re
from datetime import datetime, timedelta

LIFE = timedelta(hours=24)
_PATTERN = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})")


class Signer:
    """Makes and checks the signed part of an address. `key` is the server's own secret."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def signed(self, video_id: str, now: datetime) -> str:
        """Good for `LIFE` from now."""
        expiry = str(int((now + LIFE).timestamp()))
        return f"{expiry}.{self._signature(video_id, expiry)}"

    def good(self, video_id: str, signed: str, now: datetime) -> bool:
        """Whether we made it for this video and its time is not over."""
        parts = _PATTERN.fullmatch(signed)
        if parts is None:
            return False
        expiry, signature = parts.groups()
        return hmac.compare_digest(signature, self._signature(video_id, expiry)) and now.timestamp() < int(expiry)

    def _signature(self, video_id: str, expiry: str) -> str:
        return hmac.new(self._key, f"play:{video_id}:{expiry}".encode(), hashlib.sha256).hexdigest()

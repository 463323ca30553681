"""Signed messages about videos: signatures made and checked, and our own events sent as a provider would."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from uploader.backend.jobs import Handler, Lease
from uploader.backend.videos import Sight

WEBHOOK = "/api/webhooks/video-processing"
PREFIX = "sha256="
TIMEOUT = 10.0
TOLERANCE = 300
"""Seconds that a signature's time may lie in the past, or in the future."""


class Forged(Exception):
    """None of our secrets made this signature, or it is too old to be taken."""


class TooOld(Forged):
    """One of our secrets made it, at a time too far from now: delivered late, sent again, or a clock is wrong."""


class NotAnEvent(Exception):
    """Signed well, and not to be understood."""


@dataclass(frozen=True, slots=True)
class News:
    """What one webhook says. The same `event_id` twice is one event; without a `sight` there is nothing to do.

    The video is found by the provider's upload or asset id, or by our own id where the provider carries it. `confirm`:
    the provider is to be asked before more is said than `sight` says.
    """

    event_id: str
    sight: Sight | None
    video_id: str | None = None
    upload_id: str | None = None
    confirm: bool = False

    def __post_init__(self) -> None:
        """Raises NotAnEvent for an id that no database could look for."""
        if any("\0" in one for one in (self.event_id, self.video_id or "", self.upload_id or "")):
            raise NotAnEvent


class NotDelivered(Exception):
    """The receiver did not say that it has the message."""


def sign(secret: str, body: bytes) -> str:
    """The seed's `x-webhook-signature`: HMAC-SHA256 over the raw body, in hexadecimal."""
    return PREFIX + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def verify(secrets: Sequence[str], body: bytes, header: str | None) -> bool:
    """Whether one of the secrets made this signature, in constant time. Several (of a rotation) may be comma-separated.

    An empty secret never fits, so a server without one takes nothing.
    """
    given = [one.strip().encode(errors="surrogatepass") for one in (header or "").split(",")]
    wanted = [sign(secret, body).encode() for secret in secrets if secret]
    fits = [hmac.compare_digest(one, good) for one in given for good in wanted]
    return any(fits)


def sign_timed(secret: str, time: int, body: bytes) -> str:
    """HMAC-SHA256 over time, a dot and the raw body, in hexadecimal: the scheme of Cloudflare and of Mux."""
    return hmac.new(secret.encode(), b"%d." % time + body, hashlib.sha256).hexdigest()


def verify_timed(
    secrets: Sequence[str], body: bytes, header: str, now: datetime, *, time_key: str, signature_key: str
) -> bool:
    """Whether a header like `t=1700000000,v1=…` was made by one of the secrets, about now. In constant time.

    Several signatures (of a rotation at the sender) may be given; one that fits is enough. The time must be named once.
    Raises TooOld where all but the time is right.
    """
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for key, _, value in parts if key == time_key]
    if len(times) != 1 or not re.fullmatch("[0-9]{1,12}", times[0], re.ASCII):
        return False
    if times[0] != str(int(times[0])):
        return False
    given = [value.encode(errors="surrogatepass") for key, _, value in parts if key == signature_key]
    wanted = [sign_timed(secret, int(times[0]), body).encode() for secret in secrets if secret]
    fits = [hmac.compare_digest(one, good) for one in given for good in wanted]
    if any(fits) and abs(now.timestamp() - int(times[0])) > TOLERANCE:
        raise TooOld
    return any(fits)


def encoded(event: Mapping[str, Any]) -> bytes:
    """The bytes of an event: the same for every attempt, since the signature is over them."""
    return json.dumps(event, separators=(",", ":"), sort_keys=True).encode()


def deliverer(url: str, secret: str, clock: Callable[[], datetime], *, timeout: float = TIMEOUT) -> Handler:
    """The handler of `deliver_webhook` jobs: POSTs the payload's `event`, once an attempt, until the answer is 2xx."""

    def deliver(lease: Lease) -> None:
        event: Mapping[str, Any] = lease.payload["event"]
        body = encoded(event)
        headers = {
            "Content-Type": "application/json",
            "x-webhook-signature": sign(secret, body),
            "x-webhook-id": str(event["id"]),
            "x-webhook-timestamp": str(int(clock().timestamp())),
        }
        try:
            reply = httpx.post(
                url, content=body, headers=headers, timeout=timeout, follow_redirects=False, trust_env=False
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            lease.keep()  # if we are stopping, this attempt does not count
            raise NotDelivered(f"{type(error).__name__}: {error}") from error
        if not reply.is_success:
            raise NotDelivered(f"the receiver answered {reply.status_code}")

    return deliver

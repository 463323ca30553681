"""Signed messages about videos: the seed's signature, made and checked, and our own events sent as a provider would."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from uploader.backend.jobs import Handler, Lease

PREFIX = "sha256="
TIMEOUT = 10.0


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

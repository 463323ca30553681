"""Signing in without a browser here: a short code to type into one on another computer (RFC 8628)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from oauthlib.oauth2 import OAuth2Error
from pydantic import BaseModel, Field

from uploader.engine import oauth
from uploader.engine.discovery import Place, discover
from uploader.engine.http import parsed
from uploader.engine.oauth import Tokens
from uploader.errors import NoOtherComputer, SignInFailed, Transient

if TYPE_CHECKING:
    import httpx

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SLOWER = 5.0  # seconds more between questions whenever the server asks for it (RFC 8628, 3.5)
SLOWEST = 60.0

Nap = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a person needs at the other computer: an address, and the code to type there.

    `complete` is the address with the code in it, for a picture or a link; `lifetime` is in seconds.
    """

    address: str
    code: str
    complete: str | None
    lifetime: float


class _Codes(BaseModel, frozen=True):
    device_code: str = Field(repr=False)
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None = None
    expires_in: Annotated[float, Field(gt=0)]
    interval: Annotated[float, Field(gt=0)] = 5.0


async def sign_in_elsewhere(
    server: str, http: "httpx.AsyncClient", show: Callable[[Invitation], object], *, nap: Nap = asyncio.sleep
) -> Tokens:
    """Let a person sign in to `server` at another computer, as `show` tells them. Cancel it by cancelling the task.

    NoOtherComputer where the server has no such way; SignInFailed with words, NotAServer, or what the network did.
    """
    place = await discover(http, server)
    codes = await _ask(http, place)
    show(Invitation(codes.verification_uri, codes.user_code, codes.verification_uri_complete, codes.expires_in))
    try:
        async with asyncio.timeout(codes.expires_in):
            return await _poll(http, place, codes, nap)
    except TimeoutError:
        raise _too_late(codes) from None


async def _ask(http: "httpx.AsyncClient", place: Place) -> _Codes:
    if place.at.device_authorization_endpoint is None:
        raise NoOtherComputer
    reply = await oauth.post(http, place.at.device_authorization_endpoint, place.form(scope=place.scope))
    if not reply.is_success:
        raise NoOtherComputer(f"device authorization: {reply.status_code} {reply.text[:200]}")
    return parsed(reply, _Codes)


async def _poll(http: "httpx.AsyncClient", place: Place, codes: _Codes, nap: Nap) -> Tokens:
    pause, wait = codes.interval, codes.interval
    body = place.form(grant_type=GRANT, device_code=codes.device_code)
    while True:
        await nap(wait)
        wait = pause
        try:
            return await oauth.asked(http, place, body)
        except OAuth2Error as problem:
            if problem.error == "slow_down":
                pause = wait = pause + SLOWER
            elif problem.error == "access_denied":
                raise SignInFailed("access_denied", title="Signing in was not allowed") from problem
            elif problem.error == "expired_token":
                raise _too_late(codes) from problem
            elif problem.error != "authorization_pending":
                raise SignInFailed(f"{problem.error}: {problem.description}") from problem
        except Transient as error:  # the code may be typed meanwhile: ask less often, and go on
            pause = min(2 * pause, SLOWEST)
            wait = max(pause, error.retry_after or 0)


def _too_late(codes: _Codes) -> SignInFailed:
    minutes = max(1, round(codes.expires_in / 60))
    return SignInFailed(
        "expired_token",
        title=f"Nobody signed in within {minutes} {'minute' if minutes == 1 else 'minutes'}",
        hint="Try again, and type the new code.",
    )

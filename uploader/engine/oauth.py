"""What is said to an OAuth 2.0 server: tokens for a code or a refresh token, and the end of them."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oauthlib.oauth2 import OAuth2Error, WebApplicationClient

from uploader.engine.discovery import Place
from uploader.engine.http import out_of_place, translated
from uploader.errors import Refused, SignInNeeded

if TYPE_CHECKING:
    import httpx

LIFETIME = 300.0  # seconds, where the server does not say
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Tokens:
    """Leave to act for somebody: `access` for `lifetime` seconds, `refresh` for the next pair."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    lifetime: float


async def exchange(http: "httpx.AsyncClient", place: Place, body: str) -> Tokens:
    """Send a token request. SignInNeeded if what it offers is no longer good (`invalid_grant`), Refused otherwise."""
    try:
        return await asked(http, place, body)
    except OAuth2Error as problem:
        if problem.error == "invalid_grant":
            raise SignInNeeded(f"invalid_grant: {problem.description}") from problem
        raise Refused(f"token endpoint: {problem.error} {problem.description}") from problem


async def asked(http: "httpx.AsyncClient", place: Place, body: str) -> Tokens:
    """Send a token request. OAuth2Error with the server's own word where it says no."""
    reply = await post(http, place.at.token_endpoint, body)
    told = WebApplicationClient(place.client_id).parse_request_body_response(reply.text)
    return Tokens(told["access_token"], told.get("refresh_token"), float(told.get("expires_in") or LIFETIME))


async def refresh(http: "httpx.AsyncClient", place: Place, token: str) -> Tokens:
    """The next pair for a refresh token."""
    return await exchange(http, place, place.form(grant_type="refresh_token", refresh_token=token))


async def revoke(http: "httpx.AsyncClient", place: Place, token: str) -> None:
    """Tell the server that a refresh token, and all that came of it, is no longer wanted (RFC 7009)."""
    if place.at.revocation_endpoint is None:
        return
    body = place.form(token=token, token_type_hint="refresh_token")  # noqa: S106  (a kind, no secret)
    reply = await post(http, place.at.revocation_endpoint, body)
    if reply.status_code >= 400:
        raise Refused(f"revocation: {reply.status_code}")


async def post(http: "httpx.AsyncClient", address: str, body: str) -> "httpx.Response":
    """Send a form, and hear the server itself, whatever it says."""
    with translated():
        reply = await http.post(address, content=body, headers=FORM)
    if error := out_of_place(reply):
        raise error
    return reply

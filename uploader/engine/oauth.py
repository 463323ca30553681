"""What is said to an OAuth 2.0 server: where are you, tokens for a code or a refresh token, and the end of them."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from oauthlib.oauth2 import OAuth2Error, WebApplicationClient
from pydantic import BaseModel

from uploader.engine.http import out_of_place, parsed, translated
from uploader.errors import NotAServer, Refused, SignInFailed, SignInNeeded

if TYPE_CHECKING:
    import httpx

CLIENT_ID = "reelferry-desktop"
SCOPE = "upload offline_access"
LIFETIME = 300.0  # seconds, where the server does not say
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Tokens:
    """Leave to act for somebody: `access` for `lifetime` seconds, `refresh` for the next pair."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    lifetime: float


class Endpoints(BaseModel, frozen=True):
    """The addresses of one server, in the words of RFC 8414."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    code_challenge_methods_supported: tuple[str, ...] = ("S256",)
    authorization_response_iss_parameter_supported: bool = False


async def discover(http: "httpx.AsyncClient", server: str) -> Endpoints:
    """Ask `server` for its addresses. NotAServer, SignInFailed, or what the network did."""
    issuer = server.rstrip("/")
    root, path = _split(issuer)
    with translated():
        reply = await http.get(f"{root}/.well-known/oauth-authorization-server{path}")
    if error := out_of_place(reply):
        raise error
    if reply.status_code != 200:
        raise NotAServer(f"discovery: {reply.status_code}")
    found = parsed(reply, Endpoints)
    if found.issuer.rstrip("/") != issuer:
        raise SignInFailed(
            f"issuer {found.issuer} instead of {issuer}",
            hint=f"The server calls itself {found.issuer}. Use that address, if you trust it.",
        )
    if "S256" not in found.code_challenge_methods_supported:
        raise SignInFailed("no PKCE with S256", hint="The server is too old for this version of Reelferry.")
    _no_way_down(issuer, found)
    return found


async def exchange(http: "httpx.AsyncClient", endpoints: Endpoints, body: str) -> Tokens:
    """Send a token request. SignInNeeded if what it offers is no longer good (`invalid_grant`), Refused otherwise."""
    with translated():
        reply = await http.post(endpoints.token_endpoint, content=body, headers=FORM)
    if error := out_of_place(reply):
        raise error
    try:
        told = WebApplicationClient(CLIENT_ID).parse_request_body_response(reply.text)
    except OAuth2Error as problem:
        if problem.error == "invalid_grant":
            raise SignInNeeded(f"invalid_grant: {problem.description}") from problem
        raise Refused(f"token endpoint: {reply.status_code} {problem.error} {problem.description}") from problem
    return Tokens(told["access_token"], told.get("refresh_token"), float(told.get("expires_in") or LIFETIME))


async def refresh(http: "httpx.AsyncClient", endpoints: Endpoints, token: str) -> Tokens:
    """The next pair for a refresh token."""
    body = WebApplicationClient(CLIENT_ID).prepare_refresh_body(refresh_token=token, client_id=CLIENT_ID)
    return await exchange(http, endpoints, body)


async def revoke(http: "httpx.AsyncClient", endpoints: Endpoints, token: str) -> None:
    """Tell the server that a refresh token, and all that came of it, is no longer wanted (RFC 7009)."""
    if endpoints.revocation_endpoint is None:
        return
    form = {"token": token, "token_type_hint": "refresh_token", "client_id": CLIENT_ID}
    with translated():
        reply = await http.post(endpoints.revocation_endpoint, data=form)
    if error := out_of_place(reply):
        raise error
    if reply.status_code >= 400:
        raise Refused(f"revocation: {reply.status_code}")


def _split(issuer: str) -> tuple[str, str]:
    try:
        parts = urlsplit(issuer)
    except ValueError as error:
        raise NotAServer(str(error)) from error
    return f"{parts.scheme}://{parts.netloc}", parts.path


def _no_way_down(issuer: str, found: Endpoints) -> None:
    """A server reached over TLS must not send secrets around it."""
    if urlsplit(issuer).scheme != "https":
        return
    for address in (found.authorization_endpoint, found.token_endpoint, found.revocation_endpoint):
        if address is not None and urlsplit(address).scheme != "https":
            raise SignInFailed(f"{address} is not encrypted", hint="Ask the server's operator to fix its address.")

"""Where a server lets people sign in: at itself (RFC 8414), or at an issuer that it names (RFC 9728)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode, urlsplit

from pydantic import BaseModel, Field

from uploader.engine.http import out_of_place, parsed, translated
from uploader.errors import NotAServer, ReelferryError, SignInFailed

if TYPE_CHECKING:
    import httpx

CLIENT_ID = "reelferry-desktop"
SCOPE = "upload offline_access"
ANY_PORT = (0,)

Port = Annotated[int, Field(ge=1, le=65535)]


class Endpoints(BaseModel, frozen=True):
    """The addresses of one authorization server, in the words of RFC 8414."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    code_challenge_methods_supported: tuple[str, ...] = ("S256",)
    authorization_response_iss_parameter_supported: bool = False


class Elsewhere(BaseModel, frozen=True):
    """What a server says whose accounts are kept elsewhere: RFC 9728, and how its issuer knows this app."""

    authorization_servers: Annotated[tuple[str, ...], Field(min_length=1)]
    scopes_supported: tuple[str, ...] = ()
    reelferry_client_id: str
    reelferry_parameters: Mapping[str, str] = {}
    reelferry_redirect_ports: tuple[Port, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where and as whom to sign in. `parameters` go with every request, `ports` are those it may come back to."""

    at: Endpoints
    client_id: str = CLIENT_ID
    scope: str = SCOPE
    parameters: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ANY_PORT

    def form(self, **fields: str) -> str:
        """What a request to one of its endpoints says; no parameter of the server takes the place of one of ours."""
        return urlencode({**self.parameters, "client_id": self.client_id, **fields})


async def discover(http: "httpx.AsyncClient", server: str) -> Place:
    """Ask `server` where its people sign in. NotAServer, SignInFailed, or what the network did."""
    server = server.rstrip("/")
    try:
        return Place(_checked(server, await _endpoints(http, _well_known(server, "oauth-authorization-server"))))
    except NotAServer as error:
        elsewhere = await _elsewhere(http, server)
        if elsewhere is None:
            raise error from None
    issuer = elsewhere.authorization_servers[0].rstrip("/")
    _no_way_down(server, issuer)
    return Place(
        _checked(issuer, await _of_issuer(http, issuer)),
        elsewhere.reelferry_client_id,
        " ".join(elsewhere.scopes_supported),
        elsewhere.reelferry_parameters,
        elsewhere.reelferry_redirect_ports or ANY_PORT,
    )


async def _elsewhere(http: "httpx.AsyncClient", server: str) -> Elsewhere | None:
    """What the server says of its issuer; None if it says nothing."""
    with translated():
        reply = await http.get(_well_known(server, "oauth-protected-resource"))
    if error := out_of_place(reply):
        raise error
    return parsed(reply, Elsewhere) if reply.status_code == 200 else None


async def _of_issuer(http: "httpx.AsyncClient", issuer: str) -> Endpoints:
    """Many issuers know only OpenID Connect's address, and say so in many ways."""
    try:
        return await _endpoints(http, _well_known(issuer, "oauth-authorization-server"))
    except ReelferryError:
        return await _endpoints(http, f"{issuer}/.well-known/openid-configuration")


async def _endpoints(http: "httpx.AsyncClient", address: str) -> Endpoints:
    with translated():
        reply = await http.get(address)
    if error := out_of_place(reply):
        raise error
    if reply.status_code != 200:
        raise NotAServer(f"discovery: {reply.status_code}")
    return parsed(reply, Endpoints)


def _checked(issuer: str, found: Endpoints) -> Endpoints:
    if found.issuer.rstrip("/") != issuer:
        raise SignInFailed(
            f"issuer {found.issuer} instead of {issuer}",
            hint=f"The server calls itself {found.issuer}. Use that address, if you trust it.",
        )
    if "S256" not in found.code_challenge_methods_supported:
        raise SignInFailed("no PKCE with S256", hint="The server is too old for this version of Reelferry.")
    for address in (
        found.authorization_endpoint,
        found.token_endpoint,
        found.revocation_endpoint,
        found.device_authorization_endpoint,
    ):
        if address is not None:
            _no_way_down(issuer, address)
    return found


def _no_way_down(known: str, address: str) -> None:
    """A server reached over TLS must not send secrets around it."""
    if urlsplit(known).scheme == "https" and urlsplit(address).scheme != "https":
        raise SignInFailed(f"{address} is not encrypted", hint="Ask the server's operator to fix its address.")


def _well_known(issuer: str, name: str) -> str:
    try:
        parts = urlsplit(issuer)
    except ValueError as error:
        raise NotAServer(str(error)) from error
    return f"{parts.scheme}://{parts.netloc}/.well-known/{name}{parts.path}"

"""Signing in by the system's browser: authorization code with PKCE, back to this computer (RFC 8252, 7636, 9207)."""

import asyncio
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from oauthlib.oauth2 import OAuth2Error, WebApplicationClient

from uploader.engine.discovery import Place, discover
from uploader.engine.landing import Page, landing
from uploader.engine.oauth import Tokens, exchange
from uploader.errors import ReelferryError, SignInFailed, SignInNeeded

if TYPE_CHECKING:
    import httpx

PATIENCE = 300.0
ABSOLUTE = "https://127.0.0.1"  # oauthlib insists on TLS, also where an address never leaves this computer

SIGNED_IN = Page("You are signed in", "You can close this tab and return to Reelferry.")
NOT_OURS = Page(
    "This is not the sign-in Reelferry waits for",
    "Return to Reelferry and sign in from there.",
    "400 Bad Request",
)
TOO_LATE = Page("That took too long", "Return to Reelferry and sign in again.", "400 Bad Request")


async def sign_in(
    server: str, http: "httpx.AsyncClient", open_url: Callable[[str], object], *, patience: float = PATIENCE
) -> Tokens:
    """Let a person sign in to `server` in the browser that `open_url` opens. Cancel it by cancelling the task.

    SignInFailed with words, NotAServer, or what the network did. Nothing is kept: hand the tokens to a session.
    """
    place = await discover(http, server)
    attempt = _Attempt(place, http)
    async with landing(attempt.arrive, place.ports) as address:
        open_url(attempt.begin(address))
        try:
            async with asyncio.timeout(patience):
                return await attempt.outcome
        except TimeoutError:
            minutes = round(patience / 60)
            raise SignInFailed(
                f"nobody came back within {patience:g} s",
                title=f"Nobody signed in within {minutes} minutes",
                hint="Try again, and finish signing in in the browser.",
            ) from None


class _Attempt:
    """One sign-in. It ends with the first visit that knows its state; all others change nothing."""

    def __init__(self, place: Place, http: "httpx.AsyncClient") -> None:
        self._place, self._http = place, http
        self._client = WebApplicationClient(place.client_id)
        self._verifier = self._client.create_code_verifier(64)
        self._state = secrets.token_urlsafe(32)
        self._address = ""
        self._used = False
        self.outcome: asyncio.Future[Tokens] = asyncio.get_running_loop().create_future()

    def begin(self, address: str) -> str:
        """Where to send the browser, so that it comes back to `address`."""
        self._address = address
        query = self._place.form(
            response_type="code",
            redirect_uri=address,
            scope=self._place.scope,
            state=self._state,
            code_challenge=self._client.create_code_challenge(self._verifier, "S256"),
            code_challenge_method="S256",
        )
        target: str = self._place.at.authorization_endpoint
        return f"{target}{'&' if '?' in target else '?'}{query}"

    async def arrive(self, target: str) -> Page:
        """The browser is back."""
        said = {name: values[-1] for name, values in parse_qs(urlsplit(target).query).items()}
        if self._used or not secrets.compare_digest(said.get("state", "").encode(), self._state.encode()):
            return NOT_OURS
        self._used = True
        try:
            tokens = await self._redeem(target, said)
        except ReelferryError as error:
            if not self.outcome.done():
                self.outcome.set_exception(error)
            return Page(error.title, f"{error.hint} Return to Reelferry.".lstrip(), "400 Bad Request")
        if self.outcome.done():
            return TOO_LATE
        self.outcome.set_result(tokens)
        return SIGNED_IN

    async def _redeem(self, target: str, said: dict[str, str]) -> Tokens:
        issuer = said.get("iss")
        endpoints = self._place.at
        if issuer != endpoints.issuer and (
            issuer is not None or endpoints.authorization_response_iss_parameter_supported
        ):
            raise SignInFailed(f"the answer came from {issuer}")
        try:
            code = self._client.parse_request_uri_response(ABSOLUTE + target, state=self._state)["code"]
        except OAuth2Error as problem:
            if problem.error == "access_denied":
                raise SignInFailed("access_denied", title="Signing in was cancelled") from problem
            raise SignInFailed(f"{problem.error}: {problem.description}") from problem
        body = self._place.form(
            grant_type="authorization_code", code=code, redirect_uri=self._address, code_verifier=self._verifier
        )
        try:
            return await exchange(self._http, self._place, body)
        except SignInNeeded as error:
            raise SignInFailed(error.detail) from error

"""The page behind the one-time link: it makes the first account, and can go straight on to signing the app in."""

from urllib.parse import parse_qsl

from authlib.oauth2 import OAuth2Error
from fastapi import APIRouter, Request
from starlette.responses import Response

from uploader.backend.accounts import authorize, pages, passwords, setup, tokens, users
from uploader.backend.accounts.asked import Asked
from uploader.backend.accounts.forms import MOST_FIELDS, TOO_LATE, FormFields, FormSeal, Pairs
from uploader.backend.accounts.grants import SignInServer
from uploader.backend.context import Backend, TheBackend

SIGN_IN = "/oauth/authorize?"

router = APIRouter()


@router.get("/setup/{token}")
def look(token: str, request: Request, backend: TheBackend, next: str = "") -> Response:  # noqa: A002 (its public name)
    """Show the page. `next` may be the sign-in an app wants: a path that begins with /oauth/authorize?"""
    return _Visit(request, backend, token, next).looked()


@router.post("/setup/{token}")
def make(token: str, request: Request, form: FormFields, backend: TheBackend) -> Response:
    """Make the account."""
    typed = dict(form)
    return _Visit(request, backend, token, typed.get("next", "")).made(typed)


class _Visit:
    """One look at the page, or one answer from it."""

    def __init__(self, request: Request, backend: Backend, token: str, following: str) -> None:
        self._backend = backend
        self._token = token
        self._now = backend.clock()
        purpose = f"set-up {tokens.digest(token)}"
        self._seal = FormSeal(request, backend.config.app_key, backend.base_url, purpose, self._now)
        self._sign_in, self._leads_to = self._sign_in_of(following)
        self._following = following if self._sign_in else ""

    def looked(self) -> Response:
        return self._page() if self._valid() else self._gone()

    def made(self, typed: dict[str, str]) -> Response:
        username, name = users.tidy_username(typed.get("username", "")), users.tidy_name(typed.get("name", ""))
        shown = {"username": username, "name": name}
        password = typed.get("password", "")
        if not self._valid():
            return self._gone()
        if not self._seal.holds(typed.get("seal", "")):
            return self._page(shown, trouble=TOO_LATE, status=403)
        wrong = setup.problems(username, name, password, typed.get("password_again", ""))
        if wrong:
            return self._page(shown, wrong, status=422)
        password_hash = passwords.hashed(password)
        with self._backend.database.write() as session:
            user = setup.use(session, self._token, self._now, **shown, password_hash=password_hash)
        if user is None:
            return self._gone()
        if self._sign_in:
            return authorize.granted(self._backend, self._sign_in, user.id)
        says = (f"Go back to Reelferry and sign in as {username}. You can close this page.",)
        return pages.Page("Your account is ready", says, self._backend.base_url, status=201).response()

    def _sign_in_of(self, following: str) -> tuple[Pairs, str]:
        """The sign-in to go on with and where it leads; nothing unless it would be accepted at its own address."""
        if not following.startswith(SIGN_IN):
            return [], ""
        try:
            pairs = parse_qsl(following.removeprefix(SIGN_IN), keep_blank_values=True, max_num_fields=MOST_FIELDS)
            with self._backend.database.read() as session:
                server = SignInServer(session, self._backend.base_url, self._now)
                grant = server.consent(Asked(authorize.carried(pairs)))
        except (OAuth2Error, ValueError):
            return [], ""
        return authorize.carried(pairs), grant.redirect_uri

    def _valid(self) -> bool:
        with self._backend.database.read() as session:
            return setup.is_valid(session, self._token, self._now)

    def _page(
        self,
        typed: dict[str, str] | None = None,
        wrong: dict[str, str] | None = None,
        *,
        trouble: str = "",
        status: int = 200,
    ) -> Response:
        page = pages.set_up(
            server=self._backend.base_url,
            action=f"/setup/{self._token}",
            hidden={"seal": self._seal.seal(), **({"next": self._following} if self._following else {})},
            typed=typed or {},
            wrong=wrong or {},
            leads_to=self._leads_to,
            trouble=trouble,
            status=status,
        )
        return self._seal.keep(page)

    def _gone(self) -> Response:
        with self._backend.database.read() as session:
            there_is_one = users.anyone(session)
        if there_is_one:
            says = "This server has its first account already. Go back to Reelferry and sign in."
        else:
            says = "A link works once, for 24 hours. Start the server again to get a new one."
        return pages.Page("This link is no longer valid", (says,), self._backend.base_url, status=410).response()

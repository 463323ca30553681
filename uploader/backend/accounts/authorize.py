"""The sign-in page: an app asks for a code, a person gives name and password, the code goes back to the app."""

from authlib.oauth2 import OAuth2Error
from fastapi import APIRouter, Request
from starlette.responses import Response

from uploader.backend.accounts import pages, password_check, users
from uploader.backend.accounts.asked import Asked
from uploader.backend.accounts.forms import TOO_LATE, FormFields, FormSeal, Pairs
from uploader.backend.accounts.grants import SignInServer
from uploader.backend.accounts.password_check import NotLetIn
from uploader.backend.context import Backend, TheBackend
from uploader.backend.store.models import User

CARRIED = frozenset(
    {"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"}
)
PURPOSE = "sign-in"

router = APIRouter()


def carried(pairs: Pairs) -> Pairs:
    """What belongs to the app's request, and is carried along in the form."""
    return [(name, value) for name, value in pairs if name in CARRIED]


@router.get("/oauth/authorize")
def ask(request: Request, backend: TheBackend) -> Response:
    """Show the page, or send the app away with an error it can read."""
    return _Visit(request, backend, carried(request.query_params.multi_items())).looked()


@router.post("/oauth/authorize")
def answer(request: Request, form: FormFields, backend: TheBackend) -> Response:
    """Check name and password; back to the app with a code, or to the page with what went wrong."""
    return _Visit(request, backend, carried(form)).signed(dict(form))


class _Visit:
    """One look at the page, or one answer from it."""

    def __init__(self, request: Request, backend: Backend, pairs: Pairs) -> None:
        self._request = request
        self._backend = backend
        self._pairs = pairs
        self._now = backend.clock()
        self._seal = FormSeal(request, backend.config.app_key, backend.base_url, PURPOSE, self._now)

    def looked(self) -> Response:
        return self._refusal() or self._page()

    def signed(self, typed: dict[str, str]) -> Response:
        refusal = self._refusal()
        if refusal is not None:
            return refusal
        username = users.tidy_username(typed.get("username", ""))
        if not self._seal.holds(typed.get("seal", "")):
            return self._page(username, TOO_LATE, 403)
        found = password_check.check(self._backend, self._request, typed, self._now)
        if isinstance(found, NotLetIn):
            return found.on(self._page(username, found.words, found.status))
        return granted(self._backend, self._pairs, found.id)

    def _refusal(self) -> Response | None:
        """What to answer when the app's request will not do, or nobody could sign in anyway."""
        with self._backend.database.read() as session:
            server = SignInServer(session, self._backend.base_url, self._now)
            try:
                server.consent(Asked(self._pairs))
            except OAuth2Error as error:
                return server.told(error) if error.redirect_uri else self._broken(error)
            return None if users.anyone(session) else pages.nobody_yet(self._backend.base_url)

    def _page(self, username: str = "", trouble: str = "", status: int = 200) -> Response:
        with self._backend.database.read() as session:
            server = SignInServer(session, self._backend.base_url, self._now)
            grant = server.consent(Asked(self._pairs))
            cancel = server.denied(grant).headers["location"]
        page = pages.sign_in(
            server=self._backend.base_url,
            hidden={**dict(self._pairs), "seal": self._seal.seal()},
            username=username,
            cancel=cancel,
            leads_to=grant.redirect_uri,
            trouble=trouble,
            status=status,
        )
        return self._seal.keep(page)

    def _broken(self, error: OAuth2Error) -> Response:
        says = (
            "The app that sent you here asked for something this server does not do. Start again in the app.",
            f"For its developer: {error.description or error.error}",
        )
        return pages.Page("This sign-in does not work", says, self._backend.base_url, status=400).response()


def granted(backend: Backend, pairs: Pairs, user_id: str) -> Response:
    """Back to the app with a code for this user, whose password was right. `pairs` were found good before."""
    with backend.database.write() as session:
        server = SignInServer(session, backend.base_url, backend.clock())
        return server.granted(server.consent(Asked(pairs)), session.get_one(User, user_id))

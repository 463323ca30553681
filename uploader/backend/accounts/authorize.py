"""The sign-in page: an app asks for a code, a person gives name and password, the code goes back to the app."""

from authlib.oauth2 import OAuth2Error
from fastapi import APIRouter, Request
from starlette.responses import Response

from uploader.backend.accounts import pages, passwords, users
from uploader.backend.accounts.asked import Asked
from uploader.backend.accounts.forms import TOO_LATE, FormFields, FormSeal, Pairs
from uploader.backend.accounts.grants import SignInServer
from uploader.backend.accounts.limits import SignInAttempt
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
        attempt = SignInAttempt(self._backend, self._request, username, self._now)
        if not attempt.allowed():
            minutes = -(-attempt.wait // 60)
            words = f"Too many tries. Wait {minutes} {'minute' if minutes == 1 else 'minutes'}, then try again."
            response = self._page(username, words, 429)
            response.headers["Retry-After"] = str(attempt.wait)
            return response
        with self._backend.database.read() as session:
            user = users.named(session, username)
        if not passwords.matches(typed.get("password", ""), user.password_hash if user else None) or user is None:
            return self._page(username, "The username or the password is not right.", 403)
        attempt.was_right()
        if user.disabled_at is not None:
            return self._page(username, "This account is switched off. Ask the person who runs this server.", 403)
        return granted(self._backend, self._pairs, user.id)

    def _refusal(self) -> Response | None:
        """What to answer when the app's request will not do, or nobody could sign in anyway."""
        with self._backend.database.read() as session:
            server = SignInServer(session, self._backend.base_url, self._now)
            try:
                server.consent(Asked(self._pairs))
            except OAuth2Error as error:
                return server.told(error) if error.redirect_uri else self._broken(error)
            return None if users.anyone(session) else self._nobody_yet()

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

    def _nobody_yet(self) -> Response:
        says = (
            "The first account is made with a link that works once. Reelferry opens it when the server first starts.",
            "The server also prints it where it is started. Start it again to get a new one.",
        )
        return pages.Page("This server has no account yet", says, self._backend.base_url).response()


def granted(backend: Backend, pairs: Pairs, user_id: str) -> Response:
    """Back to the app with a code for this user, whose password was right. `pairs` were found good before."""
    with backend.database.write() as session:
        server = SignInServer(session, backend.base_url, backend.clock())
        return server.granted(server.consent(Asked(pairs)), session.get_one(User, user_id))

"""The pages where a person signs in an app on another computer: the code it shows, then name and password."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from uploader.backend.accounts import device_grant, pages, password_check, users
from uploader.backend.accounts.asked import CLIENTS
from uploader.backend.accounts.forms import TOO_LATE, FormFields, FormSeal
from uploader.backend.accounts.limits import code_attempt
from uploader.backend.accounts.password_check import NotLetIn
from uploader.backend.context import Backend, TheBackend
from uploader.backend.store.sign_in_models import OAuthDevice

CONFIRM = f"{device_grant.PATH}/confirm"
NOT_KNOWN = "This code is not known here, or its ten minutes are over. Look at the other computer again."

router = APIRouter()


@router.get(device_grant.PATH)
def look(request: Request, backend: TheBackend, user_code: str = "") -> Response:
    """Ask for the code. One that came with the address is filled in, and still sent by the person."""
    return _Visit(request, backend).asked(user_code)


@router.post(device_grant.PATH)
def enter(request: Request, form: FormFields, backend: TheBackend) -> Response:
    """Look the code up, and ask who is there."""
    return _Visit(request, backend).entered(dict(form))


@router.post(CONFIRM)
def confirm(request: Request, form: FormFields, backend: TheBackend) -> Response:
    """Let the app in, or turn it away."""
    return _Visit(request, backend).confirmed(dict(form))


class _Visit:
    """One look at one of the two pages, or one answer from it."""

    def __init__(self, request: Request, backend: Backend) -> None:
        self._request = request
        self._backend = backend
        self._now = backend.clock()

    def asked(self, typed: str = "", wrong: str = "", status: int = 200) -> Response:
        with self._backend.database.read() as session:
            if not users.anyone(session):
                return pages.nobody_yet(self._backend.base_url)
        seal = self._seal()
        code = device_grant.tidy(typed)
        page = pages.code_entry(
            server=self._backend.base_url,
            action=device_grant.PATH,
            hidden={"seal": seal.seal()},
            code=device_grant.shown(code) if code else "",
            wrong=wrong,
            status=status,
        )
        return seal.keep(page)

    def entered(self, typed: dict[str, str]) -> Response:
        said = typed.get("user_code", "")
        if not self._seal().holds(typed.get("seal", "")):
            return self.asked(said, TOO_LATE, 403)
        attempt = code_attempt(self._backend, self._request, self._now)
        if not attempt.allowed():
            return NotLetIn(attempt.words, 429, attempt.wait).on(self.asked(said, attempt.words, 429))
        device = self._waiting(device_grant.tidy(said))
        if device is None:
            return self.asked(said, NOT_KNOWN, 403)
        attempt.was_right()
        return self._ask_who(device)

    def confirmed(self, typed: dict[str, str]) -> Response:
        code = device_grant.tidy(typed.get("user_code", ""))
        if not self._seal(code).holds(typed.get("seal", "")):  # only who has entered the code has this seal
            return self.asked("", TOO_LATE, 403)
        device = self._waiting(code)
        if device is None:
            return self.asked("", NOT_KNOWN, 403)
        if typed.get("answer") == "no":
            return self._answered(code, None)
        found = password_check.check(self._backend, self._request, typed, self._now)
        if isinstance(found, NotLetIn):
            username = users.tidy_username(typed.get("username", ""))
            return found.on(self._ask_who(device, username, found.words, found.status))
        return self._answered(code, found.id)

    def _answered(self, code: str, user_id: str | None) -> Response:
        with self._backend.database.write() as session:
            done = device_grant.answer(session, code, self._now, user_id=user_id)
        if not done:
            return self.asked("", NOT_KNOWN, 403)
        if user_id is None:
            title, says = "Not allowed", "Nobody was signed in on the other computer. You can close this page."
        else:
            title, says = "Allowed", "Reelferry on the other computer signs in within seconds. You can close this page."
        return pages.Page(title, (says,), self._backend.base_url).response()

    def _waiting(self, code: str) -> OAuthDevice | None:
        with self._backend.database.read() as session:
            return device_grant.waiting(session, code, self._now)

    def _ask_who(self, device: OAuthDevice, username: str = "", trouble: str = "", status: int = 200) -> Response:
        seal = self._seal(device.user_code)
        page = pages.confirm_device(
            server=self._backend.base_url,
            action=CONFIRM,
            hidden={"seal": seal.seal(), "user_code": device.user_code},
            code=device_grant.shown(device.user_code),
            app=CLIENTS[device.client_id].name,
            username=username,
            trouble=trouble,
            status=status,
        )
        return seal.keep(page)

    def _seal(self, code: str = "") -> FormSeal:
        purpose = f"device {code}"
        return FormSeal(self._request, self._backend.config.app_key, self._backend.base_url, purpose, self._now)

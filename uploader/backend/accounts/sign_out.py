"""The page that ends every sign-in of an account, for a person who has only a browser left."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from uploader.backend.accounts import pages, password_check, users
from uploader.backend.accounts.forms import TOO_LATE, FormFields, FormSeal
from uploader.backend.accounts.password_check import NotLetIn
from uploader.backend.context import Backend, TheBackend

PATH = "/sign-out"
PURPOSE = "sign-out"

router = APIRouter()


@router.get(PATH)
def look(request: Request, backend: TheBackend) -> Response:
    """Ask who is there."""
    return _page(request, backend)


@router.post(PATH)
def end(request: Request, form: FormFields, backend: TheBackend) -> Response:
    """End every sign-in of the person whose password this is."""
    typed, now = dict(form), backend.clock()
    username = users.tidy_username(typed.get("username", ""))
    if not _seal(request, backend).holds(typed.get("seal", "")):
        return _page(request, backend, username, TOO_LATE, 403)
    found = password_check.check(backend, request, typed, now)
    if isinstance(found, NotLetIn):
        return found.on(_page(request, backend, username, found.words, found.status))
    with backend.database.write() as session:
        users.sign_out_everywhere(session, found.id, now)
    says = ("Every computer has to sign in again before it can upload or post. You can close this page.",)
    return pages.Page("You are signed out everywhere", says, backend.base_url).response()


def _page(request: Request, backend: Backend, username: str = "", trouble: str = "", status: int = 200) -> Response:
    seal = _seal(request, backend)
    page = pages.end_sign_ins(
        server=backend.base_url,
        action=PATH,
        hidden={"seal": seal.seal()},
        username=username,
        trouble=trouble,
        status=status,
    )
    return seal.keep(page)


def _seal(request: Request, backend: Backend) -> FormSeal:
    return FormSeal(request, backend.config.app_key, backend.base_url, PURPOSE, backend.clock())

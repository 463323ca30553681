"""Who is signed in."""

from fastapi import APIRouter, Response

from uploader.backend.accounts import users
from uploader.backend.accounts.guard import CurrentUser
from uploader.backend.context import TheBackend
from uploader.backend.problems import ApiProblem, responses
from uploader.wire import Me

router = APIRouter(prefix="/api", tags=["accounts"])


@router.get("/me", responses=responses(401))
def me(user: CurrentUser) -> Me:
    """The owner of the token."""
    return Me(id=user.id, username=user.username, name=user.name, avatar=user.avatar, verified=user.verified)


@router.post("/me/sign-out-everywhere", status_code=204, responses=responses(401, 409))
def sign_out_everywhere(user: CurrentUser, backend: TheBackend) -> Response:
    """End every sign-in of the owner of the token, this one too, on every computer at once."""
    if backend.issuer is not None:
        raise ApiProblem(
            409, f"Accounts are kept at {backend.issuer.config.url}. Sign out there.", "accounts_elsewhere"
        )
    with backend.database.write() as session:
        users.sign_out_everywhere(session, user.id, backend.clock())
    return Response(status_code=204)

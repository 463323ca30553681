"""Who is signed in."""

from fastapi import APIRouter

from uploader.backend.accounts.guard import CurrentUser
from uploader.backend.problems import responses
from uploader.wire import Me

router = APIRouter(prefix="/api", tags=["accounts"])


@router.get("/me", responses=responses(401))
def me(user: CurrentUser) -> Me:
    """The owner of the token."""
    return Me(id=user.id, username=user.username, name=user.name, avatar=user.avatar, verified=user.verified)

"""Where a person may post: the communities that list them as a member. A new account is a member of all there are."""

from fastapi import APIRouter
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from uploader.backend.accounts.guard import CurrentUser
from uploader.backend.context import TheBackend
from uploader.backend.problems import ApiProblem, responses
from uploader.backend.store.models import Community, CommunityMember
from uploader.wire import Communities
from uploader.wire import Community as Shown

router = APIRouter(prefix="/api", tags=["communities"])


@router.get("/communities", responses=responses(401))
def communities(user: CurrentUser, backend: TheBackend) -> Communities:
    """Those the person belongs to, by name."""
    with backend.database.read() as session:
        found = session.scalars(select(Community).where(belongs(user.id)).order_by(Community.name, Community.id))
        return Communities(communities=tuple(Shown(id=one.id, name=one.name) for one in found))


def belongs(user_id: str) -> ColumnElement[bool]:
    """Whether the community of the row at hand is one of this person's."""
    return Community.id.in_(select(CommunityMember.community_id).where(CommunityMember.user_id == user_id))


def own_community(session: Session, community_id: str, user_id: str) -> Community:
    """A community the person belongs to. Raises ApiProblem 404 and 403."""
    community = session.get(Community, community_id)
    if community is None:
        raise ApiProblem(404, "Community not found", "community_not_found")
    if session.get(CommunityMember, (community_id, user_id)) is None:
        raise ApiProblem(403, "Access denied", "access_denied")
    return community

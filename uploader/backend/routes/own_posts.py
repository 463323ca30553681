"""A post before it is out, for its author alone: read it, change it, take it back."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from uploader.backend import publishing
from uploader.backend.accounts.guard import CurrentUser
from uploader.backend.context import Backend, TheBackend
from uploader.backend.problems import ApiProblem, responses
from uploader.backend.routes.communities import own_community
from uploader.backend.routes.posts import before, check_pace, check_time, cleaned, cursor_after, show, show_own
from uploader.backend.store.models import PendingPost, Post, User
from uploader.wire import WITHOUT_NUL, OwnPost, OwnPosts, PostChange

router = APIRouter(prefix="/api/posts", tags=["posts"])

PostId = Annotated[str, Path(max_length=255, pattern=WITHOUT_NUL)]

OVER = {
    "published": ("The post is already published", "already_published"),
    "cancelled": ("The post was cancelled", "post_cancelled"),
}


@router.get("/pending", responses=responses(401))
def pending(
    user: CurrentUser,
    backend: TheBackend,
    cursor: Annotated[str | None, Query(max_length=255)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> OwnPosts:
    """One's own drafts, posts that wait and posts that were not published; newest first."""
    wanted = [PendingPost.user_id == user.id, PendingPost.state.in_(publishing.OPEN)]
    if cursor is not None:
        wanted.append(before(cursor, PendingPost.created_at, PendingPost.id))
    newest = select(PendingPost).where(*wanted).order_by(PendingPost.created_at.desc(), PendingPost.id.desc())
    with backend.database.read() as session:
        found = list(session.scalars(newest.limit(limit + 1).options(joinedload(PendingPost.video))))
        return OwnPosts(
            posts=tuple(show_own(backend, one, session) for one in found[:limit]),
            next_cursor=cursor_after(found[limit - 1]) if len(found) > limit else None,
        )


@router.get("/{post_id}", responses=responses(401, 404))
def read(post_id: PostId, user: CurrentUser, backend: TheBackend) -> OwnPost:
    """What became of one's own post, whichever way it was published."""
    with backend.database.read() as session:
        mine = session.get(PendingPost, post_id)
        if mine is not None and mine.user_id == user.id:
            return show_own(backend, mine, session)
        post = session.get(Post, post_id)
        if post is None or post.user_id != user.id:
            raise _unknown()
        return _published_at_once(backend, post)


@router.patch("/{post_id}", responses=responses(401, 403, 404, 409, 429))
def change(post_id: PostId, request: PostChange, user: CurrentUser, backend: TheBackend) -> OwnPost:
    """Change a post that is not out yet; `publish` holds it back (draft) or lets it go. 409: too late."""
    now = backend.clock()
    check_time(request.publish_at, now)
    check_pace(backend, user, now)
    with backend.database.write() as session:
        mine = _open(session, post_id, user)
        _apply(session, mine, request, user, now)
        return show_own(backend, publishing.attempt(session, post_id, now), session)


def _apply(session: Session, mine: PendingPost, request: PostChange, user: User, now: datetime) -> None:
    given = request.model_fields_set
    if "content" in given:
        mine.content = cleaned(request.content)
    if not mine.content and mine.type == "text":
        raise ApiProblem(400, "Write something or add a video", "empty_post")
    if "community_id" in given:
        mine.community_id = request.community_id and own_community(session, request.community_id, user.id).id
    if "publish_at" in given:
        mine.publish_at = request.publish_at
    if "min_height" in given:
        mine.min_height = request.min_height
    if "publish" in given:
        mine.state = "draft" if request.publish == "draft" else "waiting"
        mine.problem = None
    mine.version += 1
    mine.updated_at = now
    session.flush()


@router.delete("/{post_id}", status_code=204, responses=responses(401, 404, 409))
def cancel(post_id: PostId, user: CurrentUser, backend: TheBackend) -> Response:
    """Never publish it; saying so twice is no error. 409: it is out already."""
    with backend.database.write() as session:
        mine = _mine(session, post_id, user)
        if mine.state == "published":
            raise ApiProblem(409, *OVER[mine.state])
        if mine.state != "cancelled":
            publishing.cancel(session, mine, backend.clock())
    return Response(status_code=204)


def _mine(session: Session, post_id: str, user: User) -> PendingPost:
    """One's own post, held until the transaction ends. Raises ApiProblem 404, and 409 for one that never waited."""
    owner = session.scalar(select(PendingPost.user_id).where(PendingPost.id == post_id))
    if owner == user.id:
        return publishing.locked(session, post_id)
    post = session.get(Post, post_id)
    if post is not None and post.user_id == user.id:
        raise ApiProblem(409, *OVER["published"])
    raise _unknown()


def _open(session: Session, post_id: str, user: User) -> PendingPost:
    mine = _mine(session, post_id, user)
    if mine.state not in publishing.OPEN:
        raise ApiProblem(409, *OVER[mine.state])
    return mine


def _unknown() -> ApiProblem:
    return ApiProblem(404, "Post not found", "post_not_found")


def _published_at_once(backend: Backend, post: Post) -> OwnPost:
    return OwnPost(
        id=post.id,
        state="published",
        content=post.content or "",
        type=post.type,
        video_id=post.video_id,
        filename=post.video.filename if post.video else None,
        community_id=post.community_id,
        post=show(backend, post),
        created_at=post.created_at,
        updated_at=post.updated_at,
    )

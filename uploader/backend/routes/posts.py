"""Posts: made once, read newest first."""

import base64
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, joinedload

from uploader.backend import idempotency
from uploader.backend.accounts.guard import CurrentUser
from uploader.backend.context import Backend, TheBackend
from uploader.backend.problems import ApiProblem, responses
from uploader.backend.rate_limit import allow, seconds_left
from uploader.backend.routes.communities import belongs, own_community
from uploader.backend.store.models import Community, Post, User, Video
from uploader.wire import Author, Media, PostRequest, Posts
from uploader.wire import Community as ShownCommunity
from uploader.wire import Post as ShownPost

router = APIRouter(prefix="/api", tags=["posts"])

A_MINUTE = 60
POSTS_A_MINUTE = 120

NOT_READY = {
    "uploading": ("Video is still processing", "video_processing"),
    "processing": ("Video is still processing", "video_processing"),
    "error": ("The video could not be processed", "video_failed"),
    "cancelled": ("The video was deleted", "video_cancelled"),
}


@router.post("/posts", responses=responses(401, 403, 404, 409, 422, 429))
def create(
    request: PostRequest, user: CurrentUser, backend: TheBackend, idempotency_key: idempotency.Key = None
) -> ShownPost:
    """Publish. The key and the post are one transaction: there is one post, or none, however often this is sent."""
    now = backend.clock()
    content = request.content.replace("\0", "").strip()
    if not content and request.video_id is None:
        raise ApiProblem(400, "Write something or add a video", "empty_post")
    if not allow(backend.database, f"posts:{user.id}", POSTS_A_MINUTE, A_MINUTE, now):
        raise ApiProblem(429, "Too many posts at once", "rate_limited", seconds_left(A_MINUTE, now))
    with backend.database.write() as session:
        reservation = idempotency.reserve(session, user.id, idempotency_key, request, now)
        if reservation.answer is not None:
            return show(backend, session.get_one(Post, reservation.id))
        post = Post(
            id=reservation.id,
            user=session.get_one(User, user.id),
            video=None if request.video_id is None else _ready_video(session, request.video_id, user),
            community=None if request.community_id is None else own_community(session, request.community_id, user.id),
            content=content,
            type="text" if request.video_id is None else "video",
            created_at=now,
        )
        session.add(post)
        session.flush()
        reservation.store(session, {})
        return show(backend, post)


def _ready_video(session: Session, video_id: str, user: User) -> Video:
    video = session.get(Video, video_id)
    if video is None or video.user_id != user.id:
        raise ApiProblem(404, "Video not found", "video_not_found")
    if video.status != "ready":
        raise ApiProblem(409, *NOT_READY[video.status])
    return video


def show(backend: Backend, post: Post) -> ShownPost:
    """A post in the seed's shape, with its video where that is found now."""
    return ShownPost(
        id=post.id,
        content=post.content or "",
        type=post.type,
        author=Author(
            id=post.user.id,
            name=post.user.name,
            username=post.user.username,
            avatar=post.user.avatar,
            verified=post.user.verified,
        ),
        media=_media(backend, post.video),
        community=post.community and ShownCommunity(id=post.community.id, name=post.community.name),
        likes=post.likes_count,
        comments=post.comments_count,
        shares=post.shares_count,
        views=post.views_count,
        timestamp=post.created_at,
    )


def _media(backend: Backend, video: Video | None) -> Media | None:
    if video is None or video.status != "ready":
        return None
    found = backend.addresses(video)
    return Media(
        video_id=video.id,
        url=found.playback_url,
        thumbnail=found.thumbnail_url,
        duration=video.duration,
        watch_url=found.watch_url,
    )


@router.get("/posts", responses=responses(401, 403, 404))
def posts(
    user: CurrentUser,
    backend: TheBackend,
    community_id: Annotated[str | None, Query(alias="communityId", max_length=255)] = None,
    cursor: Annotated[str | None, Query(max_length=255)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Posts:
    """What the person may read, newest first. A cursor stays good while new posts come in."""
    mine = select(Community.id).where(belongs(user.id))
    wanted = [or_(Post.community_id.is_(None), Post.community_id.in_(mine))]
    if cursor is not None:
        wanted.append(_before(cursor))
    with backend.database.read() as session:
        if community_id is not None:
            wanted.append(Post.community_id == own_community(session, community_id, user.id).id)
        newest = select(Post).where(*wanted).order_by(Post.created_at.desc(), Post.id.desc()).limit(limit + 1)
        everything = newest.options(joinedload(Post.user), joinedload(Post.video), joinedload(Post.community))
        found = list(session.scalars(everything))
    page = found[:limit]
    return Posts(
        posts=tuple(show(backend, post) for post in page),
        next_cursor=_cursor(page[-1]) if len(found) > limit else None,
    )


def _cursor(post: Post) -> str:
    return base64.urlsafe_b64encode(f"{post.created_at.isoformat()}|{post.id}".encode()).decode()


def _before(cursor: str) -> ColumnElement[bool]:
    try:
        moment, _, post_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
        last = datetime.fromisoformat(moment).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ApiProblem(400, "Invalid request (cursor: not one of ours)", "invalid_request") from error
    return or_(Post.created_at < last, (Post.created_at == last) & (Post.id < post_id))

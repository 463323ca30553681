"""Posts: made once, at once or later; read newest first."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from uploader.backend import idempotency, publishing
from uploader.backend.accounts.guard import CurrentUser
from uploader.backend.context import Backend, TheBackend
from uploader.backend.problems import ApiProblem, responses
from uploader.backend.rate_limit import allow, seconds_left
from uploader.backend.routes.communities import belongs, own_community
from uploader.backend.routes.videos import video_status
from uploader.backend.store.models import Community, PendingPost, Post, User, Video
from uploader.wire import WITHOUT_NUL, Author, Media, OwnPost, PostRequest, Posts, PublishRequest, VideoProblem
from uploader.wire import Community as ShownCommunity
from uploader.wire import Post as ShownPost

router = APIRouter(prefix="/api", tags=["posts"])

A_MINUTE = 60
POSTS_A_MINUTE = 120
FURTHEST = timedelta(days=366)
"""How far ahead a post may be planned."""

NOT_READY = {
    "uploading": ("Video is still processing", "video_processing"),
    "processing": ("Video is still processing", "video_processing"),
    "error": ("The video could not be processed", "video_failed"),
    "cancelled": ("The video was deleted", "video_cancelled"),
}


@router.post(
    "/posts",
    response_model=None,
    responses={
        **responses(401, 403, 404, 409, 422, 429),
        200: {"model": ShownPost, "description": "Published"},
        202: {"model": OwnPost, "description": "The server publishes it: the post as it stands"},
    },
)
def create(
    request: PublishRequest,
    user: CurrentUser,
    backend: TheBackend,
    response: Response,
    idempotency_key: idempotency.Key = None,
) -> ShownPost | OwnPost:
    """Publish: now, or with `publish` or `publishAt` as soon as everything is there (202). The key and the post are one
    transaction: there is one post, or none, however often this is sent.
    """
    now = backend.clock()
    content = cleaned(request.content)
    if not content and request.video_id is None:
        raise ApiProblem(400, "Write something or add a video", "empty_post")
    later = _later(request, now)
    check_pace(backend, user, now)
    with backend.database.write() as session:
        reservation = idempotency.reserve(session, user.id, idempotency_key, _asked(request, later=later), now)
        if later:
            response.status_code = 202
            if reservation.answer is None:
                _keep(session, reservation.id, request, user, now)
                reservation.store(session, {})
            return show_own(backend, session.get_one(PendingPost, reservation.id), session)
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


def check_pace(backend: Backend, user: User, now: datetime) -> None:
    """Raise ApiProblem where posts come, or are changed, faster than people write: each may bring a job."""
    if not allow(backend.database, f"posts:{user.id}", POSTS_A_MINUTE, A_MINUTE, now):
        raise ApiProblem(429, "Too many posts at once", "rate_limited", seconds_left(A_MINUTE, now))


def cleaned(text: str) -> str:
    """A post's text as it is kept."""
    return text.replace("\0", "").strip()


def _later(request: PublishRequest, now: datetime) -> bool:
    """Whether the server is to publish by itself. Raises ApiProblem where the request contradicts itself."""
    later = request.publish in {"when_ready", "draft"} or (request.publish is None and request.publish_at is not None)
    if not later and (request.publish_at is not None or request.min_height is not None):
        raise ApiProblem(400, "Invalid request (publish: now, and yet on a condition)", "invalid_request")
    check_time(request.publish_at, now)
    return later


def check_time(publish_at: datetime | None, now: datetime) -> None:
    """Raise ApiProblem for a time that is further ahead than anybody plans. One that is over is none."""
    if publish_at is not None and publish_at > now + FURTHEST:
        raise ApiProblem(400, f"A post can be planned {FURTHEST.days} days ahead", "publish_at_too_far")


def _asked(request: PublishRequest, *, later: bool) -> PostRequest:
    """What an Idempotency-Key stands for. A post of now is what it was before there were others."""
    return request if later else PostRequest.model_validate(request.model_dump(include=set(PostRequest.model_fields)))


def _keep(session: Session, post_id: str, request: PublishRequest, user: User, now: datetime) -> None:
    """Take a post that waits, and publish it if there is nothing to wait for."""
    if request.video_id is not None:
        video = _own_video(session, request.video_id, user)
        if video.status in {"error", "cancelled"}:
            raise ApiProblem(409, *NOT_READY[video.status])
    if request.community_id is not None:
        own_community(session, request.community_id, user.id)
    pending = PendingPost(
        id=post_id,
        user_id=user.id,
        video_id=request.video_id,
        community_id=request.community_id,
        content=cleaned(request.content),
        type="text" if request.video_id is None else "video",
        state="draft" if request.publish == "draft" else "waiting",
        publish_at=request.publish_at,
        min_height=request.min_height,
        version=0,
        created_at=now,
        updated_at=now,
    )
    session.add(pending)
    session.flush()
    publishing.attempt(session, post_id, now)


def _own_video(session: Session, video_id: str, user: User) -> Video:
    """One of the person's videos; it does not change until the transaction ends."""
    video = publishing.hold_video(session, video_id)
    if video is None or video.user_id != user.id:
        raise ApiProblem(404, "Video not found", "video_not_found")
    return video


def _ready_video(session: Session, video_id: str, user: User) -> Video:
    video = _own_video(session, video_id, user)
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


def show_own(backend: Backend, pending: PendingPost, session: Session) -> OwnPost:
    """A post as its author sees it."""
    post = session.get(Post, pending.id) if pending.state == "published" else None
    return OwnPost(
        id=pending.id,
        state=pending.state,
        content=pending.content,
        type=pending.type,
        video_id=pending.video_id,
        filename=pending.video.filename if pending.video else None,
        community_id=pending.community_id,
        publish_at=pending.publish_at,
        min_height=pending.min_height,
        min_height_met=pending.min_height_met,
        waits_for=publishing.waits_for(pending, backend.clock()) if pending.state == "waiting" else None,
        problem=_why_not(backend, pending),
        post=None if post is None else show(backend, post),
        created_at=pending.created_at,
        updated_at=pending.updated_at,
    )


def _why_not(backend: Backend, pending: PendingPost) -> VideoProblem | None:
    if pending.problem is None:
        return None
    of_the_video = video_status(backend, pending.video, None).error if pending.video else None
    if pending.problem == "video_failed" and of_the_video is not None:
        return of_the_video
    message, action = publishing.PROBLEMS.get(pending.problem, publishing.PROBLEMS["video_deleted"])
    return VideoProblem(code=pending.problem, message=message, action=action)


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
    community_id: Annotated[str | None, Query(alias="communityId", max_length=255, pattern=WITHOUT_NUL)] = None,
    cursor: Annotated[str | None, Query(max_length=255)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Posts:
    """What the person may read, newest first. A cursor stays good while new posts come in."""
    mine = select(Community.id).where(belongs(user.id))
    wanted = [or_(Post.community_id.is_(None), Post.community_id.in_(mine))]
    if cursor is not None:
        wanted.append(before(cursor, Post.created_at, Post.id))
    with backend.database.read() as session:
        if community_id is not None:
            wanted.append(Post.community_id == own_community(session, community_id, user.id).id)
        newest = select(Post).where(*wanted).order_by(Post.created_at.desc(), Post.id.desc()).limit(limit + 1)
        everything = newest.options(joinedload(Post.user), joinedload(Post.video), joinedload(Post.community))
        found = list(session.scalars(everything))
    page = found[:limit]
    return Posts(
        posts=tuple(show(backend, post) for post in page),
        next_cursor=cursor_after(page[-1]) if len(found) > limit else None,
    )


def cursor_after(post: Post | PendingPost) -> str:
    """What a client sends to read on after this one."""
    return base64.urlsafe_b64encode(f"{post.created_at.isoformat()}|{post.id}".encode()).decode()


def before(
    cursor: str, created_at: InstrumentedAttribute[datetime], its_id: InstrumentedAttribute[str]
) -> ColumnElement[bool]:
    """Whether a row comes after the cursor's, newest first. Raises ApiProblem for a cursor that is not ours."""
    try:
        moment, _, post_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
        last = datetime.fromisoformat(moment).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ApiProblem(400, "Invalid request (cursor: not one of ours)", "invalid_request") from error
    return or_(created_at < last, (created_at == last) & (its_id < post_id))

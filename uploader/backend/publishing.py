"""Posts that wait: the server publishes them when their video is ready and their time has come, exactly once.

    draft ◄──► waiting ──► published
      └──────────┴───► cancelled · not_published ──(edited)──► waiting

A post is published in the transaction in which the last thing it waited for comes true: its video's change to `ready`,
its author's edit, or the job that is due at its time. Whoever looks holds the video's row first and the post's row
then, so of all who look at once one publishes, and none looks past another. The post keeps its id: that there can be
only one is the primary key of `posts`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from uploader.backend import jobs
from uploader.backend.store.models import Community, CommunityMember, PendingPost, Post, Video

JOB = "publish"
ATTEMPTS = 1_000_000
OPEN = ("draft", "waiting", "not_published")
"""The states in which a post can be edited and cancelled."""

GATE_PATIENCE = timedelta(hours=24)
"""From `ready` on: then a post is published with the renditions that there are."""

WaitsFor = Literal["video", "rendition", "time"]

PROBLEMS: Mapping[str, tuple[str, str]] = {
    "video_deleted": ("The video was deleted", "Upload it again."),
    "community_gone": ("The community is no longer there", "Choose another one, then post again."),
    "not_a_member": ("You are no longer a member of this community", "Choose another one, then post again."),
    "account_disabled": ("The account is disabled", "Ask the server's operator."),
}
"""Why a post was not published: what happened, and the thing to do. `video_failed` has the video's own words."""


def video_settled(session: Session, video_id: str, now: datetime) -> None:
    """The video has come to an end state, in this transaction: publish what waited for that, or say why not."""
    waiting = select(PendingPost.id).where(PendingPost.video_id == video_id, PendingPost.state == "waiting")
    for post_id in session.scalars(waiting.order_by(PendingPost.id)).all():
        attempt(session, post_id, now)


def attempt(session: Session, post_id: str, now: datetime) -> PendingPost:
    """Publish, if nothing is waited for any more. What comes by itself is waited for; a job is made for the rest."""
    pending = locked(session, post_id)
    if pending.state != "waiting":
        return pending
    problem = _video_problem(pending)
    wait = waits_for(pending, now)
    if problem is None and wait is None:
        problem = _author_problem(session, pending)
    if problem is not None:
        _end(session, pending, "not_published", now, problem=problem)
    elif wait is None:
        _publish(session, pending, now)
    elif wait != "video":
        jobs.enqueue(
            session,
            JOB,
            f"publish:{pending.id}:{pending.version}:{wait}",
            {"postId": pending.id, "version": pending.version},
            run_at=pending.publish_at if wait == "time" else now,
            max_attempts=ATTEMPTS,
        )
    return pending


def locked(session: Session, post_id: str) -> PendingPost:
    """A post as it is now, with its video; neither changes until this transaction ends. LookupError if unknown."""
    video_id = session.scalar(select(PendingPost.video_id).where(PendingPost.id == post_id))
    if video_id is not None:
        hold_video(session, video_id)
    return session.get_one(PendingPost, post_id, with_for_update=True, populate_existing=True)


def hold_video(session: Session, video_id: str) -> Video | None:
    """A video as it is now; its state does not change until this transaction ends."""
    return session.get(Video, video_id, with_for_update={"read": True}, populate_existing=True)


def waits_for(pending: PendingPost, now: datetime) -> WaitsFor | None:
    """Why a waiting post is not out yet."""
    video = pending.video
    if video is not None and video.status != "ready":
        return "video"
    if pending.publish_at is not None and pending.publish_at > now:
        return "time"
    if video is not None and pending.min_height is not None and not _high_enough(video, pending.min_height, now):
        return "rendition"
    return None


def _high_enough(video: Video, min_height: int, now: datetime) -> bool:
    if video.complete or (video.best_height or 0) >= min_height:
        return True
    return video.processed_at is not None and now >= video.processed_at + GATE_PATIENCE


def _video_problem(pending: PendingPost) -> str | None:
    if pending.type != "video":
        return None
    if pending.video is None or pending.video.status == "cancelled":
        return "video_deleted"
    return "video_failed" if pending.video.status == "error" else None


def _author_problem(session: Session, pending: PendingPost) -> str | None:
    """Whether the author may still post there: asked again, because much may have changed since the request."""
    if pending.user.disabled_at is not None:
        return "account_disabled"
    if pending.community_id is None:
        return None
    if session.get(Community, pending.community_id) is None:
        return "community_gone"
    member = session.get(CommunityMember, (pending.community_id, pending.user_id))
    return "not_a_member" if member is None else None


def _publish(session: Session, pending: PendingPost, now: datetime) -> None:
    best = pending.video.best_height if pending.video else None
    met = None if pending.min_height is None or best is None else best >= pending.min_height
    _end(session, pending, "published", now, min_height_met=met)
    session.add(
        Post(
            id=pending.id,
            user_id=pending.user_id,
            video_id=pending.video_id,
            community_id=pending.community_id,
            content=pending.content,
            type=pending.type,
            created_at=now,
        )
    )
    session.flush()


def _end(
    session: Session,
    pending: PendingPost,
    state: str,
    now: datetime,
    *,
    problem: str | None = None,
    min_height_met: bool | None = None,
) -> None:
    pending.state = state
    pending.problem = problem
    pending.min_height_met = min_height_met
    pending.version += 1
    pending.updated_at = now
    session.flush()


def cancel(session: Session, pending: PendingPost, now: datetime) -> None:
    """Its author does not want it any more. The post is one that `locked` gave, in an open state."""
    _end(session, pending, "cancelled", now)


def complete(session: Session, video_id: str) -> None:
    """The provider makes no more renditions of this video."""
    session.execute(update(Video).where(Video.id == video_id).values(complete=True, updated_at=Video.updated_at))

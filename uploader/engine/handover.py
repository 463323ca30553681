"""Hand over: the server publishes by itself, so that this computer may be off; what changes here is told to it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from uploader.engine.job import Draft, Handover, Job
from uploader.engine.work import Work, known
from uploader.errors import (
    AlreadyPosted,
    PostGone,
    PostRefused,
    ProcessingFailed,
    ReelferryError,
    Refused,
    VideoGone,
)
from uploader.wire import OwnPost, PostChange, PublishRequest, ServerConfig, VideoProblem

T = TypeVar("T")

NEEDED = frozenset({"when_ready", "at", "draft"})
"""What a server has to offer: only then everything can be taken back."""

REFUSALS = (PostRefused, Refused, VideoGone, ProcessingFailed)
"""What only a server says that has published nothing, and will not. After anything else it may have the post."""

OVER = frozenset({"published", "cancelled"})

OF_THE_POST = frozenset({"community_gone", "not_a_member", "account_disabled"})
"""Why a post was not published although its video is good."""

SOONEST, LATEST, SLOWER = 2.0, 30.0, 1.5
"""Seconds between two looks, growing by a factor."""

FAR_OFF = 300.0
"""Seconds between two looks while there is only a time to wait for."""


def offers(config: ServerConfig | None) -> bool:
    """Whether the server publishes by itself, as far as it has said."""
    return config is not None and set(config.publishing) >= NEEDED


async def hand_over(work: Work) -> None:
    """Let the server have what the draft says: give it an approved post, or tell it what has changed since.

    The request is on disk before it leaves, so that after a kill the very same is asked again under the same key. Edits
    and the taking back of a word are absolute: told twice they are the same.
    """
    if work.job.handover is None:
        if not work.job.draft.approved or not offers(work.limits()):
            return
        _seal(work)
    if known(work.job.handover).said is None:
        await _give(work)
    if _differs(work.job):
        await _tell(work)


async def follow(work: Work) -> None:
    """Wait until the server has published what it was given. Leaves the post's id."""
    pause = SOONEST
    while True:
        handover = known(work.job.handover)
        try:
            said = await work.backend.own_post(known(handover.said).id)
        except PostGone:
            _let_go(work)
            raise
        if said != handover.said:
            after = heard(work.job, said)
            work.learn(handover=after.handover, draft=after.draft)
        match said.state:
            case "published":
                _published(work, said)
                return
            case "not_published":
                raise _not_published(said.problem)
            case "cancelled":
                _let_go(work)
                raise PostGone
        left = (said.publish_at - work.clock.now()).total_seconds() if said.publish_at else 0.0
        await work.clock.wait(max(pause, min(left, FAR_OFF)))
        pause = min(pause * SLOWER, LATEST)


def heard(job: Job, said: OwnPost | None) -> Job:
    """The same job once the server has said this of its post; None: it will not publish it.

    What was changed from elsewhere holds here too, unless something that was changed here has still to be told.
    """
    handover = known(job.handover)
    if said is None:
        return replace(job, handover=None, draft=replace(job.draft, approved=False))
    if not job.in_step or _terms(said) == _terms(known(handover.said)):
        return replace(job, handover=replace(handover, said=said))
    content, community_id, publish_at, min_height, held_back = _terms(said)
    draft = Draft(content, community_id, not held_back, publish_at, min_height)
    return replace(job, draft=draft, handover=replace(handover, told=draft, said=said))


async def withdraw(work: Work) -> None:
    """The upload begins anew: what was handed over must not come out beside it. Leaves the post's id if it is out.

    The video goes first: without it nothing more is published, also by a request of which it is not known whether it
    arrived. Asked again, that one is refused, or says what became of it.
    """
    handover = known(work.job.handover)
    await work.backend.delete(known(handover.request.video_id))
    try:
        said = handover.said or await work.backend.hand_over(handover.request, key=_key(work.job))
    except REFUSALS:
        work.learn(handover=None)
        return
    try:
        await work.backend.cancel_post(said.id)
    except AlreadyPosted:
        _published(work, await work.backend.own_post(said.id))
    except PostGone:
        work.learn(handover=None)
    else:
        work.learn(handover=None)


def checked(make: Callable[[], T]) -> T:
    """A request, or PostRefused where the draft does not make one."""
    try:
        return make()
    except ValidationError as error:
        raise PostRefused(
            str(error),
            title="The text is too long",
            hint="The video is safe on the server. Shorten the text, then post again.",
        ) from error


def _key(job: Job) -> str:
    return f"{job.id}.handover.{job.handovers}"


def _seal(work: Work) -> None:
    draft = work.job.draft
    request = checked(
        lambda: PublishRequest(
            content=draft.text,
            video_id=known(work.job.ticket).video_id,
            community_id=draft.community_id,
            type="video",
            publish="when_ready",
            publish_at=draft.publish_at,
            min_height=draft.min_height,
        )
    )
    work.learn(handover=Handover(request, draft), handovers=work.job.handovers + 1)


async def _give(work: Work) -> None:
    handover = known(work.job.handover)
    await work.kept()
    try:
        said = await work.backend.hand_over(handover.request, key=_key(work.job))
    except REFUSALS as error:
        work.learn(handover=None)
        if type(error) is Refused:
            raise PostRefused(error.detail) from error
        raise
    work.learn(handover=replace(handover, said=said))


def _differs(job: Job) -> bool:
    """Whether the server has still to be told something that it can still do something about."""
    said = known(known(job.handover).said)
    if said.state in OVER:
        return False
    return not job.in_step or (said.state == "not_published" and job.draft.approved)


async def _tell(work: Work) -> None:
    handover, draft = known(work.job.handover), work.job.draft
    post_id = known(handover.said).id
    change = checked(
        lambda: PostChange(
            content=draft.text,
            community_id=draft.community_id,
            publish="when_ready" if draft.approved else "draft",
            publish_at=draft.publish_at,
            min_height=draft.min_height,
        )
    )
    try:
        said = await work.backend.change_post(post_id, change)
    except AlreadyPosted:
        work.learn(handover=replace(handover, said=await work.backend.own_post(post_id)))
        return
    except PostGone:
        _let_go(work)
        raise
    except REFUSALS as error:
        raise PostRefused(
            error.detail,
            title="The server did not accept the change",
            hint="It still has the post as it was before, and posts that. Change it again.",
        ) from error
    work.learn(handover=replace(handover, told=draft, said=said))


def _terms(said: OwnPost) -> tuple[str, str | None, datetime | None, int | None, bool]:
    """What a person decides of a post, as the server has it; the last is whether it is held back."""
    return said.content, said.community_id, said.publish_at, said.min_height, said.state == "draft"


def _let_go(work: Work) -> None:
    """The server does not have it any more, so it can be given anew, if a person says so."""
    after = heard(work.job, None)
    work.learn(handover=after.handover, draft=after.draft)


def _published(work: Work, said: OwnPost) -> None:
    media = said.post.media if said.post else None
    watch_url = (media.watch_url or media.url if media else None) or work.job.watch_url
    work.learn(post_id=said.id, watch_url=watch_url)


def _not_published(problem: VideoProblem | None) -> ReelferryError:
    """Why not, in the server's words."""
    if problem is None:
        return PostRefused("not published")
    if problem.code == "video_deleted":
        return VideoGone(problem.code)
    kind = PostRefused if problem.code in OF_THE_POST else ProcessingFailed
    return kind(problem.code, title=problem.message or None, hint=problem.action or None)

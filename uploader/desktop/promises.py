"""What may be said of a post that is still to go out: who posts it, when, what the server has heard. Pure, no Qt."""

from datetime import datetime

from uploader.desktop import amounts
from uploader.engine.job import Job, Status, Step


def promise(job: Job, now: datetime) -> str:
    """One short sentence for the row, or nothing. Never that the server posts it, before the server has said so."""
    handover = job.handover
    if handover is None:
        return _ours(job, now)
    if job.status is Status.CANCELLED:
        return "If it was posted before that, the post stays."
    if job.status is Status.FINISHED:
        return "" if handover.told == job.draft else "It was posted before your last change reached the server."
    if handover.said is None or job.status is Status.FAILED:
        return ""
    return _theirs(job, now) if job.entrusted else _not_told(job)


def planned(job: Job, now: datetime) -> datetime | None:
    """The time it is to be posted at, if that is still to come."""
    at = job.draft.publish_at
    return at if at is not None and at > now else None


def _theirs(job: Job, now: datetime) -> str:
    """The server has said that it does it."""
    at = planned(job, now)
    if job.step is Step.POST:
        return "Safe on the server, which posts it, computer on or off."
    when = amounts.date(at, now) if at else _at_its_height(job) or "when ready"
    return f"Safe on the server. Posts {when}, computer on or off."


def _at_its_height(job: Job) -> str:
    """The quality it waits for, if any."""
    return f"once it plays in {job.draft.min_height}p" if job.draft.min_height else ""


def _not_told(job: Job) -> str:
    """What the server has, where that is not what the draft says."""
    if job.in_step:
        return ""
    if job.draft.approved:
        return "The server still has the earlier version."
    return "Not taken back yet: the server may still post it."


def _ours(job: Job, now: datetime) -> str:
    """It is posted from here, at a time that only this computer knows."""
    waits = job.step is Step.POST and job.status is Status.RUNNING and job.draft.approved
    return "This server does not post by itself: keep Reelferry running." if waits and planned(job, now) else ""


def state(job: Job, now: datetime, *, fits: bool, by_hand: bool) -> tuple[str, str]:
    """What the composer says below a post, and the role it says it in.

    `fits`: the text is not too long. `by_hand`: the person wants to post it later, when it is ready.
    """
    said = (
        (job.status is Status.FINISHED, ". ".join(filter(None, (_posted(job, now), promise(job, now)))), "good"),
        (job.status is Status.CANCELLED, "Cancelled. Add the file again to post it.", "secondary"),
        (job.sealed, "The post is on its way and can no longer be changed here.", "secondary"),
        (not fits, "Shorten the text to post it.", "bad"),
        (True, _open(job, now), "secondary"),
        (by_hand, "You can post it once it is ready.", "secondary"),
    )
    return next(((words, role) for holds, words, role in said if holds and words), ("", "secondary"))


def _posted(job: Job, now: datetime) -> str:
    return "Posted" + (f" · {amounts.clock(job.finished_at, now)}" if job.finished_at else "")


def _open(job: Job, now: datetime) -> str:
    """Who posts it, and when, as far as that is known. Nothing where nobody does."""
    at = planned(job, now)
    height = _at_its_height(job)
    if job.entrusted:
        ready = height or ("now" if job.step is Step.POST else "when it is ready")
        when = ready
        if at is not None:
            later = "" if ready == "now" else f", or {ready} if that is later"
            when = f"on {amounts.date(at, now)}{later}"
        return f"Safe on the server. It will be posted {when}, also with this computer off. You can still change it."
    if said := promise(job, now):
        return said
    when = f"on {amounts.date(at, now)}" if at else height or "as soon as it is ready"
    return f"Reelferry posts it {when}. You can still change it." if job.draft.approved else ""

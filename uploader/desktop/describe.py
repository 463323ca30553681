"""A job in words: the line of truth, its dot, its progress, and what a person may do with it now. Pure, without Qt."""

import enum
from dataclasses import dataclass
from datetime import datetime

from uploader.desktop import amounts
from uploader.desktop.promises import planned, promise
from uploader.engine.job import Job, Status, Step
from uploader.errors import CaptivePortal, Metered
from uploader.protocols import IN_ONE_GO

SEPARATOR = " · "


class Tone(enum.StrEnum):
    """The colour of the dot. The words beside it say the same."""

    QUIET = "quiet"
    ACTIVE = "active"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


class Action(enum.StrEnum):
    """What a person can do with one job. The value is what the button says."""

    PAUSE = "Pause"
    RESUME = "Resume"
    RETRY = "Retry"
    RESTART = "Upload new version"
    ANYWAY = "Upload anyway"
    POST = "Post when ready"
    POST_NOW = "Post now"
    POST_THEN = "Post at the set time"
    HOLD = "Don’t post yet"
    OPEN = "Open"
    COPY_LINK = "Copy link"
    SHOW_FILE = "Show file"
    RENAME = "Edit title"
    MOVE_UP = "Move up"
    MOVE_DOWN = "Move down"
    CANCEL = "Cancel upload"
    REMOVE = "Remove from list"


class Group(enum.StrEnum):
    """The heading a job is counted under. The value is what the count says."""

    UPLOADING = "Uploading"
    WAITING = "Waiting"
    PAUSED = "Paused"
    PROCESSING = "Processing"
    READY = "Ready"
    PLANNED = "Planned"
    ATTENTION = "Needs you"
    DONE = "Done"
    CANCELLED = "Cancelled"


@dataclass(frozen=True, slots=True)
class Progress:
    """Thousandths of the whole: `sure` is held by the server (or done there), `sent` has left this computer."""

    sure: int
    sent: int
    percent: int


@dataclass(frozen=True, slots=True)
class Description:
    """One row's words. `hint` is the second sentence: what is safe, and the one thing to do."""

    words: str
    tone: Tone
    hint: str = ""
    progress: Progress | None = None
    primary: Action | None = None


APPROVALS = frozenset({Action.POST, Action.POST_NOW, Action.POST_THEN})
"""The person's word that it may be posted."""

POSTING = APPROVALS | {Action.HOLD}
"""Allowed as long as the post can still be changed."""

HELD_BY_THE_NETWORK = frozenset({CaptivePortal.code, Metered.code})
"""Troubles without a next try of their own that a person may overrule."""

_STAGES = {"queued": 1, "transcoding": 2, "publishing": 3}
_STEP_BACK = frozenset({"file_changed"})
_AT_REST = {
    Status.FAILED: Group.ATTENTION,
    Status.CANCELLED: Group.CANCELLED,
    Status.FINISHED: Group.DONE,
    Status.PAUSED: Group.PAUSED,
}


def describe(job: Job, now: datetime) -> Description:
    """What is true of this job, and nothing more."""
    words, tone, hint = _words(job, now)
    promised = promise(job, now)
    progress = None if promised and job.step is Step.PROCESS else _progress(job)  # the row has room for one of them
    return Description(words, tone, promised or hint, progress, primary(job))


def spoken(job: Job, now: datetime) -> str:
    """The row for a screen reader: progress in steps of 25 %, so that it is not read out at every tick."""
    row = describe(job, now)
    parts = [row.words.split(SEPARATOR)[0] if job.status is Status.RUNNING else row.words]
    if row.progress is not None:
        parts.append(f"{row.progress.percent // 25 * 25} %")
    if row.hint:
        parts.append(row.hint)
    if job.draft.approved and job.step is not Step.DONE:
        waits = f"Posts once it plays in {job.draft.min_height}p" if job.draft.min_height else "Posts when ready"
        parts.append("Post at a set time" if job.draft.publish_at else waits)
    return ". ".join(part.rstrip(".") for part in parts)


def group(job: Job) -> Group:
    """Where this job is counted."""
    if at_rest := _AT_REST.get(job.status):
        return at_rest
    if job.step is Step.POST and not job.draft.approved:
        return Group.READY
    if job.step is Step.POST and job.draft.publish_at and job.trouble is None:
        return Group.PLANNED
    if job.status is Status.WAITING:
        return Group.WAITING
    return Group.PROCESSING if job.step in {Step.PROCESS, Step.POST} else Group.UPLOADING


def bytes_left(job: Job) -> int:
    """Bytes the server does not have yet and will be sent."""
    if job.status in {Status.FAILED, Status.CANCELLED, Status.FINISHED} or job.step not in {
        Step.PREPARE,
        Step.TRANSFER,
    }:
        return 0
    return max(0, job.size - job.confirmed)


def primary(job: Job) -> Action | None:
    """The one button a row shows."""
    choices = allowed(job)
    if job.step is Step.POST and job.status is not Status.FAILED:
        wanted: tuple[Action, ...] = (Action.RESUME, Action.POST_NOW, Action.POST_THEN)
    else:
        wanted = (Action.RESTART, Action.ANYWAY, Action.RETRY, Action.RESUME, Action.OPEN, Action.PAUSE)
    return next((action for action in wanted if action in choices), None)


def allowed(job: Job) -> frozenset[Action]:
    """Everything a person may do with this job now. Widgets ask here, and hold no such logic themselves."""
    actions = {Action.SHOW_FILE}
    if job.watch_url:
        actions |= {Action.OPEN, Action.COPY_LINK}
    if job.status in {Status.FINISHED, Status.CANCELLED}:
        return frozenset(actions | {Action.REMOVE})
    actions |= {Action.CANCEL, Action.MOVE_UP, Action.MOVE_DOWN}
    if not job.sealed:
        actions |= {Action.RENAME, Action.HOLD if job.draft.approved else _approval(job)}
    match job.status:
        case Status.PAUSED:
            actions.add(Action.RESUME)
        case Status.FAILED:
            actions |= {Action.RETRY, Action.RESTART} if _changed(job) else {Action.RETRY}
        case _:
            if job.step in {Step.PREPARE, Step.TRANSFER}:
                actions.add(Action.PAUSE)
            if job.trouble and job.trouble.retry_at:
                actions.add(Action.RETRY)
            elif job.trouble and job.trouble.code in HELD_BY_THE_NETWORK:
                actions.add(Action.ANYWAY)
    return frozenset(actions)


def can_be_held(job: Job) -> bool:
    """Whether it moves, or would by itself, and can still be stopped."""
    return job.status in {Status.WAITING, Status.RUNNING} and not job.sealed and job.handover is None


def _approval(job: Job) -> Action:
    if job.draft.publish_at is not None:
        return Action.POST_THEN
    return Action.POST_NOW if job.step is Step.POST else Action.POST


def _changed(job: Job) -> bool:
    return job.trouble is not None and job.trouble.code in _STEP_BACK


def _words(job: Job, now: datetime) -> tuple[str, Tone, str]:
    match job.status:
        case Status.FAILED:
            trouble = job.trouble
            return (trouble.title, Tone.BAD, trouble.hint) if trouble else ("It stopped", Tone.BAD, "")
        case Status.CANCELLED:
            return "Cancelled", Tone.QUIET, ""
        case Status.FINISHED:
            when = SEPARATOR + amounts.clock(job.finished_at, now) if job.finished_at else ""
            return "Posted" + when, Tone.GOOD, ""
        case Status.PAUSED:
            return _paused(job), Tone.QUIET, ""
        case Status.WAITING:
            return _waiting(job, now)
        case _:
            plan = _planned(job, now)
            return plan or _running(job), Tone.GOOD if plan else Tone.ACTIVE, ""


def _planned(job: Job, now: datetime) -> str:
    """Where it is ready, and there is a time or a quality to wait for."""
    if job.step is Step.POST and job.awaited_height:
        return f"Ready · will be posted once it plays in {job.awaited_height}p"
    at = planned(job, now) if job.step is Step.POST and job.draft.approved else None
    if at is None:
        return ""
    when = amounts.date(at, now)
    return f"Ready · will be posted {when}" if job.entrusted else f"Ready · to be posted {when}"


def _paused(job: Job) -> str:
    if job.step is Step.TRANSFER and job.confirmed:
        return f"Paused · {amounts.size(job.confirmed)} of {amounts.size(job.size)} is on the server"
    if job.step is Step.TRANSFER and job.resume and job.ticket and job.ticket.protocol in IN_ONE_GO:
        return "Paused · starts again from the beginning"
    if job.step is Step.PROCESS:
        return "Paused · the server has the whole file"
    if job.step is Step.POST:
        return "Paused · ready, not posted"
    return "Paused"


def _waiting(job: Job, now: datetime) -> tuple[str, Tone, str]:
    if job.trouble is not None:
        words = job.trouble.title
        if job.trouble.retry_at:
            words += f"{SEPARATOR}tries again {amounts.soon(job.trouble.retry_at, now)}"
        return words, Tone.WARN, job.trouble.hint
    if job.step is Step.POST:
        if job.draft.approved:
            return _planned(job, now) or "Ready · about to be posted", Tone.GOOD, ""
        return "Ready · not posted yet", Tone.GOOD, ""
    if job.step is Step.PROCESS:
        return "Processing", Tone.ACTIVE, ""
    return "Waiting for its turn", Tone.QUIET, ""


def _running(job: Job) -> str:
    match job.step:
        case Step.PREPARE:
            return "Checking"
        case Step.TRANSFER:
            return _uploading(job)
        case Step.PROCESS:
            return _processing(job)
        case _:
            return "Posting"


def _uploading(job: Job) -> str:
    if job.sent >= job.size > 0:
        return "Verifying"
    if job.rate <= 0:
        return "Uploading"
    left = amounts.time_left((job.size - job.sent) / job.rate)
    return SEPARATOR.join(("Uploading", amounts.rate(job.rate), left))


def _processing(job: Job) -> str:
    told = job.processing
    if told is None:
        return "Processing"
    if told.queue_position:
        return f"Processing ({'next in line' if told.queue_position == 1 else f'{told.queue_position} in line'})"
    if told.stage == "waiting_for_space":
        return "Processing waits: the server has no space left"
    parts = []
    if told.stage in _STAGES:
        parts.append(f"step {_STAGES[told.stage]} of {len(_STAGES)}")
    if told.percent is not None:
        parts.append(f"{int(told.percent)} %")
    return f"Processing ({', '.join(parts)})" if parts else "Processing"


def _progress(job: Job) -> Progress | None:
    if job.status in {Status.CANCELLED, Status.FINISHED}:
        return None
    if job.step is Step.TRANSFER and job.size:
        sure = 1000 * job.confirmed // job.size
        if not job.confirmed and job.trouble:
            return None
        left_here = job.sent if job.status is Status.RUNNING else job.confirmed
        sent = max(sure, 1000 * min(left_here, job.size) // job.size)
        shown = amounts.percent(max(left_here, job.confirmed), job.size)
        return Progress(sure, sent, shown if job.confirmed >= job.size else min(99, shown))
    if job.step is Step.PROCESS and job.processing and job.processing.percent is not None:
        done = min(1000, int(10 * job.processing.percent))
        return Progress(done, done, done // 10)
    return None

"""What is true of a job, in the words of the window, from the JSON object that describes it."""

from datetime import UTC, datetime

from uploader.engine.instance import Message
from uploader.errors import CaptivePortal, Metered

BYTES = 1000
UNITS = ("B", "kB", "MB", "GB", "TB")
STAGES = {"queued": 1, "transcoding": 2, "publishing": 3}


BY_THE_SERVER = ", posted by the server "

HELD_BY_THE_NETWORK = frozenset({CaptivePortal.code, Metered.code})

POST_STATES = {"draft": "Draft", "published": "Posted", "not_published": "Not posted", "cancelled": "Cancelled"}
BEFORE_A_POST = {"video": "when its video is ready", "rendition": "once it plays in {}p"}
"""What a post waits for, beside its time."""

MOST_WORDS = 60
"""Characters of a post's text that name it."""

AT_REST = {"finished": "Posted", "cancelled": "Cancelled", "paused": "Paused"}


def words(job: Message) -> str:
    """One line of truth: where it stands, and why it does not move if it does not."""
    trouble = job["trouble"]
    match job["status"]:
        case "cancelled" if job["entrusted"]:
            return "Cancelled. If it was posted before that, the post stays"
        case status if status in AT_REST:
            return AT_REST[status]
        case "failed" if trouble:
            return sentence(trouble["error"], trouble["hint"])
        case "waiting" if trouble:
            return f"{trouble['error']}{_way_on(trouble)}"
        case "waiting" if job["step"] in {"prepare", "transfer"}:
            return "Waiting for its turn"
        case _:
            return _moving(job)


def _way_on(trouble: Message) -> str:
    """When it tries again by itself, on this computer's clock; or how to overrule what it waits for."""
    if trouble["retryAt"] is None:
        return " (--anyway uploads all the same)" if trouble["code"] in HELD_BY_THE_NETWORK else ""
    return f", tries again at {datetime.fromisoformat(trouble['retryAt']).astimezone():%H:%M}"


def _moving(job: Message) -> str:
    match job["step"]:
        case "prepare":
            return "Checking"
        case "transfer":
            return "Verifying" if job["confirmed"] >= job["size"] else "Uploading"
        case "process":
            return _processing(job) + _promise(job)
        case _ if job["entrusted"]:
            return "Ready" + _promise(job)
        case _ if job["approved"] and _is_ahead(job):
            return f"Ready, to be posted on {_when(job)} while Reelferry runs"
        case _:
            return "Posting" if job["approved"] else "Ready"


def _promise(job: Message) -> str:
    """That the server posts it, once it has said so."""
    if not job["entrusted"]:
        return ""
    if _is_ahead(job):
        return f"{BY_THE_SERVER}on {_when(job)}"
    return BY_THE_SERVER + (f"once it plays in {job['minHeight']}p" if job["minHeight"] else "when it is ready")


def _is_ahead(job: Message) -> bool:
    return job["publishAt"] is not None and datetime.fromisoformat(job["publishAt"]) > datetime.now(UTC)


def _when(job: Message) -> str:
    return day(job["publishAt"])


def day(moment: str) -> str:
    """A time on this computer's clock: 2026-11-24 at 18:00."""
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d at %H:%M}"


def _processing(job: Message) -> str:
    number, percent = STAGES.get(job["stage"] or ""), job["percent"]
    details = [f"step {number} of {len(STAGES)}"] if number else []
    if percent is not None:
        details.append(f"{percent:.0f} %")
    return f"Processing ({', '.join(details)})" if details else "Processing"


def stage(job: Message) -> str:
    """The words without numbers: what changes rarely enough to be a line of its own."""
    if job["step"] != "process":
        return words(job)
    said = words(job)
    return said.partition(" (")[0].partition(",")[0] + (_promise(job) if BY_THE_SERVER in said else "")


def percent(job: Message) -> float:
    """What the server holds of the file, or has done with it, in percent. Never 100 before that is so."""
    if job["step"] == "process":
        return float(job["percent"] or 0)
    if job["step"] in {"post", "done"}:
        return 100.0
    return min(100.0, 100 * job["confirmed"] / job["size"]) if job["size"] else 0.0


def size(count: float) -> str:
    """Bytes as people say them: 4.2 GB."""
    for unit in UNITS:
        if count < BYTES or unit == UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= BYTES
    raise AssertionError


def post(post: Message) -> str:
    """Where a post stands that the server holds, and why it is not out."""
    if post["state"] == "waiting":
        return f"To be posted {_in_time(post)}"
    if problem := post["problem"]:
        return f"Not posted: {sentence(problem['error'], problem['hint'])}"
    return POST_STATES[post["state"]] + (f", for {_when(post)}" if _is_ahead(post) else "")


def _in_time(post: Message) -> str:
    """What comes last of what it waits for, as far as anybody knows."""
    first = BEFORE_A_POST.get(post["waitsFor"], "").format(post["minHeight"])
    if not _is_ahead(post):
        return first or "now"
    return f"on {_when(post)}" + (f", or {first} if that is later" if first else "")


def post_name(post: Message) -> str:
    """What a person knows a post by: its first words, and its video's file."""
    line = next(iter(post["text"].split("\n")), "").strip()
    words = line if len(line) <= MOST_WORDS else f"{line[: MOST_WORDS - 1].rstrip()}…"
    if not post["file"]:
        return words or "No text"
    return f"{words} ({post['file']})" if words else str(post["file"])


def sentence(title: str, hint: str) -> str:
    """What happened, then what to do."""
    return f"{title.rstrip('.')}. {hint}".strip() if hint else title

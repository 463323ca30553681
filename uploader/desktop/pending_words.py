"""A post that the server holds, in words: what it is known by, what it waits for, or why it is not out. Pure, no Qt."""

from datetime import datetime

from uploader.desktop import amounts
from uploader.desktop.describe import SEPARATOR, Tone
from uploader.wire import OwnPost

NO_TEXT = "No text"


def name(post: OwnPost) -> str:
    """Its first line, else its video's file."""
    first = next((line.strip() for line in post.content.splitlines() if line.strip()), "")
    return first or post.filename or NO_TEXT


def why_not(post: OwnPost) -> str:
    """Why it was not published and what to do about it; nothing where it was not tried."""
    return f"{post.problem.message.rstrip('.')}. {post.problem.action}".strip() if post.problem is not None else ""


def line(post: OwnPost, now: datetime) -> tuple[str, Tone]:
    """The line of truth, and the colour of its dot."""
    words, tone = _state(post, now)
    file = post.filename if post.filename and post.filename != name(post) else ""
    return SEPARATOR.join(filter(None, (words, file))), tone


def _state(post: OwnPost, now: datetime) -> tuple[str, Tone]:
    if post.problem is not None:
        return f"Not posted: {post.problem.message.rstrip('.')}", Tone.BAD
    at = post.publish_at if post.publish_at is not None and post.publish_at > now else None
    when = amounts.date(at, now) if at else ""
    if post.state == "draft":
        return "Draft" + (f" for {when}" if when else ", not posted until you let it go"), Tone.QUIET
    first = {"video": "when its video is ready", "rendition": f"once it plays in {post.min_height}p"}.get(
        post.waits_for or "", ""
    )
    if when:
        return f"To be posted on {when}" + (f", or {first} if that is later" if first else ""), Tone.ACTIVE
    return f"To be posted {first or 'now'}", Tone.ACTIVE

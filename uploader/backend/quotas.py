"""How much one person may have under way and may bring in a day; exact, however many ask at once."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from uploader.backend.config import Config
from uploader.backend.problems import ApiProblem
from uploader.backend.store.models import User, VideoUpload

SOON = 60
"""Seconds until an upload of theirs may have ended."""


def check(session: Session, user_id: str, size: int, config: Config, now: datetime) -> None:
    """Whether one more upload of `size` bytes is within the limits; it counts once its row is in this transaction.

    Raises ApiProblem 429. What was begun counts for its day whether it arrives or not; what the provider refused has no
    row and does not.
    """
    # one at a time: SQLite by BEGIN IMMEDIATE, PostgreSQL by this lock, which foreign keys pass (else: deadlock)
    session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
    mine = VideoUpload.user_id == user_id
    begun = select(func.count()).select_from(VideoUpload).where(mine, VideoUpload.status == "uploading")
    if session.scalars(begun).one() >= config.max_open_uploads:
        words = f"Unfinished uploads are limited to {config.max_open_uploads} a person. Finish or cancel one"
        raise ApiProblem(429, words, "too_many_uploads", SOON)
    if config.max_daily_bytes is None:
        return
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = select(func.coalesce(func.sum(VideoUpload.file_size), 0)).where(mine, VideoUpload.created_at >= midnight)
    if session.scalars(today).one() + size > config.max_daily_bytes:
        words = "This would be more than one day allows. Try again after midnight UTC"
        raise ApiProblem(429, words, "daily_limit", (midnight + timedelta(days=1) - now).total_seconds())

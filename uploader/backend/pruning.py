"""The `prune` job, every hour: drops what was kept to notice a repetition, once nothing can repeat any more.

Videos, posts and the keys of requests stay as long as their user.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from uploader.backend import jobs, rate_limit
from uploader.backend.accounts import tokens
from uploader.backend.context import Backend
from uploader.backend.store.models import JobRow, WebhookEvent
from uploader.backend.store.sign_in_models import OAuthCode, OAuthDevice, OAuthToken

KIND = "prune"
EVERY = timedelta(hours=1)
FOREVER = 1_000_000

MEMORY = timedelta(days=30)
"""Of events and of jobs that are done. Providers repeat an event for a day; a final state stays in any case."""


def handlers(backend: Backend) -> dict[str, jobs.Handler]:
    """The one job, due now."""
    with backend.database.write() as session:
        jobs.enqueue(session, KIND, KIND, {}, max_attempts=FOREVER)

    def again(_lease: jobs.Lease) -> None:
        with backend.database.write() as session:
            prune(session, backend.clock())
        raise jobs.Later(EVERY)

    return {KIND: again}


def prune(session: Session, now: datetime) -> None:
    """Drop it all, in the caller's transaction."""
    rate_limit.forget_old(session, now)
    session.execute(delete(WebhookEvent).where(WebhookEvent.received_at < now - MEMORY))
    session.execute(delete(JobRow).where(JobRow.done_at < now - MEMORY))
    session.execute(delete(OAuthToken).where(OAuthToken.refresh_expires_at < now))
    session.execute(delete(OAuthCode).where(OAuthCode.expires_at < now - tokens.CODE_MEMORY))
    session.execute(delete(OAuthDevice).where(OAuthDevice.expires_at < now - tokens.CODE_MEMORY))

"""What is dropped after its time, and what stays."""

from datetime import timedelta

from sqlalchemy import func, select, update

from tests.backend.asking import eventually
from tests.backend.server import make_tokens, make_user
from uploader.backend import pruning, rate_limit
from uploader.backend.context import Backend
from uploader.backend.store.database import Database
from uploader.backend.store.models import Base, JobRow, RateLimit, WebhookEvent, now
from uploader.backend.store.sign_in_models import OAuthCode, OAuthDevice, OAuthToken


def count(database: Database, table: type[Base]) -> int:
    with database.read() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


def test_only_what_can_not_come_again_is_forgotten(database: Database):
    user, moment = make_user(database), now()
    for key, seconds in (("an address", 60), ("a name", 900)):
        rate_limit.allow(database, f"{key} of long ago", 5, seconds, moment - timedelta(hours=2))
        rate_limit.allow(database, f"{key} of just now", 5, seconds, moment - timedelta(minutes=14))
    with database.write() as session:
        for age in (timedelta(days=29), timedelta(days=31)):
            name = str(age)
            session.add(WebhookEvent(provider="mux", event_id=name, received_at=moment - age))
            session.add(JobRow(kind="k", key=f"done {name}", payload={}, done_at=moment - age))
            session.add(JobRow(kind="k", key=f"open {name}", payload={}, run_at=moment - age))
        for hours in (1, 25):
            over = moment - timedelta(hours=hours)
            common = {"hash": f"{hours}", "client_id": "c", "scope": "upload", "expires_at": over}
            more = {"redirect_uri": "r", "code_challenge": "c", "code_challenge_method": "S256", "family": "f"}
            session.add(OAuthCode(**common, **more, user_id=user.id))
            session.add(OAuthDevice(**common, user_code=f"{hours}"))
    for life in (timedelta(days=-1), timedelta(days=1)):
        make_tokens(database, user, life=life)
    with database.write() as session:
        pruning.prune(session, moment)
    with database.read() as session:
        assert sorted(session.scalars(select(RateLimit.key))) == ["a name of just now", "an address of just now"]
        assert sorted(session.scalars(select(JobRow.key))) == [
            "done 29 days, 0:00:00", "open 29 days, 0:00:00", "open 31 days, 0:00:00",
        ]  # fmt: skip
        assert session.scalars(select(WebhookEvent.event_id)).all() == ["29 days, 0:00:00"]
        assert session.scalars(select(OAuthCode.hash)).all() == session.scalars(select(OAuthDevice.hash)).all() == ["1"]
    assert count(database, OAuthToken) == 1


def test_the_server_does_it_by_itself_and_again_an_hour_later(desk: Backend):
    def job() -> JobRow:
        with desk.database.read() as session:
            return session.scalars(select(JobRow).where(JobRow.kind == pruning.KIND)).one()

    eventually(lambda: job().lease_until is None and job().run_at > now() + timedelta(minutes=30))
    rate_limit.allow(desk.database, "an address that never came again", 5, 60, now() - timedelta(days=2))
    with desk.database.write() as session:
        session.execute(update(JobRow).where(JobRow.kind == pruning.KIND).values(run_at=now()))
    eventually(lambda: count(desk.database, RateLimit) == 0)

"""A request that carries an Idempotency-Key is done once, however often it is sent.

The key is reserved together with the id of what will be made; whoever comes second is given the same thing again, or
told to wait. Keys live as long as their user: a reply that was lost is the same a week later.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel
from sqlalchemy import update
from sqlalchemy.orm import Session

from uploader.backend.jobs import changed
from uploader.backend.problems import ApiProblem
from uploader.backend.store.models import IdempotencyKey, new_id
from uploader.backend.store.once import insert_once

PATIENCE = timedelta(minutes=2)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
DONE = 200

Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255)]


@dataclass(frozen=True, slots=True)
class Reservation:
    """Leave to do the work. `id` names the thing to be made; `answer` is what was stored when it was made before."""

    user_id: str
    key: str | None
    id: str
    answer: Mapping[str, Any] | None = None

    def store(self, session: Session, answer: Mapping[str, Any]) -> None:
        """The work is done: this is what a later reply is made from."""
        self._write(session, status=DONE, body={"id": self.id, "answer": answer})

    def release(self, session: Session) -> None:
        """The work failed: the same key may try again at once."""
        self._write(session, created_at=LONG_AGO)

    def _write(self, session: Session, **values: object) -> None:
        if self.key is None:
            return
        mine = (IdempotencyKey.user_id == self.user_id, IdempotencyKey.key == self.key)
        session.execute(update(IdempotencyKey).where(*mine).values(**values))


def reserve(session: Session, user_id: str, key: str | None, request: BaseModel, now: datetime) -> Reservation:
    """Reserve in the caller's transaction. Raises ApiProblem: 422 for a key used otherwise, 409 while it is at work."""
    new = Reservation(user_id, key, new_id())
    if key is None:
        return new
    row = {
        "user_id": user_id,
        "key": key,
        "request_hash": _hash(request),
        "status": None,
        "body": {"id": new.id},
        "created_at": now,
    }
    if insert_once(session, IdempotencyKey, row):
        return new
    return _second(session, session.get_one(IdempotencyKey, (user_id, key)), _hash(request), now)


def _second(session: Session, row: IdempotencyKey, request_hash: str, now: datetime) -> Reservation:
    if row.request_hash != request_hash:
        raise ApiProblem(422, "This Idempotency-Key was used for another request", "idempotency_mismatch")
    body = row.body or {}
    if row.status is not None:
        return Reservation(row.user_id, row.key, body["id"], body["answer"])
    same = (IdempotencyKey.user_id == row.user_id, IdempotencyKey.key == row.key)
    stale = (IdempotencyKey.status.is_(None), IdempotencyKey.created_at <= now - PATIENCE)
    if not changed(session.execute(update(IdempotencyKey).where(*same, *stale).values(created_at=now))):
        raise ApiProblem(409, "The first request with this key is still at work", "idempotency_in_progress", 1)
    return Reservation(row.user_id, row.key, body["id"])


def release_all(session: Session) -> None:
    """Let every unanswered reservation be taken over: for the only process on this database, at its start."""
    session.execute(update(IdempotencyKey).where(IdempotencyKey.status.is_(None)).values(created_at=LONG_AGO))


def _hash(request: BaseModel) -> str:
    said = [type(request).__name__, request.model_dump(mode="json", by_alias=True)]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

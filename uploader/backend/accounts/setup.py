"""The first account: a link that works once, for a day, and only while there is no account."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from uploader.backend.accounts import passwords, tokens, users
from uploader.backend.store.database import Database
from uploader.backend.store.models import User
from uploader.backend.store.sign_in_models import SetupLink

LIFE = timedelta(hours=24)


def setup_link(database: Database, base_url: str, now: datetime) -> str | None:
    """A new link to make the first account with, in place of earlier ones; None when there is an account."""
    token = tokens.new_secret()
    with database.write() as session:
        session.execute(delete(SetupLink))
        if users.anyone(session):
            return None
        session.add(SetupLink(hash=tokens.digest(token), expires_at=now + LIFE))
    return f"{base_url}/setup/{token}"


def is_valid(session: Session, token: str, now: datetime) -> bool:
    """Whether the link can still be used. Looking does not use it up."""
    link = session.scalar(select(SetupLink).where(SetupLink.hash == tokens.digest(token)))
    return link is not None and link.used_at is None and link.expires_at > now and not users.anyone(session)


def use(session: Session, token: str, now: datetime, *, username: str, name: str, password_hash: str) -> User | None:
    """Make the first account; None when the link was no longer valid. Of several at once, one succeeds."""
    used = session.execute(
        update(SetupLink)
        .where(SetupLink.hash == tokens.digest(token), SetupLink.used_at.is_(None), SetupLink.expires_at > now)
        .values(used_at=now)
        .returning(SetupLink.hash)
    ).first()
    if used is None or users.anyone(session):
        return None
    return users.create(session, username, name, password_hash, now)


def problems(username: str, name: str, password: str, again: str) -> dict[str, str]:
    """What is wrong with each field, in words; empty when all is well. `username` and `name` are tidy."""
    differ = "The two passwords differ. Type both again." if again != password else None
    found = {
        "username": users.username_problem(username),
        "name": users.name_problem(name),
        "password": passwords.problem(password, username) or differ,
    }
    return {field: words for field, words in found.items() if words}

"""People who may sign in: their names, how they come to be, and how they are switched off."""

import re
import secrets
import unicodedata
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from uploader.backend.accounts import tokens
from uploader.backend.store.database import Database
from uploader.backend.store.models import Community, CommunityMember, User

USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")
USERNAME_RULE = "2 to 32 letters from a to z, digits, dots, dashes or underscores."
LONGEST_NAME = 80


def tidy_username(typed: str) -> str:
    """One spelling for one person: no spaces around, small letters."""
    return unicodedata.normalize("NFKC", typed).strip().lower()


def tidy_name(typed: str) -> str:
    """Composed letters, single spaces, nothing invisible."""
    visible = "".join(" " if unicodedata.category(letter).startswith(("C", "Z")) else letter for letter in typed)
    return " ".join(unicodedata.normalize("NFC", visible).split())


def username_problem(username: str) -> str | None:
    """Why a tidy username will not do, in words."""
    return None if USERNAME.fullmatch(username) else f"Use {USERNAME_RULE} Begin with a letter or a digit."


def name_problem(name: str) -> str | None:
    """Why a tidy display name will not do, in words."""
    return f"Use at most {LONGEST_NAME} characters." if len(name) > LONGEST_NAME else None


def named(session: Session, username: str) -> User | None:
    """The user of this tidy username."""
    return session.scalar(select(User).where(User.username == username))


def anyone(session: Session) -> bool:
    """Whether there is an account at all."""
    return session.scalar(select(User.id).limit(1)) is not None


def create(session: Session, username: str, name: str, password_hash: str | None, now: datetime) -> User:
    """A new user, member of every community there is. `username` and `name` are tidy, and the username is free.

    Without a `password_hash` no password opens the account.
    """
    user = User(username=username, name=name or username, password_hash=password_hash, created_at=now)
    session.add(user)
    session.flush()
    communities = session.scalars(select(Community.id)).all()
    if communities:
        session.execute(
            insert(CommunityMember), [{"community_id": community, "user_id": user.id} for community in communities]
        )
    return user


def enabled(session: Session, user_id: str | None) -> User | None:
    """The user of this id, unless there is none or the account is switched off."""
    user = session.get(User, user_id) if user_id else None
    return user if user and user.disabled_at is None else None


def sign_out_everywhere(session: Session, user_id: str, now: datetime) -> None:
    """End all sign-ins of a user, whatever computer they are on."""
    session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
    tokens.revoke_all(session, user_id, now)


def of_subject(session: Session, issuer: str, subject: str) -> User | None:
    """The user whom an issuer knows by this name."""
    return session.scalar(select(User).where(User.auth_issuer == issuer, User.auth_subject == subject))


def welcome(database: Database, issuer: str, subject: str, *, username: str, name: str, now: datetime) -> User:
    """The user whom an issuer knows as `subject`: a new one, unless somebody was quicker.

    Never an account that was made here, whatever it is called: names are no proof.
    """
    wanted = _username_like(username)
    while True:
        try:
            with database.write() as session:
                user = of_subject(session, issuer, subject)
                if user is None:
                    free = wanted if named(session, wanted) is None else f"{wanted[:23]}-{secrets.token_hex(4)}"
                    user = create(session, free, tidy_name(name)[:LONGEST_NAME], None, now)
                    user.auth_issuer, user.auth_subject = issuer, subject
                return user
        except IntegrityError:  # at the same moment another process welcomed them, or somebody of that name
            continue


def _username_like(given: str) -> str:
    """A username as near to what the issuer says as ours may be."""
    tidy = re.sub(r"[^a-z0-9._-]+", "-", tidy_username(given).partition("@")[0]).lstrip("._-")[:32]
    return tidy if USERNAME.fullmatch(tidy) else f"person-{secrets.token_hex(4)}"


def set_password(session: Session, user: User, password_hash: str, now: datetime) -> None:
    """A new password. Whoever was signed in with the old one no longer is."""
    session.execute(update(User).where(User.id == user.id).values(password_hash=password_hash))
    tokens.revoke_all(session, user.id, now)


def disable(session: Session, user: User, now: datetime) -> None:
    """Switch an account off, and end all its sign-ins."""
    session.execute(update(User).where(User.id == user.id).values(disabled_at=now))
    tokens.revoke_all(session, user.id, now)

"""Opaque tokens: how they are made, how long they live, whose they are, and how they die."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, select, update
from sqlalchemy.orm import Session

from uploader.backend.store.database import announce
from uploader.backend.store.models import User
from uploader.backend.store.sign_in_models import OAuthCode, OAuthDevice, OAuthToken

ACCESS_PREFIX = "vu_at_"  # prefixes let secret scanners and our own log filter recognise what leaked
REFRESH_PREFIX = "vu_rt_"
ACCESS_LIFE = timedelta(minutes=15)
REFRESH_LIFE = timedelta(days=60)  # since its last use
FAMILY_LIFE = timedelta(days=180)  # since the sign-in
CODE_LIFE = timedelta(seconds=60)
CODE_MEMORY = timedelta(days=1)  # how long the second use of a code is noticed
ROTATION_LEEWAY = timedelta(seconds=10)  # a lost reply, or two refreshes at once, are no theft

_OWNER = (  # every request asks this: making the statement anew would take as long as running it
    select(User)
    .join(OAuthToken, OAuthToken.user_id == User.id)
    .where(
        OAuthToken.access_hash == bindparam("hash"),
        OAuthToken.revoked_at.is_(None),
        OAuthToken.access_expires_at > bindparam("now"),
        User.disabled_at.is_(None),
    )
)
ACCESS_TOKEN = re.compile(rf"{ACCESS_PREFIX}[A-Za-z0-9_-]{{43}}")


def new_secret(prefix: str = "") -> str:
    """256 random bits, safe in an address, behind `prefix`."""
    return prefix + secrets.token_urlsafe(32)


def new_family() -> str:
    """The name of one sign-in, which all tokens that come of it share."""
    return secrets.token_hex(16)


def digest(secret: str) -> str:
    """What is stored in a secret's place: 64 hex digits. 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def owner(session: Session, access_token: str, now: datetime) -> User | None:
    """The enabled user an access token speaks for; None when unknown, expired, revoked or its owner is disabled."""
    return session.scalar(_OWNER, {"hash": digest(access_token), "now": now})


def lock_owner(session: Session, of: type[OAuthCode | OAuthToken], condition: ColumnElement[bool]) -> None:
    """Take the turn of the person whose code or token this is, before it is read: `revoke_all` takes it as well.

    Always first, so that nobody waits in a circle; what is read of the person's after this stays true.
    """
    session.execute(
        select(User.id).join(of, of.user_id == User.id).where(condition).with_for_update(of=User, key_share=True)
    )


def revoke_family(session: Session, family: str, now: datetime) -> None:
    """End one sign-in: every token that ever came of it."""
    session.execute(
        update(OAuthToken).where(OAuthToken.family == family, OAuthToken.revoked_at.is_(None)).values(revoked_at=now)
    )


def revoke_all(session: Session, user_id: str, now: datetime) -> None:
    """End every sign-in of a user, also one just beginning. Change or lock the user's own row first."""
    session.execute(delete(OAuthCode).where(OAuthCode.user_id == user_id))
    session.execute(delete(OAuthDevice).where(OAuthDevice.user_id == user_id))  # before the tokens that come of them
    session.execute(
        update(OAuthToken).where(OAuthToken.user_id == user_id, OAuthToken.revoked_at.is_(None)).values(revoked_at=now)
    )
    announce(session, user_id)  # event streams look again, and end

"""Passwords: argon2id, the same work for names that do not exist, and what makes one acceptable."""

import functools
import threading
import unicodedata

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

SHORTEST = 8
LONGEST = 256
AT_ONCE = threading.BoundedSemaphore(4)  # each takes 64 MiB while it works

_argon2 = PasswordHash.recommended()


def hashed(password: str) -> str:
    """What is stored of a password."""
    with AT_ONCE:
        return _argon2.hash(_same(password))


def matches(password: str, stored: str | None) -> bool:
    """Whether this is the password. With nothing stored it takes as long, and is False."""
    with AT_ONCE:
        try:
            right = _argon2.verify(_same(password[:LONGEST]), stored or _nobody())
        except UnknownHashError:
            return False
    return right and stored is not None


def problem(password: str, username: str) -> str | None:
    """Why this password will not do, in words."""
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters."
    if len(password) > LONGEST:
        return f"Use at most {LONGEST} characters."
    if password.strip().casefold() == username:
        return "The password must differ from the username."
    return None


def _same(password: str) -> str:
    return unicodedata.normalize("NFKC", password)  # one password, however the keyboard composes its letters


@functools.cache
def _nobody() -> str:
    return _argon2.hash("nobody has this password")

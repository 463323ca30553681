"""Name and password from a page become a person, or the words that the page shows next."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from starlette.responses import Response

from uploader.backend.accounts import passwords, users
from uploader.backend.accounts.limits import password_attempt
from uploader.backend.context import Backend
from uploader.backend.store.models import User


@dataclass(frozen=True, slots=True)
class NotLetIn:
    """Why not, in words, and with what status. `wait` is in seconds, where waiting helps."""

    words: str
    status: int = 403
    wait: int | None = None

    def on(self, page: Response) -> Response:
        """The page with the header that says how long to wait."""
        if self.wait is not None:
            page.headers["Retry-After"] = str(self.wait)
        return page


def check(backend: Backend, request: Request, typed: dict[str, str], now: datetime) -> User | NotLetIn:
    """The person whose `username` and `password` these are. A wrong pair counts against account and address."""
    username = users.tidy_username(typed.get("username", ""))
    attempt = password_attempt(backend, request, username, now)
    if not attempt.allowed():
        return NotLetIn(attempt.words, 429, attempt.wait)
    with backend.database.read() as session:
        user = users.named(session, username)
    if not passwords.matches(typed.get("password", ""), user.password_hash if user else None) or user is None:
        return NotLetIn("The username or the password is not right.")
    attempt.was_right()
    if user.disabled_at is not None:
        return NotLetIn("This account is switched off. Ask the person who runs this server.")
    return user

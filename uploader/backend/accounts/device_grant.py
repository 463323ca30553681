"""Signing in at another computer (RFC 8628): the app shows a short code, a person types it into a browser elsewhere."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidGrantError, InvalidScopeError
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant
from authlib.oauth2.rfc8628.errors import AuthorizationPendingError, ExpiredTokenError, SlowDownError
from sqlalchemy import delete, select, update

from uploader.backend.accounts import tokens, users
from uploader.backend.accounts.asked import CLIENTS, PUBLIC
from uploader.backend.store.sign_in_models import OAuthDevice

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from uploader.backend.store.models import User

PATH = "/device"
LIFE = timedelta(minutes=10)
INTERVAL = timedelta(seconds=5)
EARLY = timedelta(seconds=1)  # a timer that fires early, or two servers' clocks, are no haste

CODE = re.compile(r"[BCDFGHJKLMNPQRSTVWXZ]{8}")  # Authlib's: no vowels, so no words


def tidy(typed: str) -> str:
    """A code as it is stored, however it was typed; empty if it can be none."""
    letters = re.sub(r"[\s-]", "", typed).upper()
    return letters if CODE.fullmatch(letters) else ""


def shown(user_code: str) -> str:
    """A stored code as people read it."""
    return f"{user_code[:4]}-{user_code[4:]}"


def waiting(session: "Session", user_code: str, now: "datetime") -> OAuthDevice | None:
    """The sign-in that waits behind a code, while somebody can still answer it."""
    return session.scalar(
        select(OAuthDevice).where(
            OAuthDevice.user_code == user_code, OAuthDevice.approved.is_(None), OAuthDevice.expires_at > now
        )
    )


def answer(session: "Session", user_code: str, now: "datetime", *, user_id: str | None) -> bool:
    """Let the waiting app in as this person, or turn it away (None). False where nobody waits any more."""
    answered = session.execute(
        update(OAuthDevice)
        .where(OAuthDevice.user_code == user_code, OAuthDevice.approved.is_(None), OAuthDevice.expires_at > now)
        .values(approved=user_id is not None, user_id=user_id)
        .returning(OAuthDevice.hash)
    )
    return answered.first() is not None


class DeviceAuthorization(DeviceAuthorizationEndpoint):
    """Two codes for an app: one to show, one to come back with."""

    CLIENT_AUTH_METHODS = PUBLIC
    EXPIRES_IN = int(LIFE.total_seconds())
    INTERVAL = int(INTERVAL.total_seconds())

    def generate_device_code(self) -> str:
        """256 random bits."""
        return tokens.new_secret()

    def get_verification_uri(self) -> str:
        """Where the person goes."""
        return f"{self.server.issuer}{PATH}"

    def save_device_credential(self, client_id: str, scope: str | None, data: dict[str, Any]) -> None:
        """Remember both, and forget what is over."""
        session, now = self.server.session, self.server.now
        granted = CLIENTS[client_id].get_allowed_scope(scope)
        if granted is None:
            raise InvalidScopeError
        session.execute(delete(OAuthDevice).where(OAuthDevice.expires_at <= now - LIFE))
        session.add(
            OAuthDevice(
                hash=tokens.digest(data["device_code"]),
                user_code=tidy(data["user_code"]),
                client_id=client_id,
                scope=granted,
                expires_at=now + LIFE,
            )
        )


class DeviceGrant(DeviceCodeGrant):
    """Tokens for a device code, once a person has said yes: one use, ten minutes, five seconds between questions."""

    TOKEN_ENDPOINT_AUTH_METHODS = PUBLIC

    def query_device_credential(self, device_code: str) -> OAuthDevice:
        """Its row, locked. Raises InvalidGrantError where there is none (any more)."""
        row: OAuthDevice | None = self.server.session.scalar(
            select(OAuthDevice).where(OAuthDevice.hash == tokens.digest(device_code)).with_for_update()
        )
        if row is None:
            raise InvalidGrantError
        return row

    def validate_device_credential(self, credential: OAuthDevice) -> "User":
        """The person who said yes. Raises what the app has to hear instead (RFC 8628, 3.5)."""
        session, now = self.server.session, self.server.now
        if credential.expires_at <= now:
            raise ExpiredTokenError
        if credential.approved is None:
            hasty = credential.polled_at is not None and now - credential.polled_at < INTERVAL - EARLY
            credential.polled_at = now
            raise SlowDownError if hasty else AuthorizationPendingError
        user = users.enabled(session, credential.user_id)
        if user is None:
            raise AccessDeniedError
        return user

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """The tokens. The code is gone with that."""
        response: tuple[int, dict[str, Any], list[tuple[str, str]]] = super().create_token_response()
        self.server.session.delete(self.request.credential)
        return response

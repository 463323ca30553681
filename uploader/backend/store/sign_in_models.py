"""The tables of signing in: codes, tokens, waiting computers, the first account's link. Secrets only as SHA-256."""

from datetime import datetime

from authlib.oauth2.rfc6749 import ClientMixin
from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from uploader.backend.store.models import Base, UtcTime, now


class OAuthCode(Base):
    """An authorization code: one use, one minute. Only its SHA-256 is kept."""

    __tablename__ = "oauth_codes"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    redirect_uri: Mapped[str] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(Text)
    code_challenge: Mapped[str] = mapped_column(Text)
    code_challenge_method: Mapped[str] = mapped_column(String(10))
    family: Mapped[str] = mapped_column(String(32))
    used: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)

    def get_redirect_uri(self) -> str:
        """The name Authlib asks for."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """The name Authlib asks for."""
        return self.scope


class OAuthToken(Base):
    """One row an issued pair; `family` ties all rotations of one sign-in together. Only SHA-256 is kept."""

    __tablename__ = "oauth_tokens"

    access_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    refresh_hash: Mapped[str] = mapped_column(String(64), unique=True)
    family: Mapped[str] = mapped_column(String(32), index=True)
    client_id: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    scope: Mapped[str] = mapped_column(Text)
    family_created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    access_expires_at: Mapped[datetime] = mapped_column(UtcTime)
    refresh_expires_at: Mapped[datetime] = mapped_column(UtcTime)
    rotated_at: Mapped[datetime | None] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)

    def get_scope(self) -> str:
        """The name Authlib asks for."""
        return self.scope

    def check_client(self, client: ClientMixin) -> bool:
        """The name Authlib asks for."""
        return bool(self.client_id == client.get_client_id())


class OAuthDevice(Base):
    """A sign-in that waits for a person at another computer. The code that the app keeps is stored as SHA-256 only."""

    __tablename__ = "oauth_devices"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_code: Mapped[str] = mapped_column(String(16), unique=True)
    client_id: Mapped[str] = mapped_column(String(64))
    scope: Mapped[str] = mapped_column(Text)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    approved: Mapped[bool | None]
    polled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)

    def get_client_id(self) -> str:
        """The name Authlib asks for."""
        return self.client_id

    def get_scope(self) -> str:
        """The name Authlib asks for."""
        return self.scope


class SetupLink(Base):
    """The one-time link that creates the first account. Only its SHA-256 is kept."""

    __tablename__ = "setup_links"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)

"""The tables: the seed's names, columns and indexes, and ours beside them; one schema for SQLite and PostgreSQL."""

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC in Python; timestamptz on PostgreSQL; naive UTC text, which sorts, on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database. ValueError for a naive time: there is no right guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


JsonText = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Id = String(255)


def new_id() -> str:
    """A random id: 122 bits, no order, safe in an address."""
    return str(uuid.uuid4())


def now() -> datetime:
    """The present, aware, UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """The naming convention gives exactly the seed's index names."""

    metadata = MetaData(
        naming_convention={
            "ix": "idx_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class User(Base):
    """A person who may sign in: with a password here, or at the issuer that knows them as `auth_subject`."""

    __tablename__ = "users"
    __table_args__ = (Index("uq_users_auth_issuer_auth_subject", "auth_issuer", "auth_subject", unique=True),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    avatar: Mapped[str | None] = mapped_column(Text)
    verified: Mapped[bool] = mapped_column(default=False, server_default=false())
    password_hash: Mapped[str | None] = mapped_column(Text)
    auth_issuer: Mapped[str | None] = mapped_column(String(255))
    auth_subject: Mapped[str | None] = mapped_column(String(255))
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)

    def get_user_id(self) -> str:
        """The name Authlib asks for."""
        return self.id


class Community(Base):
    """A place where posts appear."""

    __tablename__ = "communities"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class CommunityMember(Base):
    """Who may post where."""

    __tablename__ = "community_members"

    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)


class Video(Base):
    """The one truth about a video's state. `version` grows with every change.

    `best_height` is that of the best rendition, where its provider says; `complete` is false while it makes more.
    """

    __tablename__ = "videos"
    __table_args__ = (
        CheckConstraint("status in ('uploading', 'processing', 'ready', 'error', 'cancelled')", name="status"),
        UniqueConstraint("provider", "provider_upload_id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    filename: Mapped[str] = mapped_column(String(255))
    file_size: Mapped[int] = mapped_column(BigInteger)
    mime_type: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(50), default="uploading", server_default="uploading", index=True)
    provider: Mapped[str] = mapped_column(String(50))
    provider_upload_id: Mapped[str | None] = mapped_column(Id)
    provider_asset_id: Mapped[str | None] = mapped_column(Id, index=True)
    provider_playback_id: Mapped[str | None] = mapped_column(Id)
    upload_url: Mapped[str | None] = mapped_column(Text)
    playback_url: Mapped[str | None] = mapped_column(Text)
    thumbnail_url: Mapped[str | None] = mapped_column(Text)
    duration: Mapped[int | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    best_height: Mapped[int | None]
    complete: Mapped[bool] = mapped_column(default=True, server_default=true())
    bitrate: Mapped[int | None]
    codec: Mapped[str | None] = mapped_column(String(50))
    error: Mapped[str | None] = mapped_column(Text)
    error_code: Mapped[str | None] = mapped_column(String(50))
    stage: Mapped[str | None] = mapped_column(String(50))
    percent: Mapped[float | None]
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata", JsonText)
    version: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    looked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    look_after: Mapped[datetime | None] = mapped_column(UtcTime)
    signed: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UtcTime, default=now, onupdate=now)
    processed_at: Mapped[datetime | None] = mapped_column(UtcTime)


class VideoUpload(Base):
    """The upload that brings a video: one row a ticket, the same id as the video's."""

    __tablename__ = "video_uploads"

    id: Mapped[str] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    filename: Mapped[str] = mapped_column(String(255))
    file_size: Mapped[int] = mapped_column(BigInteger)
    mime_type: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(50), default="uploading", server_default="uploading")
    provider: Mapped[str] = mapped_column(String(50))
    upload_url: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)
    granting_until: Mapped[datetime | None] = mapped_column(UtcTime)
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata", JsonText)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class Post(Base):
    """What was published."""

    __tablename__ = "posts"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    community_id: Mapped[str | None] = mapped_column(ForeignKey("communities.id", ondelete="SET NULL"), index=True)
    video_id: Mapped[str | None] = mapped_column(ForeignKey("videos.id", ondelete="SET NULL"))
    content: Mapped[str | None] = mapped_column(Text)
    type: Mapped[str] = mapped_column(String(50), default="text", server_default="text", index=True)
    likes_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    comments_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    shares_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    views_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now, index=True)
    updated_at: Mapped[datetime] = mapped_column(UtcTime, default=now, onupdate=now)

    user: Mapped[User] = relationship()
    video: Mapped[Video | None] = relationship()
    community: Mapped[Community | None] = relationship()


class PendingPost(Base):
    """A post that is not out yet, and what became of it. Published, it is the row of the same id in `posts`.

    `community_id` is no foreign key: a community that is deleted must not turn into a post for everybody.
    """

    __tablename__ = "pending_posts"
    __table_args__ = (
        CheckConstraint("state in ('draft', 'waiting', 'published', 'not_published', 'cancelled')", name="state"),
        Index("idx_pending_posts_user_id_created_at", "user_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    video_id: Mapped[str | None] = mapped_column(ForeignKey("videos.id", ondelete="SET NULL"), index=True)
    community_id: Mapped[str | None] = mapped_column(Id)
    content: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(String(50))
    state: Mapped[str] = mapped_column(String(20))
    publish_at: Mapped[datetime | None] = mapped_column(UtcTime)
    min_height: Mapped[int | None]
    min_height_met: Mapped[bool | None]
    problem: Mapped[str | None] = mapped_column(String(50))
    version: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UtcTime, default=now)

    user: Mapped[User] = relationship()
    video: Mapped[Video | None] = relationship()


class IdempotencyKey(Base):
    """A reservation, then the stored answer. `status` is null while the first request is still at work."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    body: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class WebhookEvent(Base):
    """Events that were taken, so that a second delivery changes nothing."""

    __tablename__ = "webhook_events"

    provider: Mapped[str] = mapped_column(String(50), primary_key=True)
    event_id: Mapped[str] = mapped_column(Id, primary_key=True)
    received_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class RateLimit(Base):
    """Hits of one key in one window, named by its first second since the epoch."""

    __tablename__ = "rate_limits"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    window: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    hits: Mapped[int]


class JobRow(Base):
    """A piece of work to do later, leased by one worker at a time. `key` is unique: enqueueing twice is one job."""

    __tablename__ = "jobs"
    __table_args__ = (Index("idx_jobs_due", "done_at", "run_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(50))
    key: Mapped[str] = mapped_column(Id, unique=True)
    payload: Mapped[dict[str, Any]] = mapped_column(JsonText)
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=5)
    run_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    worker: Mapped[str | None] = mapped_column(String(64))
    done_at: Mapped[datetime | None] = mapped_column(UtcTime)
    error: Mapped[str | None] = mapped_column(Text)


class ServerFact(Base):
    """What all servers of one database have to agree on."""

    __tablename__ = "server_facts"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    value: Mapped[str] = mapped_column(Text)

"""What desktop and backend say to each other: one definition for both.

JSON uses camelCase; Python uses snake_case. Unknown fields are ignored, so either side may be newer.
"""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
)
from pydantic.alias_generators import to_camel


class Message(BaseModel):
    """The base of everything on the wire: frozen, camelCase outside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


class Problem(Message):
    """Every error reply: `error` for people (the seed's texts), `code` for programs (stable)."""

    error: str
    code: str


class ChunkRules(Message):
    """How the upload host wants its pieces, in bytes. The last piece is exempt from `min` and `multiple`.

    `checksum`: what the host takes a piece's hash by, where it is to have one. A piece that arrives damaged is thrown
    away whole, and so is one that is cut off: it pays where nothing else protects the bytes on their way.
    """

    min: int = Field(1, ge=1)
    max: int | None = None
    multiple: int = Field(1, ge=1)
    default: int = Field(ge=1)
    checksum: Literal["sha1", "sha256"] | None = None


WITHOUT_NUL = r"^[^\x00]*$"
"""PostgreSQL keeps any character but this one."""

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def _storable(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What JSON in a database can hold: no NUL, no half a character, no number that is none."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError as error:
        raise ValueError("this cannot be kept as JSON") from error
    if _NUL.search(text):
        raise ValueError("this has a character that cannot be kept")
    return value


class UploadRequest(Message):
    """POST /api/videos/upload-url."""

    filename: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    file_size: int = Field(gt=0, description="bytes")
    mime_type: Annotated[str, StringConstraints(pattern=r"^video/[^\x00]*$", max_length=100)]
    metadata: Annotated[dict[str, JsonValue], AfterValidator(_storable)] | None = None


class Ticket(Message):
    """Leave to upload one file: where, how, in what pieces, until when."""

    video_id: str
    upload_url: str
    provider: str
    expires_at: AwareDatetime
    protocol: str
    chunk: ChunkRules
    max_bytes: int


VideoState = Literal["uploading", "processing", "ready", "error", "cancelled"]


class VideoProblem(Message):
    """Why a video did not become ready, and what a person can do."""

    code: str
    message: str
    action: str


class VideoStatus(Message):
    """GET /api/videos/{id}/status: the seed's fields, then ours."""

    video_id: str
    status: VideoState
    playback_url: str | None = None
    thumbnail_url: str | None = None
    duration: int | None = Field(None, description="whole seconds, rounded half up")
    provider: str
    stage: str | None = Field(None, description="queued, transcoding, publishing … while processing")
    percent: float | None = Field(None, ge=0, le=100)
    queue_position: int | None = Field(None, description="1 = next")
    watch_url: str | None = None
    error: VideoProblem | None = None


def _not_a_number(value: object) -> object:
    """Seconds since some epoch say neither which one nor that a time was meant."""
    if isinstance(value, (datetime, str)) and not str(value).lstrip("+-").replace(".", "", 1).isdigit():
        return value
    raise ValueError("an ISO 8601 time with its offset is wanted")


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("there is no such time") from error


Moment = Annotated[AwareDatetime, BeforeValidator(_not_a_number), AfterValidator(_utc)]
"""A time as text: ISO 8601 with its offset."""

Content = Annotated[str, StringConstraints(max_length=5000)]
Id = Annotated[str, StringConstraints(max_length=255, pattern=WITHOUT_NUL)]
MinHeight = Annotated[int, Field(ge=1, le=8640, description="pixels")]


class PostRequest(Message):
    """POST /api/posts: a post that is published at once."""

    content: Content = ""
    video_id: Id | None = None
    community_id: Id | None = None
    type: Literal["video", "text"] | None = None


class PublishRequest(PostRequest):
    """POST /api/posts: a post, and when the server publishes it. With none of these fields: now, as `PostRequest`.

    `publish_at`: not before then; a time that is over means as soon as it is ready. `min_height`: not before the best
    rendition is at least so high, or the provider makes no more of them.
    """

    publish: Literal["now", "when_ready", "draft"] | None = None
    publish_at: Moment | None = None
    min_height: MinHeight | None = None


class PostChange(Message):
    """PATCH /api/posts/{id}: what is left out stays; null takes away."""

    content: Content = ""
    community_id: Id | None = None
    publish: Literal["when_ready", "draft"] = "when_ready"
    publish_at: Moment | None = None
    min_height: MinHeight | None = None


class Author(Message):
    """Who wrote a post."""

    id: str
    name: str
    username: str
    avatar: str | None = None
    verified: bool = False


class Media(Message):
    """The video in a post."""

    type: Literal["video"] = "video"
    video_id: str
    url: str | None
    thumbnail: str | None
    duration: int | None
    watch_url: str | None = None


class Community(Message):
    """Where a post can appear."""

    id: str
    name: str


class Post(Message):
    """A published post, in the seed's shape."""

    id: str
    content: str
    type: str
    author: Author
    media: Media | None
    community: Community | None
    likes: int = 0
    comments: int = 0
    shares: int = 0
    views: int = 0
    timestamp: datetime
    is_liked: bool = False
    is_saved: bool = False


class Posts(Message):
    """GET /api/posts: newest first; `next_cursor` is null on the last page."""

    posts: tuple[Post, ...]
    next_cursor: str | None = None


PostState = Literal["draft", "waiting", "published", "not_published", "cancelled"]


class OwnPost(Message):
    """A post as its author sees it, from the wish to publish it: what POST with `publish` or `publishAt` answers.

    `filename` is what its video's file was called. `waits_for` is why a waiting post is not out yet; `problem` why one
    was not published, with the thing to do. `min_height_met` is known once it is published, where the provider says
    what it made. `post` is what was published.
    """

    id: str
    state: PostState
    content: str
    type: str
    video_id: str | None
    filename: str | None = None
    community_id: str | None
    publish_at: datetime | None = None
    min_height: int | None = None
    min_height_met: bool | None = None
    waits_for: Literal["video", "rendition", "time"] | None = None
    problem: VideoProblem | None = None
    post: Post | None = None
    created_at: datetime
    updated_at: datetime


class OwnPosts(Message):
    """GET /api/posts/pending: newest first; `next_cursor` is null on the last page."""

    posts: tuple[OwnPost, ...]
    next_cursor: str | None = None


class Communities(Message):
    """GET /api/communities."""

    communities: tuple[Community, ...]


class Me(Message):
    """GET /api/me."""

    id: str
    username: str
    name: str
    avatar: str | None = None
    verified: bool = False


SIGN_OUT_EVERYWHERE = "sign_out_everywhere"
"""A capability: the server keeps its accounts itself, and can end all sign-ins of one."""


EVENTS = "events"
"""A capability: `GET /api/videos/events` tells what becomes of videos."""


class ServerConfig(Message):
    """GET /api/config: what this server takes. Needs no sign-in."""

    product: Literal["reelferry"] = "reelferry"
    version: str
    max_bytes: int
    max_duration_seconds: int
    max_text_length: int = 5000
    accepted_types: tuple[str, ...]
    protocols: tuple[str, ...]
    capabilities: tuple[str, ...] = ()
    publishing: tuple[str, ...] = Field(("now",), description="now, when_ready, at, draft: what `publish` may ask for")
    min_heights: tuple[int, ...] = Field(
        (), description="what `minHeight` may ask for and is worth waiting for; pixels"
    )

"""What desktop and backend say to each other: one definition for both.

JSON uses camelCase; Python uses snake_case. Unknown fields are ignored, so either side may be newer.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StringConstraints
from pydantic.alias_generators import to_camel


class Message(BaseModel):
    """The base of everything on the wire: frozen, camelCase outside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


class Problem(Message):
    """Every error reply: `error` for people (the seed's texts), `code` for programs (stable)."""

    error: str
    code: str


class ChunkRules(Message):
    """How the upload host wants its pieces, in bytes. The last piece is exempt from `min` and `multiple`."""

    min: int = Field(1, ge=1)
    max: int | None = None
    multiple: int = Field(1, ge=1)
    default: int = Field(ge=1)


class UploadRequest(Message):
    """POST /api/videos/upload-url."""

    filename: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    file_size: int = Field(gt=0, description="bytes")
    mime_type: Annotated[str, StringConstraints(pattern=r"^video/", max_length=100)]
    metadata: dict[str, JsonValue] | None = None


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


class PostRequest(Message):
    """POST /api/posts."""

    content: Annotated[str, StringConstraints(max_length=5000)] = ""
    video_id: Annotated[str, StringConstraints(max_length=255)] | None = None
    community_id: Annotated[str, StringConstraints(max_length=255)] | None = None
    type: Literal["video", "text"] | None = None


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

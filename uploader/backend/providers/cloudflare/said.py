"""What Cloudflare Stream says of a video, as it comes over the wire and in our words."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from uploader.backend.videos import Sight
from uploader.errors import MediaFailed, NotAVideo, ProcessingFailed, TooLong

FAILURES = {
    "ERR_NON_VIDEO": NotAVideo.code,
    "ERR_MALFORMED_VIDEO": MediaFailed.code,
    "ERR_DURATION_EXCEED_CONSTRAINT": TooLong.code,
    "ERR_DURATION_TOO_SHORT": "video_too_short",
}
STAGES = {"downloading": "queued", "queued": "queued", "inprogress": "transcoding", "ready": "transcoding"}


class _Part(BaseModel):
    """What Cloudflare says: camelCase, and more than we read."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", hide_input_in_errors=True)


class _Status(_Part):
    state: str | None = None
    pct_complete: str | float | None = None
    error_reason_code: str | None = None
    error_reason_text: str | None = None
    err_reason_code: str | None = None
    err_reason_text: str | None = None


class _Input(_Part):
    width: int | None = None
    height: int | None = None


class _Playback(_Part):
    hls: str | None = None


class Told(_Part):
    """A video: what GET answers, and what a webhook brings."""

    uid: str = Field(min_length=1, max_length=255)
    ready_to_stream: bool = False
    require_signed_urls: bool = Field(default=False, alias="requireSignedURLs")
    status: _Status = _Status()
    duration: float | None = None
    input: _Input | None = None
    playback: _Playback | None = None
    thumbnail: str | None = None
    modified: str | None = None


class _Envelope(_Part):
    success: bool


class VideoReply(_Envelope):
    """One video."""

    result: Told


class ListReply(_Envelope):
    """Several videos."""

    result: tuple[Told, ...]


class _DirectUpload(_Part):
    uid: str
    upload_url: str = Field(alias="uploadURL")


class DirectUploadReply(_Envelope):
    """An address for one form."""

    result: _DirectUpload


class _Key(_Part):
    id: str
    pem: str


class KeyReply(_Envelope):
    """A key for signed playback, shown this once."""

    result: _Key


class Hook(_Part):
    """The one webhook of an account; `secret` signs what is sent there."""

    notification_url: str
    secret: str = Field(repr=False)


class HookReply(_Envelope):
    """A webhook, or none."""

    result: Hook | None


def sight_of(video: Told) -> Sight:
    """Their words in ours: playable is `ready`, even while more qualities are made; -1 means not known."""
    state = video.status.state
    if state == "ready" and video.ready_to_stream:
        size = video.input or _Input()
        return Sight(
            "ready",
            playback_url=video.playback.hls if video.playback else None,
            thumbnail_url=video.thumbnail,
            duration=video.duration if video.duration is not None and video.duration >= 0 else None,
            width=_known(size.width),
            height=_known(size.height),
            signed=video.require_signed_urls,
            complete=_percent(video.status.pct_complete) in {None, 100.0},
        )
    if state == "error":
        code = video.status.error_reason_code or video.status.err_reason_code or ""
        text = video.status.error_reason_text or video.status.err_reason_text
        return Sight("error", error=text or None, error_code=FAILURES.get(code, ProcessingFailed.code))
    if state in {None, "pendingupload"}:
        return Sight("uploading")
    return Sight("processing", stage=STAGES.get(state or "", "queued"), percent=_percent(video.status.pct_complete))


def _known(value: int | None) -> int | None:
    return value if value is not None and value > 0 else None


def _percent(value: str | float | None) -> float | None:
    try:
        number = float(value or "nan")
    except ValueError:
        return None
    return number if 0 <= number <= 100 else None

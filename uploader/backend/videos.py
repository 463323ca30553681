"""The one truth about a video's state: every change is one compare-and-set, and a final state stays.

    uploading ──► processing ──► ready · error · cancelled
        └───────────────────────────▲

Deleting is the one way out of `ready` and `error`: to `cancelled`, which keeps the row and nothing else.

All functions work inside the caller's transaction and say whether they changed anything: False means that the news was
old, and the caller has nothing to do.
"""

import math
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from sqlalchemy import Update, select, update
from sqlalchemy.orm import Session

from uploader.backend import jobs, publishing
from uploader.backend.store.database import announce
from uploader.backend.store.models import Video, VideoUpload
from uploader.errors import ProcessingFailed, TooLong, UploadExpired
from uploader.wire import VideoState

UNFINISHED = ("uploading", "processing")
FORGET_ATTEMPTS = 1_000_000
RENEWABLE = timedelta(days=1)
"""After the end of a ticket: so long it may be renewed, and bytes that came in time may not be known yet."""

NOT_PRIVATE = "video_not_private"
OUR_WORD = frozenset({UploadExpired.code, TooLong.code, NOT_PRIVATE})
"""Failures that we declare: a provider elsewhere still holds what came, and would keep it."""

LARGEST = 2**31 - 1
"""What an INTEGER column holds."""

NOTHING_LEFT = {"playback_url": None, "thumbnail_url": None, "error": None, "error_code": None}


@dataclass(frozen=True, slots=True)
class Sight:
    """A provider's word on one video, in our words. None = not known; `duration` in seconds.

    `best_height` is that of the best rendition there is to watch, `complete` false while the provider makes more.
    `signed`: it plays by a token only.
    """

    state: VideoState
    playback_url: str | None = None
    thumbnail_url: str | None = None
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    bitrate: int | None = None
    codec: str | None = None
    stage: str | None = None
    percent: float | None = None
    error: str | None = None
    error_code: str | None = None
    asset_id: str | None = None
    playback_id: str | None = None
    best_height: int | None = None
    complete: bool = True
    signed: bool = False


def seen(session: Session, video_id: str, sight: Sight, now: datetime) -> bool:
    """Apply a provider's word, wherever it came from. Old news, and news that came twice, change nothing."""
    sight = _storable(sight)
    applied = _seen(session, video_id, sight, now)
    ids = {"provider_asset_id": sight.asset_id, "provider_playback_id": sight.playback_id}
    told = {name: value for name, value in ids.items() if value is not None}
    if told:
        session.execute(update(Video).where(Video.id == video_id).values({**told, "updated_at": Video.updated_at}))
    return applied


def _storable(sight: Sight) -> Sight:
    """What both databases keep of foreign words and numbers: no NUL, and nothing that is too large or no number."""

    def kept(value: object) -> object:
        if isinstance(value, str):
            return value.replace("\0", "")
        return None if isinstance(value, int | float) and not abs(value) <= LARGEST else value

    return replace(sight, **{one.name: kept(getattr(sight, one.name)) for one in fields(sight)})  # type: ignore[arg-type]


def _seen(session: Session, video_id: str, sight: Sight, now: datetime) -> bool:
    match sight.state:
        case "ready":
            return ready(session, video_id, sight, now)
        case "error":
            words = (sight.error_code or ProcessingFailed.code, sight.error or ProcessingFailed.title)
            applied = failed(session, video_id, *words, now)
            if applied and sight.error_code in OUR_WORD:
                _forget(session, session.get_one(Video, video_id), "ended")
            return applied
        case "cancelled":
            return cancelled(session, video_id, now)
        case "processing":
            return _at_work(session, video_id, sight, now)
        case _:
            return False


def _at_work(session: Session, video_id: str, sight: Sight, now: datetime) -> bool:
    moved = received(session, video_id, now)
    place = session.execute(select(Video.stage, Video.percent).where(Video.id == video_id)).one_or_none()
    if sight.stage is None or place == (sight.stage, sight.percent):
        return moved
    return progressed(session, video_id, sight.stage, sight.percent) or moved


def received(session: Session, video_id: str, now: datetime) -> bool:
    """All bytes are there. The local provider's transcoding is enqueued with it."""
    if not _move(session, video_id, ("uploading",), "processing", now, stage="queued"):
        return False
    if session.scalar(select(Video.provider).where(Video.id == video_id)) == "local":
        jobs.enqueue(session, "transcode", transcode_key(video_id), {"videoId": video_id})
    return True


def progressed(session: Session, video_id: str, stage: str, percent: float | None) -> bool:
    """Processing has come to `stage`, `percent` of the way (0 to 100). False: it is no longer wanted."""
    here = update(Video).where(Video.id == video_id, Video.status == "processing")
    return _changed(session, here.values(stage=stage, percent=percent, version=Video.version + 1))


def ready(session: Session, video_id: str, sight: Sight, now: datetime) -> bool:
    """It can be watched. Late news about a video that was cancelled has the provider forget it again."""
    duration = sight.duration
    applied = _move(
        session,
        video_id,
        UNFINISHED,
        "ready",
        now,
        playback_url=sight.playback_url,
        thumbnail_url=sight.thumbnail_url,
        duration=None if duration is None else math.floor(duration + 0.5),
        width=sight.width,
        height=sight.height,
        bitrate=sight.bitrate,
        codec=sight.codec,
        best_height=sight.best_height,
        complete=sight.complete,
        signed=sight.signed,
        metadata_=None if duration is None else {"durationSeconds": duration},
    )
    video = None if applied else session.get(Video, video_id)
    if video is not None and video.status == "cancelled":
        _forget(session, video, "late")
    return applied


def failed(session: Session, video_id: str, code: str, message: str, now: datetime) -> bool:
    """It will never be watchable. `code` is stable, `message` for people."""
    return _move(session, video_id, UNFINISHED, "error", now, error=message, error_code=code[:50])


def cancelled(session: Session, video_id: str, now: datetime) -> bool:
    """Nobody wants it any more; what the provider has of it goes."""
    if not _move(session, video_id, UNFINISHED, "cancelled", now):
        return False
    _forget(session, session.get_one(Video, video_id), "cancelled")
    return True


def deleted(session: Session, video_id: str, now: datetime) -> bool:
    """Its owner deleted it, whatever its state. False: that has happened before."""
    if not _move(session, video_id, (*UNFINISHED, "ready", "error"), "cancelled", now, **NOTHING_LEFT):
        return False
    _forget(session, session.get_one(Video, video_id), "cancelled")
    return True


def transcode_key(video_id: str) -> str:
    """The key of the one job that makes a video watchable."""
    return f"transcode:{video_id}"


def _move(
    session: Session, video_id: str, sources: tuple[str, ...], status: str, now: datetime, **values: object
) -> bool:
    """The compare-and-set. The upload's address dies with the state `uploading`."""
    common = {"stage": None, "percent": None, "upload_url": None, "look_after": None, "updated_at": now}
    if status not in UNFINISHED:
        common["processed_at"] = now
    moving = update(Video).where(Video.id == video_id, Video.status.in_(sources))
    if not _changed(session, moving.values({**common, **values, "status": status, "version": Video.version + 1})):
        return False
    session.execute(update(VideoUpload).where(VideoUpload.id == video_id).values(status=status, upload_url=None))
    if status not in UNFINISHED:
        publishing.video_settled(session, video_id, now)
    return True


def _changed(session: Session, change: Update) -> bool:
    """Apply a change of one video, and announce it to whoever watches. False: it was not in the state for it."""
    user_id = session.scalar(change.returning(Video.user_id))
    if user_id is None:
        return False
    announce(session, user_id)
    return True


def _forget(session: Session, video: Video, why: str) -> None:
    if video.provider_upload_id is not None:
        forget_upload(session, video, video.provider_upload_id, why)


def forget_upload(session: Session, video: Video, upload_id: str, why: str) -> None:
    """Have the provider delete this upload, and what it made of it. Tried until it has: what stays costs money."""
    payload = {"provider": video.provider, "uploadId": upload_id}
    jobs.enqueue(session, "forget", f"forget:{video.id}:{why}", payload, max_attempts=FORGET_ATTEMPTS)

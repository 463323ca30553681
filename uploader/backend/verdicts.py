"""Why a video will never be watchable, in words with one thing to do."""

from uploader import errors
from uploader.backend import videos
from uploader.backend.store.models import Video
from uploader.wire import VideoProblem

KNOWN = (
    errors.DiskFull,
    errors.FileEmpty,
    errors.MediaFailed,
    errors.NotAVideo,
    errors.TooLarge,
    errors.TooLong,
)
WORDS: dict[str, tuple[str, str]] = {
    **{known.code: (known.title, known.hint) for known in KNOWN},
    errors.UploadExpired.code: ("The upload was not finished in time", "Upload the file again."),
    errors.VideoGone.code: ("The provider no longer has this video", "Upload the file again."),
    videos.NOT_PRIVATE: ("The provider did not make this video private", "Nobody can watch it. Upload it again."),
    "video_too_short": ("The video is too short", "Export a longer version."),
}


def verdict(video: Video) -> VideoProblem | None:
    """What is to be said of a video that failed; None of all others. What we have no words for, the provider says."""
    if video.status != "error":
        return None
    code = video.error_code or errors.ProcessingFailed.code
    own = (video.error or errors.ProcessingFailed.title, errors.ProcessingFailed.hint)
    message, action = WORDS.get(code, own)
    return VideoProblem(code=code, message=message, action=action)

"""How the tus server says no: a status, a stable code, words, and what the client needs to go on."""

from collections.abc import Mapping

from starlette.responses import JSONResponse

VERSION = "1.0.0"
ALWAYS = {"Tus-Resumable": VERSION, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
CLOSE = {"Connection": "close"}


class Refusal(Exception):
    """A request that is answered with an error. `code` is stable, `text` is for people."""

    def __init__(self, status: int, code: str, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.response = JSONResponse({"error": text, "code": code}, status, {**ALWAYS, **(headers or {})})


def wrong_method() -> Refusal:
    """Neither HEAD, PATCH nor DELETE."""
    return Refusal(405, "method_not_allowed", "Method not allowed", {"Allow": "OPTIONS, HEAD, PATCH, DELETE"})


def wrong_version() -> Refusal:
    """Not tus 1.0.0."""
    return Refusal(412, "unsupported_version", "This server speaks tus 1.0.0", {"Tus-Version": VERSION})


def created_elsewhere() -> Refusal:
    """Our API makes uploads, for people who are signed in."""
    text = "Uploads are created with POST /api/videos/upload-url"
    return Refusal(405, "creation_by_api", text, {"Allow": "OPTIONS"})


def unknown() -> Refusal:
    """An address that was never given out."""
    return Refusal(404, "upload_not_found", "There is no such upload")


def gone() -> Refusal:
    """Nobody wants these bytes any more."""
    return Refusal(410, "upload_gone", "This upload was cancelled")


def expired() -> Refusal:
    """Its time is over."""
    return Refusal(410, "upload_expired", "The upload was not finished in time")


def elsewhere(offset: int, claimed: int) -> Refusal:
    """The client is not where we are."""
    text = f"The upload is at {offset}, not at {claimed}"
    return Refusal(409, "offset_mismatch", text, {"Upload-Offset": str(offset)})


def too_long() -> Refusal:
    """More bytes than were announced to the API."""
    return Refusal(413, "upload_too_long", "The body goes beyond the upload's length")


def complete() -> Refusal:
    """The address is no longer good for ending it."""
    return Refusal(403, "upload_complete", "The upload is complete; delete the video instead")


def stalled() -> Refusal:
    """The peer sent nothing for too long."""
    return Refusal(408, "upload_stalled", "No bytes came for too long; what came is kept", CLOSE)


def locked() -> Refusal:
    """Somebody else is at it."""
    return Refusal(423, "upload_locked", "Another request is writing to this upload", {"Retry-After": "1"})


def taken_over() -> Refusal:
    """A newer request wants this upload, so this one ends."""
    text = "A newer request took over this upload; what came is kept"
    return Refusal(423, "upload_locked", text, {**CLOSE, "Retry-After": "1"})


def stopping() -> Refusal:
    """Come back when the server has."""
    text = "The server is about to stop; what came is kept"
    return Refusal(503, "server_stopping", text, {**CLOSE, "Retry-After": "2"})


def disk_full(offset: int) -> Refusal:
    """What fitted is kept: `offset` bytes in all."""
    text = "The server has no space left; what came is kept"
    return Refusal(507, "disk_full", text, {"Upload-Offset": str(offset), "Retry-After": "60"})


def spoilt() -> Refusal:
    """The piece is not what its checksum says; the offset stays."""
    return Refusal(460, "checksum_mismatch", "The checksum does not match; nothing was kept")

"""Every way it can fail.

    ReelferryError                 code, title, hint; never raised itself
    ├── Transient                  trying again will probably work; the queue does so for as long as it runs
    │   ├── Offline · Interrupted · Stalled · ServerBusy · CaptivePortal · Untrusted · StillProcessing
    │   ├── TooManyUploads · DayUsedUp · ProxyUnreachable (an Offline)
    │   └── FileMissing · FileGrowing · DiskFull · QueueNotSaved
    ├── SignInNeeded               nothing is lost; a person has to sign in
    ├── ProxyRefused               nothing is lost; a person has to tell the proxy's name and password
    ├── Metered                    nothing is lost; uploads wait for another network, or for a person's word
    ├── SignInFailed               the sign-in did not come to an end; NoOtherComputer: not that way
    ├── NotSignedOut               nobody knows whether the sign-ins ended
    ├── StartOver                  what was agreed with the server no longer holds; ask it again, then begin anew
    │   └── UploadExpired · UploadForgotten
    ├── Permanent                  trying again unchanged will not help; words and one action
    │   └── FileChanged · FileUnreadable · FileEmpty · NotAVideo · NotAFile · TooLarge · TooLong · Refused · …
    └── KeyringTrouble             the safe for secrets did not open
        └── KeyringLocked · KeyringAbsent

`code` is stable and unique; `title` says what happened and `hint` what is safe and the one thing to do.
"""

from typing import ClassVar


class ReelferryError(Exception):
    """Something went wrong, in words a person can act on.

    `detail` is for the log (the foreign error, a status line), never for the interface.
    """

    code: ClassVar[str]
    title: str
    hint: str = ""
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "", *, title: str | None = None, hint: str | None = None) -> None:
        super().__init__(detail or title or self.title)
        self.detail = detail
        if title is not None:
            self.title = title
        if hint is not None:
            self.hint = hint


class Transient(ReelferryError):
    """It will probably work later. `retry_after` is what the server asked for, in seconds."""

    retryable = True

    def __init__(
        self, detail: str = "", *, title: str | None = None, hint: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(detail, title=title, hint=hint)
        self.retry_after = retry_after


class Offline(Transient):
    """No connection could be made at all."""

    code = "offline"
    title = "Waiting for the network"
    hint = "Nothing is lost. It goes on by itself when the connection is back."


class ProxyUnreachable(Offline):
    """The proxy could not be reached, or did not let us through."""

    code = "proxy_unreachable"
    title = "No connection through the proxy"
    hint = "Nothing is lost. Check the proxy in the preferences under Network. It tries again by itself."


class Interrupted(Transient):
    """The connection broke, or the reply made no sense."""

    code = "interrupted"
    title = "The connection was interrupted"
    hint = "What the server has is safe. It goes on from there."


class Stalled(Transient):
    """No byte has moved for too long."""

    code = "stalled"
    title = "The connection stalled"
    hint = "What the server has is safe. It goes on from there."


class ServerBusy(Transient):
    """408, 423, 425, 429 or 5xx."""

    code = "server_busy"
    title = "The server is busy"
    hint = "Nothing is lost. It tries again by itself."


class TooManyUploads(Transient):
    """The server's limit of unfinished uploads for one person."""

    code = "too_many_uploads"
    title = "You have as many unfinished uploads as this server allows"
    hint = "Finish or cancel some. It goes on by itself then."


class DayUsedUp(Transient):
    """The server's limit of bytes a day for one person."""

    code = "daily_limit"
    title = "You have uploaded as much today as this server allows"
    hint = "Nothing is lost. It goes on by itself tomorrow."


class CaptivePortal(Transient):
    """Somebody else answered: a sign-in page of the network."""

    code = "captive_portal"
    title = "This network wants you to sign in to it"
    hint = "Open a web page and sign in to the network. It goes on by itself after that."


class Untrusted(Transient):
    """The server's certificate is not trusted here."""

    code = "untrusted"
    title = "The server could not prove who it is"
    hint = "Nothing was sent to it. Check the network, or ask the server's operator about its certificate."


class FileMissing(Transient):
    """The file, or the drive it is on, is not there."""

    code = "file_missing"
    title = "The file is not there"
    hint = "Put it back or plug in its drive. It goes on by itself when the same file is back."


class FileGrowing(Transient):
    """Another program is still writing the file."""

    code = "file_growing"
    title = "The file is still being written"
    hint = "It starts by itself once the file is complete."


class DiskFull(Transient):
    """No room left, here or on the server (507)."""

    code = "disk_full"
    title = "There is no space left"
    hint = "What has arrived is safe. Free some space; it goes on by itself."


class QueueNotSaved(Transient):
    """The queue's database could not be written."""

    code = "queue_not_saved"
    title = "The queue could not be saved"
    hint = "Check that the disk with your user data can be written to. It tries again by itself."


class StillProcessing(Transient):
    """What was asked for needs the finished video."""

    code = "still_processing"
    title = "The server is still processing the video"
    hint = "It goes on by itself when the video is ready."


class SignInNeeded(ReelferryError):
    """Nobody is signed in, or the sign-in is no longer good."""

    code = "sign_in_needed"
    title = "Sign in to continue"
    hint = "Your videos and texts are kept."


class ProxyRefused(ReelferryError):
    """407, or its like in SOCKS: trying again would only lock somebody's account."""

    code = "proxy_refused"
    title = "The proxy did not accept the user name and password"
    hint = "Nothing is lost. Put them right in the preferences under Network; it goes on by itself then."


class Metered(ReelferryError):
    """Bytes cost money here, and nobody has said to upload all the same."""

    code = "metered"
    title = "Paused: this network is metered"
    hint = "Nothing is lost. It goes on by itself on another network."


class SignInFailed(ReelferryError):
    """The sign-in in the browser did not come to an end."""

    code = "sign_in_failed"
    title = "Signing in did not work"
    hint = "Try again."


class NoOtherComputer(SignInFailed):
    """The server has no way to sign in at another computer."""

    code = "no_other_computer"
    title = "This server cannot sign you in at another computer"
    hint = "Sign in with a browser on this one."


class NotSignedOut(ReelferryError):
    """The server could not be asked to end all sign-ins, or its answer was lost."""

    code = "not_signed_out"
    title = "You may still be signed in elsewhere"
    hint = "The server did not answer. Try again when it can be reached."


class StartOver(ReelferryError):
    """What was agreed with the server no longer holds."""

    code = "start_over"
    title = "The upload has to start again"
    hint = "It does so by itself."
    retryable = True


class UploadExpired(StartOver):
    """The upload address is past its time (403, 410)."""

    code = "upload_expired"
    title = "The upload address expired"
    hint = "Nothing to do: another one is asked for."


class UploadForgotten(StartOver):
    """The upload host does not know this upload (404)."""

    code = "upload_forgotten"
    title = "The server no longer has this upload"
    hint = "Nothing to do: it starts again by itself, if the server does not have it all."


class Permanent(ReelferryError):
    """Trying again unchanged will not help."""


class FileChanged(Permanent):
    """The file is not the one that was being uploaded."""

    code = "file_changed"
    title = "The file changed on disk"
    hint = "Upload the new version from the start, or put the old one back."


class FileUnreadable(Permanent):
    """The file may not be read."""

    code = "file_unreadable"
    title = "The file cannot be read"
    hint = "Check its permissions, then retry."


class FileEmpty(Permanent):
    """Zero bytes."""

    code = "file_empty"
    title = "The file is empty"
    hint = "Export it again, then add it."


class NotAFile(Permanent):
    """A folder, a device, a socket."""

    code = "not_a_file"
    title = "This is not a file"
    hint = "Add video files, or a folder with video files in it."


class NotAVideo(Permanent):
    """No video stream in it, or nothing that can be read as video."""

    code = "not_a_video"
    title = "This is not a video"
    hint = "Choose another file."


class AlreadyQueued(Permanent):
    """The same path is in the queue and has not ended."""

    code = "already_queued"
    title = "This file is already in the queue"
    hint = "Nothing to do: it is on its way."


class TooLarge(Permanent):
    """Over the server's limit in bytes."""

    code = "file_too_large"
    title = "The file is too large"
    hint = "Export a smaller version."


class TooLong(Permanent):
    """Over the server's limit in minutes."""

    code = "video_too_long"
    title = "The video is too long"
    hint = "Export a shorter version."


class Refused(Permanent):
    """The server understood, and said no."""

    code = "refused"
    title = "The server refused this"
    hint = "Nothing was changed. Ask the server's operator."


class ProcessingFailed(Permanent):
    """All bytes arrived; the server could not make a video of them."""

    code = "processing_failed"
    title = "The server could not process this video"
    hint = "The file arrived whole. Check that it plays here, then upload it again."


class VideoGone(Permanent):
    """The video was deleted or cancelled on the server."""

    code = "video_gone"
    title = "The video is no longer on the server"
    hint = "Upload it again."


class NotYourVideo(Permanent):
    """Somebody else uploaded it."""

    code = "not_your_video"
    title = "This video belongs to another account"
    hint = "Sign in with the account that uploaded it, or upload it again."


class PostRefused(Permanent):
    """The video is there; the post was not accepted."""

    code = "post_refused"
    title = "The post was not accepted"
    hint = "The video is safe on the server. Change the text or community, then post again."


class AlreadyPosted(Permanent):
    """It came too late: the post is out."""

    code = "already_posted"
    title = "It was already posted"
    hint = "The post is as the server had it."


class PostGone(Permanent):
    """The server no longer holds the post that it was to publish."""

    code = "post_gone"
    title = "The post was cancelled on the server"
    hint = "Nothing was posted. The video is safe there; post it again if you want to."


class NotAServer(Permanent):
    """What answers at this address is not a Reelferry backend."""

    code = "not_a_server"
    title = "There is no Reelferry server at this address"
    hint = "Check the address."


class CertificatesUnusable(Permanent):
    """The file with further certificate authorities cannot be used."""

    code = "certificates_unusable"
    title = "This file holds no certificates"
    hint = "Choose a file with certificates in PEM form. It begins with “-----BEGIN CERTIFICATE-----”."


class ServerNotStarted(Permanent):
    """The embedded backend ended before it was ready."""

    code = "server_not_started"
    title = "The server on this computer did not start"
    hint = "Nothing is lost. Start Reelferry again; the log says why."


class MediaFailed(Permanent):
    """The child process that reads video died or ran over its limits."""

    code = "media_failed"
    title = "The video could not be read"
    hint = "Check that it plays here."


class QueueInUse(Permanent):
    """Another Reelferry holds this queue."""

    code = "queue_in_use"
    title = "Reelferry is already running"
    hint = "Use the one that is open."


class UnknownJob(Permanent):
    """No job, or more than one, goes by that name."""

    code = "unknown_job"
    title = "There is no such upload"
    hint = "`reelferry list` shows what there is."


class UnknownPost(Permanent):
    """No post, or more than one, goes by that name."""

    code = "unknown_post"
    title = "The server holds no such post"
    hint = "`reelferry posts` shows what it holds."


class NotNow(Permanent):
    """The command does not fit what the job is doing."""

    code = "not_now"
    title = "That is not possible now"
    hint = "Nothing was changed."


class Unexpected(Permanent):
    """A mistake of ours. The log has the traceback."""

    code = "unexpected"
    title = "Something unexpected happened"
    hint = "Your file and text are kept. Retry; if it comes back, send us the log."


class KeyringTrouble(ReelferryError):
    """The safe for secrets did not open. Never a reason to sign anybody out."""


class KeyringLocked(KeyringTrouble):
    """It exists and is locked."""

    code = "keyring_locked"
    title = "Your password safe is locked"
    hint = "Unlock it and try again. You stay signed in."


class KeyringAbsent(KeyringTrouble):
    """There is none, or only one that would store plain text."""

    code = "keyring_absent"
    title = "There is no password safe on this computer"
    hint = "You can go on, but you will have to sign in again next time."

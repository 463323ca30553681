"""A tus 1.0.0 server: core, expiration, termination and checksum; uploads are created by our API alone.

Every check comes before the first byte of the body is read, and the offset is always the size of the file on disk.
"""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from enum import Enum, auto

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from uploader import errors
from uploader.backend.providers.local import refusals
from uploader.backend.providers.local.behind import Behind
from uploader.backend.providers.local.files import CHECKSUMS, UPLOAD_ID, Append, Files, Mismatch, Removed, Sink, Staged
from uploader.backend.providers.local.refusals import ALWAYS, VERSION, Refusal
from uploader.backend.providers.local.turns import Stopping, Taken, Turn, Turns
from uploader.backend.providers.local.uploads import Upload, Uploads
from uploader.backend.receiver import Carried, Rest, rest_of

EXTENSIONS = "expiration,termination,checksum"
IDLE = 60.0
WRITERS = 8

_NUMBER = re.compile(r"[0-9]{1,18}")


class _Ending(Enum):
    WHOLE = auto()
    TOO_LONG = auto()
    DISCONNECTED = auto()
    INTERRUPTED = auto()
    IDLE = auto()


_CARRIED = {Carried.WHOLE: _Ending.WHOLE, Carried.GONE: _Ending.DISCONNECTED, Carried.SILENT: _Ending.IDLE}


@dataclass(frozen=True, slots=True)
class _Piece:
    """What a PATCH announces before its body."""

    offset: int
    length: int | None
    checksum: tuple[str, bytes] | None

    @classmethod
    def announced(cls, headers: Mapping[str, str]) -> "_Piece":
        """Raises Refusal for headers that tus does not allow."""
        if headers.get("content-type") != "application/offset+octet-stream":
            raise Refusal(415, "invalid_content_type", "The content type must be application/offset+octet-stream")
        offset = headers.get("upload-offset", "")
        if not _NUMBER.fullmatch(offset):
            raise Refusal(400, "invalid_request", "Upload-Offset must be a number")
        length = headers.get("content-length")
        return cls(int(offset), None if length is None else int(length), _checksum(headers.get("upload-checksum")))


class Tus:
    """Answers at /files/{upload_id}. Whoever knows the id may write: it is a capability."""

    def __init__(self, uploads: Uploads, files: Files, *, max_bytes: int, idle: float = IDLE) -> None:
        self._turns = Turns()
        self._uploads = uploads
        self._files = files
        self._max_bytes = max_bytes
        self._idle = idle
        self._writers = CapacityLimiter(WRITERS)
        self._answers: dict[str, Callable[[Request, Upload], Awaitable[Response]]] = {
            "HEAD": self._head,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }

    def routes(self) -> list[BaseRoute]:
        """To be mounted at the root."""
        return [
            Route("/files", self._options, methods=["OPTIONS"]),
            Route("/files", self._create, methods=["POST"]),
            Route("/files/{upload_id}", self._options, methods=["OPTIONS"]),
            Route("/files/{upload_id}", self._upload, methods=["HEAD", "PATCH", "DELETE", "POST"]),
        ]

    def stop(self) -> None:
        """End the requests under way, keeping what has come. To be called on the event loop."""
        self._turns.stop()

    async def _options(self, _request: Request) -> Response:
        return Response(
            status_code=204,
            headers={
                **ALWAYS,
                "Tus-Version": VERSION,
                "Tus-Extension": EXTENSIONS,
                "Tus-Max-Size": str(self._max_bytes),
                "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
            },
        )

    async def _create(self, _request: Request) -> Response:
        return refusals.created_elsewhere().response

    async def _upload(self, request: Request) -> Response:
        try:
            return await self._answer(request)
        except Refusal as refusal:
            return refusal.response
        except Removed:
            return refusals.gone().response
        except Taken:
            return refusals.locked().response
        except Stopping:
            return refusals.stopping().response

    async def _answer(self, request: Request) -> Response:
        method = request.method
        if method == "POST":
            method = request.headers.get("x-http-method-override", "").upper()
        if method not in self._answers:
            raise refusals.wrong_method()
        if request.headers.get("tus-resumable") != VERSION:
            raise refusals.wrong_version()
        upload = await self._find(request.path_params["upload_id"])
        return await self._answers[method](request, upload)

    async def _find(self, upload_id: str) -> Upload:
        upload = await to_thread.run_sync(self._uploads.find, upload_id) if UPLOAD_ID.fullmatch(upload_id) else None
        if upload is None:
            raise refusals.unknown()
        if self._uploads.expired(upload):
            raise refusals.expired()
        if upload.state == "cancelled" or (upload.state == "error" and self._offset(upload) < upload.length):
            raise refusals.gone()
        return upload

    def _offset(self, upload: Upload) -> int:
        """Once the video has moved on, every byte had arrived, whatever became of the file since."""
        return upload.length if upload.state in {"processing", "ready"} else self._files.offset(upload.id)

    async def _head(self, _request: Request, upload: Upload) -> Response:
        async with self._turns.take(upload.id):
            offset = self._offset(upload)
            if offset == upload.length:
                await self._complete(upload)  # the reply that said so may have been lost with us
            headers = {"Upload-Offset": str(offset), "Upload-Length": str(upload.length)}
            return Response(headers={**ALWAYS, **headers, **_expires(upload)})

    async def _delete(self, _request: Request, upload: Upload) -> Response:
        async with self._turns.take(upload.id):
            if self._offset(upload) == upload.length:
                raise refusals.complete()
            await to_thread.run_sync(self._uploads.cancel, upload)
            await to_thread.run_sync(self._files.remove, upload.id)
            return Response(status_code=204, headers=ALWAYS)

    async def _patch(self, request: Request, upload: Upload) -> Response:
        piece = _Piece.announced(request.headers)
        async with self._turns.take(upload.id) as turn:
            offset = self._offset(upload)
            if piece.offset != offset:
                raise refusals.elsewhere(offset, piece.offset)
            room = upload.length - offset
            if piece.length is not None and piece.length > room:
                raise refusals.too_long()
            if room:
                upload = await to_thread.run_sync(self._uploads.extend, upload)
                offset = await self._receive(request, upload, piece, room, turn)
            if offset == upload.length:
                await self._complete(upload)
            return Response(status_code=204, headers={**ALWAYS, "Upload-Offset": str(offset), **_expires(upload)})

    async def _complete(self, upload: Upload) -> None:
        if upload.state == "uploading" and not await to_thread.run_sync(self._uploads.complete, upload):
            raise refusals.gone()

    async def _receive(self, request: Request, upload: Upload, piece: _Piece, room: int, turn: Turn) -> int:
        sink = await to_thread.run_sync(self._open, upload, piece, limiter=self._writers)
        try:
            try:
                ending = await self._pour(request, sink, room, turn)
            except errors.DiskFull:
                offset = await self._finish(sink, whole=False)
                raise refusals.disk_full(offset) from None
            offset = await self._finish(sink, whole=ending is _Ending.WHOLE)
        except Mismatch:
            raise refusals.spoilt() from None
        except errors.DiskFull:
            raise refusals.disk_full(self._offset(upload)) from None
        finally:
            sink.close()
        _judge(ending, turn)
        return offset

    def _open(self, upload: Upload, piece: _Piece) -> Sink:
        try:
            self._files.require_room(piece.length or 0)
            target = Append(self._files.path(upload.id))
        except errors.DiskFull:
            raise refusals.disk_full(piece.offset) from None
        if target.offset != piece.offset:  # another process wrote between our look and our lock
            target.close()
            raise Taken
        if piece.checksum is None:
            return target
        try:
            return Staged(target, self._files.staged(upload.id), *piece.checksum)
        except OSError:
            target.close()
            raise

    async def _pour(self, request: Request, sink: Sink, room: int, turn: Turn) -> _Ending:
        """From the socket into the sink, a buffer at a time. What had arrived is written however it ends."""
        rest = rest_of(request.scope)
        if rest is not None and rest.more:
            return await self._carry(rest, sink, turn)
        ending = _Ending.WHOLE
        more = True
        async with Behind(sink.write, self._writers) as behind:
            with turn.read(anyio.CancelScope(deadline=anyio.current_time() + self._idle)) as scope:
                while more:
                    message = await request.receive()
                    if message["type"] == "http.disconnect":
                        ending = _Ending.DISCONNECTED
                        break
                    data = message.get("body", b"")
                    if len(data) > room:
                        ending = _Ending.TOO_LONG
                        break
                    room -= len(data)
                    await behind.take(data)
                    more = message.get("more_body", False)
                    scope.deadline = anyio.current_time() + self._idle
            if scope.cancelled_caught:
                ending = _Ending.INTERRUPTED if turn.wanted else _Ending.IDLE
        return ending

    async def _carry(self, rest: Rest, sink: Sink, turn: Turn) -> _Ending:
        """A large body, past the loop. It is as long as was announced, and that was checked."""
        with turn.read(anyio.CancelScope()) as scope:
            carried = await rest.carry(sink.write, self._idle)
        return _Ending.INTERRUPTED if scope.cancelled_caught else _CARRIED[carried]

    async def _finish(self, sink: Sink, *, whole: bool) -> int:
        return await to_thread.run_sync(lambda: sink.finish(whole=whole), limiter=self._writers)


def _checksum(header: str | None) -> tuple[str, bytes] | None:
    if header is None:
        return None
    algorithm, _, encoded = header.partition(" ")
    if algorithm not in CHECKSUMS:
        raise Refusal(400, "unsupported_checksum", f"The checksum must be one of {', '.join(CHECKSUMS)}")
    try:
        return algorithm, base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(400, "invalid_request", "Upload-Checksum must be an algorithm and a base64 digest") from None


def _judge(ending: _Ending, turn: Turn) -> None:
    """Raises Refusal unless the body came to its end. (To a peer that has gone the answer does not matter.)"""
    if ending is _Ending.TOO_LONG:
        raise refusals.too_long()
    if ending is _Ending.IDLE:
        raise refusals.stalled()
    if ending is _Ending.INTERRUPTED:
        raise refusals.stopping() if turn.stopping else refusals.taken_over()


def _expires(upload: Upload) -> dict[str, str]:
    if upload.state != "uploading":
        return {}
    return {"Upload-Expires": format_datetime(upload.expires_at, usegmt=True)}

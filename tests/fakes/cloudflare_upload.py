"""Cloudflare Stream's upload host: tus with its rules for pieces, and the basic form, as its documentation has them.

Where the documentation is silent the stricter answer is taken: an address past its time is gone (410), and one that has
its file refuses another (400).
"""

import itertools
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Literal

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Receive

from tests.fakes.mischief import FakeHost, Mischief, Reply, Seen, take
from uploader.wire import ChunkRules

KIB, MIB = 1024, 1024 * 1024
RULES = ChunkRules(min=5 * MIB, max=200 * MIB, multiple=256 * KIB, default=50 * MIB)
LARGEST_FORM = 200_000_000
FORM_RULES = ChunkRules(min=1, max=LARGEST_FORM, multiple=1, default=LARGEST_FORM)
TUS = {"tus-resumable": "1.0.0"}


@dataclass(slots=True)
class Upload:
    """One address. `size` is known beforehand with tus only; `whole` once everything has arrived."""

    kind: Literal["tus", "form"]
    size: int | None = None
    expired: bool = False
    whole: bool = False
    held: bytearray = field(default_factory=bytearray)


class CloudflareUpload(FakeHost):
    """`grant_tus` and `grant_form` hand out addresses (path and query) as the API would."""

    def __init__(self, *, largest_form: int = LARGEST_FORM) -> None:
        super().__init__()
        self.largest_form = largest_form
        self.uploads: dict[str, Upload] = {}
        self._numbers = itertools.count(1)

    def grant_tus(self, size: int) -> tuple[str, Upload]:
        """An address for a file of `size` bytes."""
        return self._grant("/tus/{}?tusv2=true", Upload("tus", size))

    def grant_form(self) -> tuple[str, Upload]:
        """An address for one form."""
        return self._grant("/{}", Upload("form"))

    def _grant(self, pattern: str, upload: Upload) -> tuple[str, Upload]:
        target = pattern.format(f"{next(self._numbers):032x}")
        self.uploads[target] = upload
        return target, upload

    async def answer(self, seen: Seen, receive: Receive, mischief: Mischief) -> Reply:
        """tus or the form, whichever the address was granted for. The query is part of the address."""
        upload = self.uploads.get(seen.target)
        if upload is None:
            return Reply(404)
        if upload.expired:
            return Reply(410)
        if upload.kind == "form":
            return await self._form(upload, seen, receive)
        return await _tus(upload, seen, receive, mischief)

    async def _form(self, upload: Upload, seen: Seen, receive: Receive) -> Reply:
        if no := self._no_form(upload, seen):
            return no
        body = bytearray()
        await take(receive, seen, body)  # nothing of a broken one is kept
        file = await _file_in(seen.headers["content-type"], bytes(body))
        if file is None:
            return Reply(400, text="the file goes into the field `file`")
        if len(file) > self.largest_form:
            return Reply(413, text="over 200 MB: use tus")
        upload.held += file
        upload.whole = True
        return Reply(200)

    def _no_form(self, upload: Upload, seen: Seen) -> Reply | None:
        kind, length = seen.headers.get("content-type", ""), seen.headers.get("content-length")
        wrong = (
            (seen.method != "POST", Reply(405)),
            (upload.whole, Reply(400, text="this upload URL has been used")),
            (not kind.startswith("multipart/form-data; boundary="), Reply(415)),
            (length is None, Reply(411)),
            (int(length or 0) > self.largest_form + 64 * KIB, Reply(413, text="over 200 MB: use tus")),
        )
        return next((reply for is_so, reply in wrong if is_so), None)


async def _file_in(kind: str, body: bytes) -> bytes | None:
    """The bytes of the field `file` of a form; None if there is no such file in it."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(Headers({"content-type": kind}), stream()).parse()
    except MultiPartException:
        return None
    try:
        file = form.get("file")
        return await file.read() if isinstance(file, UploadFile) else None
    finally:
        await form.close()


async def _tus(upload: Upload, seen: Seen, receive: Receive, mischief: Mischief) -> Reply:
    assert upload.size is not None
    if seen.headers.get("tus-resumable") != "1.0.0":
        return Reply(412, {"tus-version": "1.0.0"})
    if seen.method == "HEAD":
        told = {"upload-offset": str(len(upload.held)), "upload-length": str(upload.size), "cache-control": "no-store"}
        return Reply(200, TUS | told)
    if seen.method != "PATCH":
        return Reply(405, TUS)
    if refused := _refused(upload, upload.size, seen.headers):
        return refused
    await take(receive, seen, upload.held, mischief.keep)
    upload.whole = len(upload.held) == upload.size
    return Reply(204, TUS | {"upload-offset": str(len(upload.held))})


def _refused(upload: Upload, size: int, headers: dict[str, str]) -> Reply | None:
    if headers.get("content-type") != "application/offset+octet-stream":
        return Reply(415, TUS)
    if "content-length" not in headers:
        return Reply(411, TUS)
    offset, length = int(headers.get("upload-offset", "-1")), int(headers["content-length"])
    if offset != len(upload.held):
        return Reply(409, TUS)
    if offset + length > size:
        return Reply(413, TUS)
    last = offset + length == size
    if length > (RULES.max or size) or (not last and (length < RULES.min or length % RULES.multiple)):
        return Reply(400, TUS, "pieces are 5 to 200 MiB long and multiples of 256 KiB, but for the last")
    return None

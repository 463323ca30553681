"""Mux's upload host: one address a file, which takes ranges as Google Cloud Storage does.

What is not documented follows the storage behind it, or is the stricter of two answers: a piece that does not begin
where the host stands is refused, and of a broken request whole 256 KiB are kept. Mux's own client sends a piece of
which less was taken once more, so Mux cannot be as strict: `overlaps` takes what is new of it.
"""

import itertools
import re
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from tests.fakes.mischief import FakeHost, Mischief, Reply, Seen, take
from uploader.wire import ChunkRules

KIB, MIB = 1024, 1024 * 1024
PIECE = 256 * KIB
RULES = ChunkRules(min=PIECE, max=64 * MIB, multiple=PIECE, default=8 * MIB)
RANGE = re.compile(r"bytes (?:(?P<first>\d+)-(?P<last>\d+)|\*)/(?P<total>\d+|\*)")


@dataclass(slots=True)
class Upload:
    """One address. `size` is what the first piece said; `whole` once everything has arrived."""

    size: int | None = None
    expired: bool = False
    whole: bool = False
    held: bytearray = field(default_factory=bytearray)

    def stands(self) -> Reply:
        """Done, or where to go on."""
        if self.whole:
            return Reply(200)
        return Reply(308, {"range": f"bytes=0-{len(self.held) - 1}"} if self.held else {})


class MuxUpload(FakeHost):
    """`grant` hands out addresses (path and query). `knows_status` says whether it can tell where an upload stands."""

    def __init__(self, *, knows_status: bool = True, overlaps: bool = False) -> None:
        super().__init__()
        self.knows_status, self.overlaps = knows_status, overlaps
        self.uploads: dict[str, Upload] = {}
        self._numbers = itertools.count(1)

    def grant(self) -> tuple[str, Upload]:
        """An address for one file."""
        upload = Upload()
        target = f"/upload/{next(self._numbers):044x}?token=eyJh.eyJhdWQiOiJkdSJ9.c2ln-_%3D"
        self.uploads[target] = upload
        return target, upload

    async def answer(self, seen: Seen, receive: Receive, mischief: Mischief) -> Reply:
        """A piece, the whole file, or the question where it stands. The token is part of the address."""
        upload = self.uploads.get(seen.target)
        if upload is None:
            known = any(seen.target.partition("?")[0] == target.partition("?")[0] for target in self.uploads)
            return Reply(403 if known else 404)
        asked = RANGE.fullmatch(seen.headers.get("content-range", "bytes 0-0/*"))
        wrong = (
            (upload.expired, Reply(403)),
            (seen.method != "PUT", Reply(405)),
            ("content-length" not in seen.headers, Reply(411)),
            (asked is None, Reply(400, text="no such Content-Range")),
        )
        if no := next((reply for is_so, reply in wrong if is_so), None):
            return no
        if "content-range" not in seen.headers or asked is None:
            return await self._whole(upload, seen, receive)
        if asked["first"] is None:
            return self._status(upload, seen)
        return await self._piece(upload, seen, receive, mischief, asked)

    def _status(self, upload: Upload, seen: Seen) -> Reply:
        if not self.knows_status or int(seen.headers["content-length"]):
            return Reply(400)
        return upload.stands()

    async def _whole(self, upload: Upload, seen: Seen, receive: Receive) -> Reply:
        if upload.held:
            return Reply(400)
        body = bytearray()
        await take(receive, seen, body)
        upload.held, upload.whole = body, True
        return Reply(200)

    async def _piece(
        self, upload: Upload, seen: Seen, receive: Receive, mischief: Mischief, asked: re.Match[str]
    ) -> Reply:
        first, last = int(asked["first"]), int(asked["last"])
        length, stands = last + 1 - first, len(upload.held)
        total = None if asked["total"] == "*" else int(asked["total"])
        final = last + 1 == total
        wrong = (
            (length != int(seen.headers["content-length"]) or length <= 0, "Content-Range and Content-Length differ"),
            (total is not None and (last >= total or upload.size not in {None, total}), "not the size it had"),
            (length % PIECE and not final, "pieces are multiples of 256 KiB, but for the last"),
            (first > stands or (first < stands and not self.overlaps), "not where this upload stands"),
        )
        if no := next((text for is_so, text in wrong if is_so), None):
            return Reply(400, text=no)
        upload.size = total
        try:
            await take(receive, seen, upload.held, mischief.keep, stands - first)
        except ClientDisconnect:
            del upload.held[len(upload.held) // PIECE * PIECE :]
            raise
        upload.whole = len(upload.held) == total
        return upload.stands()

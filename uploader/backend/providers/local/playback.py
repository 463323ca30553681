"""Serves what was made of a video: playlists, segments, poster, progressive file; in ranges, by fixed content types."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from uploader.backend.problems import problem_response
from uploader.backend.providers.local.signature import Signer

VIDEO_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\.(?:m3u8|m4s|mp4|jpg)")
TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
}
HEADERS = {
    "Cache-Control": "private, max-age=3600",
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Allow-Origin": "*",  # a player on the operator's own site; these addresses take no cookies
}
MASTER, POSTER, PROGRESSIVE = "index.m3u8", "poster.jpg", "progressive.mp4"


class Playback:
    """Answers at /media/{video id}/… and, where playback is signed, at /media/{video id}/{signed}/… only."""

    def __init__(self, folder: Path, base_url: str, signer: Signer | None, clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._base_url = base_url
        self._signer = signer
        self._clock = clock

    def routes(self) -> list[BaseRoute]:
        """To be mounted at the root."""
        return [
            Route("/media/{video_id}/{name}", self._open, methods=["GET"]),
            Route("/media/{video_id}/{signed}/{name}", self._signed, methods=["GET"]),
        ]

    def prefix(self, video_id: str) -> str:
        """The path under which the files of a video are found now, without a slash at the end."""
        signed = self._signer and self._signer.signed(video_id, self._clock())
        return f"/media/{video_id}/{signed}" if signed else f"/media/{video_id}"

    def url(self, video_id: str, name: str) -> str:
        """The whole address of one file."""
        return f"{self._base_url}{self.prefix(video_id)}/{name}"

    async def _open(self, request: Request) -> Response:
        if self._signer is not None:
            return problem_response(403, "This address is no longer valid", "address_expired")
        return self._file(request)

    async def _signed(self, request: Request) -> Response:
        video_id, signed = request.path_params["video_id"], request.path_params["signed"]
        if self._signer is None or not self._signer.good(video_id, signed, self._clock()):
            return problem_response(403, "This address is no longer valid", "address_expired")
        return self._file(request)

    def _file(self, request: Request) -> Response:
        video_id, name = request.path_params["video_id"], request.path_params["name"]
        if not VIDEO_ID.fullmatch(video_id) or not NAME.fullmatch(name):
            return _not_found()
        path = self._folder / video_id / name
        if not path.is_file():
            return _not_found()
        return FileResponse(path, media_type=TYPES[path.suffix], headers=HEADERS)


def _not_found() -> Response:
    return problem_response(404, "Not found", "not_found")

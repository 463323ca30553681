"""The page on which a video plays: HTML without script, nothing from elsewhere, light and dark."""

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime
from html import escape
from pathlib import PurePath
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Route

from uploader.backend.providers.local.playback import MASTER, POSTER, PROGRESSIVE, TYPES, Playback
from uploader.backend.providers.local.signature import Signer
from uploader.backend.providers.local.uploads import NAME
from uploader.backend.store.database import Database
from uploader.backend.store.models import Video

STYLE = """
:root {
  color-scheme: light dark;
  --window: #F6F7F9; --surface: #FFFFFF; --line: #E1E5EA; --text: #14171C; --secondary: #5A6472; --accent: #2F6BFF;
}
@media (prefers-color-scheme: dark) {
  :root {
    --window: #16181C; --surface: #1E2126; --line: #2E333B; --text: #ECEEF2; --secondary: #A0A9B6; --accent: #6C95FF;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; padding: 24px 16px; background: var(--window); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 1080px; margin: 0 auto; }
header { margin: 0 0 16px; color: var(--secondary); font-weight: 600; }
header::before {
  content: ""; display: inline-block; width: 10px; height: 10px; margin-right: 8px; border-radius: 50%;
  background: var(--accent);
}
h1 { margin: 16px 0 4px; font-size: 20px; line-height: 1.3; font-weight: 600; overflow-wrap: anywhere; }
p { margin: 0; color: var(--secondary); }
video {
  display: block; width: 100%; height: auto; max-height: calc(100vh - 160px); background: #000; border-radius: 8px;
  outline-offset: 2px;
}
video:focus-visible { outline: 2px solid var(--accent); }
.card {
  padding: 48px 24px; text-align: center; background: var(--surface); border: 1px solid var(--line); border-radius: 8px;
}
.card h1 { margin-top: 0; }
"""
STYLE_SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Ccircle cx='8' cy='8' r='7' fill='%232F6BFF'/%3E%3C/svg%3E"
)
AGAIN = '<meta http-equiv="refresh" content="5">'

WORDS = {
    "uploading": ("This video is still being uploaded", "It will play here once it has arrived."),
    "processing": ("This video is still being processed", "It will play here in a moment."),
    "error": ("This video could not be processed", "Whoever uploaded it can see why."),
}
UNKNOWN = ("There is no video here", "It may have been deleted, or the address is not complete.")


class Watch:
    """Answers at /watch/{video id}, and at /watch/{video id}/{signed} where playback is signed."""

    def __init__(
        self,
        database: Database,
        playback: Playback,
        base_url: str,
        signer: Signer | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._playback = playback
        self._base_url = base_url
        self._signer = signer
        self._clock = clock

    def routes(self) -> list[BaseRoute]:
        """To be mounted at the root."""
        return [
            Route("/watch/{video_id}", self._page, methods=["GET"]),
            Route("/watch/{video_id}/{signed}", self._page, methods=["GET"]),
        ]

    def url(self, video_id: str) -> str:
        """Where a person watches the video."""
        signed = self._signer and self._signer.signed(video_id, self._clock())
        return f"{self._base_url}/watch/{video_id}" + (f"/{signed}" if signed else "")

    def _page(self, request: Request) -> HTMLResponse:
        video_id, signed = request.path_params["video_id"], request.path_params.get("signed", "")
        video = self._find(video_id) if self._may_watch(video_id, signed) else None
        if video is None:
            return self._card(404, *UNKNOWN)
        if video.status == "ready":
            return self._player(video)
        return self._card(200, *WORDS[video.status], head=AGAIN if video.status in {"uploading", "processing"} else "")

    def _may_watch(self, video_id: str, signed: str) -> bool:
        if self._signer is None:
            return not signed
        return self._signer.good(video_id, signed, self._clock())

    def _find(self, video_id: str) -> Video | None:
        with self._database.read() as session:
            video = session.get(Video, video_id)
        return video if video is not None and video.provider == NAME and video.status != "cancelled" else None

    def _player(self, video: Video) -> HTMLResponse:
        title = escape(PurePath(video.filename).stem or video.filename)
        media = self._playback.prefix(video.id)
        size = f' width="{video.width}" height="{video.height}"' if video.width and video.height else ""
        return self._html(
            200,
            title,
            f'<video controls playsinline preload="metadata" poster="{media}/{POSTER}"{size} aria-label="{title}">'
            f'<source src="{media}/{MASTER}" type="{TYPES[".m3u8"]}">'
            f'<source src="{media}/{PROGRESSIVE}" type="{TYPES[".mp4"]}">'
            "This browser does not play video."
            f"</video><h1>{title}</h1>{_length(video.duration)}",
        )

    def _card(self, status: int, title: str, text: str, head: str = "") -> HTMLResponse:
        return self._html(status, title, f'<div class="card"><h1>{title}</h1><p>{text}</p></div>', head)

    def _html(self, status: int, title: str, body: str, head: str = "") -> HTMLResponse:
        host = f"{urlsplit(self._base_url).scheme}://{urlsplit(self._base_url).netloc}"
        own = f"'self' {host}"
        policy = (
            f"default-src 'none'; style-src {STYLE_SOURCE}; media-src {own}; img-src {own} data:; connect-src {own}; "
            "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
        page = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>{title} · Reelferry</title><link rel="icon" href="{ICON}">{head}<style>{STYLE}</style></head>'
            f"<body><main><header>Reelferry</header>{body}</main></body></html>"
        )
        return HTMLResponse(page, status, {"Content-Security-Policy": policy, "Cache-Control": "no-store"})


def _length(seconds: int | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"<p>{text}</p>"

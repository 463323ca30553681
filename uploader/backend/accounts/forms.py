"""Forms that only the page we served can send: a nonce signed for one browser, and the Origin of the request."""

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.responses import Response

LIFE = timedelta(hours=1)
MOST_FIELDS = 64
TOO_LATE = "This page was open for too long, or the browser keeps no cookies. Try again."
BROWSER = re.compile(r"[A-Za-z0-9_-]{43}")

Pairs = list[tuple[str, str]]


async def read_form(request: Request) -> Pairs:
    """The fields of a form, in order; none when the body is not a form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return []
    try:
        body = (await request.body()).decode("utf-8", "replace")
        return parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return []


FormFields = Annotated[Pairs, Depends(read_form)]


class FormSeal:
    """Seals a form for the browser that asks for it, and checks the seal when the form comes back.

    `purpose` ties the seal to one form: it is no good for another.
    """

    def __init__(self, request: Request, key: str, base_url: str, purpose: str, now: datetime) -> None:
        self._request = request
        self._key = key.encode()
        self._base_url = base_url
        self._purpose = purpose
        self._now = now
        self._secure = base_url.startswith("https:")
        self._cookie = "__Host-reelferry" if self._secure else "reelferry"
        known = request.cookies.get(self._cookie, "")
        self._browser = known if BROWSER.fullmatch(known) else secrets.token_urlsafe(32)

    def seal(self) -> str:
        """What the form carries in its field `seal`."""
        until = int((self._now + LIFE).timestamp())
        return f"{until}.{self._mark(until)}"

    def holds(self, seal: str) -> bool:
        """Whether this request comes from a form we sealed for this browser, in time, from our own page."""
        until, _, mark = seal.partition(".")
        return (
            self._own_page()
            and until.isascii()
            and until.isdigit()
            and len(until) < 16
            and hmac.compare_digest(mark.encode(), self._mark(int(until)).encode())
            and int(until) > self._now.timestamp()
        )

    def keep(self, response: Response) -> Response:
        """Let the browser remember which one it is."""
        response.set_cookie(self._cookie, self._browser, path="/", secure=self._secure, httponly=True, samesite="lax")
        return response

    def _mark(self, until: int) -> str:
        text = "\n".join(("form", self._purpose, self._browser, str(until)))
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def _own_page(self) -> bool:
        site = self._request.headers.get("sec-fetch-site", "same-origin")
        origin = self._request.headers.get("origin")
        host = self._request.headers.get("host")
        ours = {None, self._base_url, f"http://{host}", f"https://{host}"}
        return site == "same-origin" and origin in ours

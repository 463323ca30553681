"""Calls to a provider's API: a time-out on each, a few tries, and every failure in our words with its cause."""

import json
import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, TypeVar

import httpx
import truststore
from pydantic import BaseModel, ValidationError

from uploader.backend.providers.base import ProviderFailed

TIMEOUT = httpx.Timeout(10, connect=5)
TRIES = 3
PAUSE = 0.3
"""Seconds before the second try; twice as many before the third."""

PATIENCE = 12.0
"""Seconds after which no further try begins: somebody waits for us."""

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
NOT_DONE = frozenset({429, 503})
"""With these the provider says that it has not even begun: even a creation may be asked for again."""

Answer = TypeVar("Answer", bound=BaseModel)


@dataclass(frozen=True)
class Api:
    """One provider's API. `headers` carry the credentials; nothing of them appears in an error or in a log.

    A connection is made for each call: calls are rare, and none is left open when the server ends.
    """

    provider: str
    url: str
    headers: Mapping[str, str]
    explain: Callable[[object], str]
    """What the decoded body of a refusal says, in one line; never an address."""
    pause: float = PAUSE

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        """The 2xx reply. Raises ProviderFailed with the status otherwise."""
        until = time.monotonic() + PATIENCE
        with self._client() as client:
            for left in reversed(range(TRIES)):
                failure: ProviderFailed
                try:
                    reply = client.request(method, self.url + path, params=params, headers=headers, json=json)
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    failure = ProviderFailed(f"{self.provider}: {type(error).__name__}: {error}", passing=True)
                    failure.__cause__ = error
                    again = method != "POST" or isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
                else:
                    if reply.is_success:
                        return reply
                    failure = self._refusal(reply)
                    again = reply.status_code in (NOT_DONE if method == "POST" else PASSING)
                wait = self._wait(left, failure.retry_after)
                if not again or left == 0 or time.monotonic() + wait > until:
                    raise failure
                time.sleep(wait)
        raise AssertionError("the last try ends the loop")

    def read(self, kind: type[Answer], reply: httpx.Response) -> Answer:
        """The reply's JSON as a `kind`. Raises ProviderFailed if it is nothing of the sort."""
        try:
            return kind.model_validate_json(reply.content)
        except ValidationError as error:
            raise ProviderFailed(f"{self.provider} answered something that was not understood") from error

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def _client(self) -> httpx.Client:
        return httpx.Client(headers=dict(self.headers), timeout=TIMEOUT, follow_redirects=False, verify=self._trust)

    def _wait(self, left: int, asked: float | None) -> float:
        own = self.pause * float(2 ** (TRIES - 1 - left)) * random.uniform(0.5, 1.5)  # noqa: S311 (spreads load)
        return max(own, asked or 0)

    def _refusal(self, reply: httpx.Response) -> ProviderFailed:
        try:
            why = self.explain(json.loads(reply.content))
        except ValueError:
            why = ""
        message = f"{self.provider} answered {reply.status_code}" + (f" ({why[:300]})" if why else "")
        return ProviderFailed(
            message,
            retry_after=_retry_after(reply.headers.get("retry-after")),
            passing=reply.status_code in PASSING,
            status=reply.status_code,
        )


def _retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header, which may name a number or a date."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())

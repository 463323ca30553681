"""Calls to a provider's API: a time-out on each, a few tries, and every failure in our words with its cause."""

import json
import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from logging import INFO
from typing import Any, TypeVar

import httpx
import truststore
from pydantic import BaseModel, ValidationError

from uploader.backend.providers.base import ProviderFailed

TIMEOUT = httpx.Timeout(10, connect=5)
TRIES = 3
PAUSE = 0.3
"""Seconds before the second try; twice as many before the third."""

LONGEST = 3600.0
"""The longest wait in seconds that a provider is believed: a nonsensical one would end all following of its videos."""

PATIENCE = 12.0
"""Seconds after which no further try begins: somebody waits for us."""

GRACE = 0.7
"""Seconds that a call under way has once the server stops: a request that waits for it is still answered."""

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
NOT_DONE = frozenset({429, 503})
"""With these the provider says that it has not even begun: even a creation may be asked for again."""

Answer = TypeVar("Answer", bound=BaseModel)


@dataclass(frozen=True)
class Api:
    """One provider's API. `headers` carry the credentials; nothing of them appears in an error or in a log.

    A connection is made for each try: calls are rare, and none is left open when the server ends.
    """

    provider: str
    url: str
    headers: Mapping[str, str]
    explain: Callable[[object], str]
    """What the decoded body of a refusal says, in one line; never an address."""
    pause: float = PAUSE
    _stopped: "Future[float]" = field(default_factory=Future, repr=False, compare=False)
    """Once the server stops: until when (`time.monotonic`) answers are waited for."""

    def stop(self) -> None:
        """Nobody is waited for any more: the server is about to end. In any thread; must not block."""
        with suppress(InvalidStateError):  # it has been told before
            self._stopped.set_result(time.monotonic() + GRACE)

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

        def once() -> httpx.Response:
            with self._client() as client:
                return client.request(method, self.url + path, params=params, headers=headers, json=json)

        for left in reversed(range(TRIES)):
            failure: ProviderFailed
            try:
                reply = self._beside(once)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                failure = ProviderFailed(f"{self.provider}: {type(error).__name__}: {error}", passing=True)
                failure.__cause__ = error
                again = method != "POST" or isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
            else:
                if reply.is_success:
                    return reply
                failure = self._refusal(reply)
                again = reply.status_code in (NOT_DONE if method == "POST" else PASSING)
            pause = self._pause(left, failure.retry_after)
            if not again or left == 0 or time.monotonic() + pause > until or self._stopped_within(pause):
                raise failure
        raise AssertionError("the last try ends the loop")

    def _beside(self, request: Callable[[], httpx.Response]) -> httpx.Response:
        """What `request` does, in a thread beside: a connection that hangs must not keep a server that is to end."""
        answer: Future[httpx.Response] = Future()

        def ask() -> None:
            try:
                answer.set_result(request())
            except BaseException as error:  # noqa: BLE001  (whoever waits raises it)
                answer.set_exception(error)

        threading.Thread(target=ask, name=f"asks {self.provider}", daemon=True).start()
        either: tuple[Future[Any], ...] = (answer, self._stopped)
        wait(either, return_when=FIRST_COMPLETED)
        if self._stopped.done():
            wait({answer}, timeout=max(0.0, self._stopped.result() - time.monotonic()))
            if not answer.done():
                raise ProviderFailed(f"{self.provider} did not answer before we stopped", passing=True, level=INFO)
        return answer.result()

    def _stopped_within(self, seconds: float) -> bool:
        wait({self._stopped}, timeout=seconds)
        return self._stopped.done()

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

    def _pause(self, left: int, asked: float | None) -> float:
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
    """Seconds from a Retry-After header, which may name a number or a date; at most `LONGEST`."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), LONGEST)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), LONGEST)

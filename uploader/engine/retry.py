"""When to try again, and when not: one table, one back-off."""

import enum
import math
from collections.abc import Callable

from uploader.errors import (
    FileGrowing,
    FileMissing,
    KeyringTrouble,
    Metered,
    ProxyRefused,
    ReelferryError,
    SignInFailed,
    SignInNeeded,
    StartOver,
    Transient,
)

FIRST = 1.0
MOST = 300.0


class Verdict(enum.Enum):
    """What the queue does after an error."""

    AGAIN = "try again after a while, keeping the slot: another job would fare no better"
    FILE = "give the slot to others and watch for the file"
    PERSON = "give the slot to others and wait until somebody has signed in or unlocked something"
    LINE = "give the slot to others and wait until another network, or a person, changes how we connect"
    START_OVER = "ask the backend what it knows, then go on or begin anew"
    FAIL = "stop, with words"


def verdict(error: ReelferryError) -> Verdict:
    """What an error means for a job. The most particular class wins."""
    match error:
        case FileMissing() | FileGrowing():
            return Verdict.FILE
        case Transient():
            return Verdict.AGAIN
        case SignInNeeded() | SignInFailed() | KeyringTrouble():
            return Verdict.PERSON
        case ProxyRefused() | Metered():
            return Verdict.LINE
        case StartOver():
            return Verdict.START_OVER
        case _:
            return Verdict.FAIL


class Backoff:
    """Exponential from 1 s to 5 min with full jitter, so that many clients do not come back together."""

    def __init__(self, random: Callable[[], float], *, most: float = MOST) -> None:
        self._random = random
        self._most = most
        self._failures = 0

    def failed(self, retry_after: float | None = None) -> float:
        """Seconds to wait after one more failure; never less than the server asked for."""
        ceiling = min(self._most, math.ldexp(FIRST, min(self._failures, 32)))
        self._failures += 1
        return max(self._random() * ceiling, retry_after or 0.0)

    def reset(self) -> None:
        """Something was confirmed: the line is not dead."""
        self._failures = 0

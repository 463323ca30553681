"""Everything the engine says: frozen facts, past participles, safe to hand to another thread."""

import enum
from dataclasses import dataclass

from uploader.engine.job import Job, Trouble
from uploader.uplink import Allowed, Uplink
from uploader.wire import Community, Me, ServerConfig


@dataclass(frozen=True, slots=True)
class Changed:
    """A job is new, or not what it was. While bytes move, at most ten of these a second and job."""

    job: Job


@dataclass(frozen=True, slots=True)
class Removed:
    """A job left the list."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Ordered:
    """The list has a new order: every id, first to last."""

    job_ids: tuple[str, ...]


class AccountState(enum.StrEnum):
    """Whether we may speak to the server."""

    UNKNOWN = "unknown"
    SIGNED_OUT = "signed_out"
    SIGNED_IN = "signed_in"
    SIGN_IN_NEEDED = "sign_in_needed"
    KEYRING_LOCKED = "keyring_locked"
    KEYRING_ABSENT = "keyring_absent"


@dataclass(frozen=True, slots=True)
class Account:
    """Who is signed in, where they may post, and what the server takes.

    `me`, `communities` and `config` are what the server said last, kept while it is out of reach. `trouble` is why they
    could not be asked for anew, or why nobody is signed in.
    """

    state: AccountState = AccountState.UNKNOWN
    me: Me | None = None
    communities: tuple[Community, ...] = ()
    config: ServerConfig | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """Whether the server can be reached, and how fast all transfers together are, in bytes per second.

    `held` is why no file may be sent over this network, until a person says "upload anyway".
    """

    online: bool
    rate: float
    held: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Limited:
    """How much of the line uploads may take: what a person chose, what holds now, and, while nothing may, why."""

    chosen: Uplink
    now: Allowed
    held: Trouble | None = None


Fact = Changed | Removed | Ordered | Account | Network | Limited

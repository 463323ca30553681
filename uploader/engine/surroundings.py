"""What the system says of the network this computer is on, and whether files may be sent over it."""

from collections.abc import Callable
from dataclasses import dataclass

from uploader.engine.job import Trouble
from uploader.errors import CaptivePortal, Metered, ReelferryError


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One network. `metered`: bytes cost money; `captive`: it wants a sign-in first; `name` tells it from the next."""

    metered: bool = False
    captive: bool = False
    name: str = ""


class Permission:
    """Holds uploads on a network that costs money or wants a sign-in, until a person says to upload all the same.

    That it wants a sign-in is what the system says, or what was answered in the place of a server. The person's word
    holds for this network; on the next one it is forgotten. `hold` is told why nothing may be sent (None: it may),
    whenever that changes.
    """

    def __init__(self, hold: Callable[[Trouble | None], None], *, pause_when_metered: bool = True) -> None:
        self._hold = hold
        self._pause_when_metered = pause_when_metered
        self._here = Surroundings()
        self._portal = False
        self._anyway = False
        self._why: Trouble | None = None

    def look(self, here: Surroundings) -> None:
        """The computer is on this network now. Before the first name it was on the same one, which nobody had named."""
        if here.name != self._here.name:
            self._portal = False
            self._anyway = self._anyway and not self._here.name
        self._here = here
        self._decide()

    def portal(self, seen: bool) -> None:
        """Whether a sign-in page answers here instead of a server."""
        self._portal = seen
        self._decide()

    def upload_anyway(self) -> None:
        """A person said so."""
        self._anyway = True
        self._decide()

    def pause_when_metered(self, on: bool) -> None:
        """Whether a metered network is a reason to wait."""
        self._pause_when_metered = on
        self._decide()

    def _decide(self) -> None:
        why: Trouble | None = None
        if not self._anyway and (self._here.captive or self._portal):
            why = _in_words(CaptivePortal)
        elif not self._anyway and self._here.metered and self._pause_when_metered:
            why = _in_words(Metered)
        if why != self._why:
            self._why = why
            self._hold(why)


def _in_words(kind: type[ReelferryError]) -> Trouble:
    return Trouble(kind.code, kind.title, kind.hint)

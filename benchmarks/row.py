"""One line of the result: ours beside a peer's, and whether the goal is met."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """Everything in the words it is printed in, but for the verdict."""

    name: str
    ours: str
    peer: str
    ratio: str
    goal: str
    met: bool

    def __str__(self) -> str:
        verdict = "ok" if self.met else "short"
        return f"{self.name:<58} {self.ours:>12} {self.peer:>12} {self.ratio:>10} {self.goal:>10}  {verdict}"


HEADING = f"{'name':<58} {'ours':>12} {'peer':>12} {'ratio':>10} {'goal':>10}"


def at_least(name: str, ours: float, peer: float, unit: str, goal: float) -> Row:
    """More is better: ours has to be `goal` times the peer's."""
    ratio = ours / peer
    return Row(name, _said(ours, unit), _said(peer, unit), f"{ratio:.2f} ×", f"≥ {goal:g} ×", ratio >= goal)


def at_most(name: str, ours: float, peer: float, unit: str, goal: float) -> Row:
    """Less is better: ours may be `goal` times the peer's."""
    ratio = ours / peer
    return Row(name, _said(ours, unit), _said(peer, unit), f"{ratio:.2f} ×", f"≤ {goal:g} ×", ratio <= goal)


def no_more_than(name: str, ours: float, peer: float, unit: str, goal: float) -> Row:
    """Ours has to stay below `goal`, in `unit`; the peer's is there to compare with."""
    ratio = f"{ours / peer:.2f} ×" if peer else "–"
    return Row(name, _said(ours, unit), _said(peer, unit), ratio, f"≤ {_said(goal, unit)}", ours <= goal)


def within(name: str, ours: float, wanted: float, unit: str, goal: float) -> Row:
    """Ours may differ from what is wanted by the part `goal` of it, either way."""
    ratio = ours / wanted
    return Row(name, _said(ours, unit), _said(wanted, unit), f"{ratio:.3f} ×", f"± {goal:.0%}", abs(ratio - 1) <= goal)


def beyond(name: str, ours: float, peer: float, unit: str, goal: float) -> Row:
    """Ours may be above the peer's by `goal`, in `unit`."""
    more = ours - peer
    return Row(
        name, _said(ours, unit), _said(peer, unit), f"+ {_said(more, unit)}", f"≤ + {goal:g} {unit}", more <= goal
    )


def _said(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}" if abs(value) < 100 else f"{value:.0f} {unit}"

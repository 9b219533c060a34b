"""How far the whole of some work is, and how long it may still take, from the steps that it consists of.

Steps are of different kinds: samplings go on side by side and tell how far they are, figures and checks follow one by
one. Each has an expected duration, which what is seen replaces: of a step that is under way, its time so far over the
share of it that is done; of one still to come, the expected one times how much slower or faster than expected the steps
before it were.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Forecast", "Step", "duration_words"]

_TOLD: Final = 0.03
"""Share of a step from which on its own pace counts."""


def _now() -> float:
    return time.monotonic()


@dataclass(frozen=True)
class Step:
    """A piece of work.

    Attributes
    ----------
    expected
        Seconds that it takes, roughly.
    side_by_side
        How many of its kind go on at once; steps of another number are of another kind.
    """

    expected: float
    side_by_side: int = 1


@dataclass
class _State:
    begun: float | None = None
    ended: float | None = None
    done: float = 0.0


@dataclass
class Forecast:
    """The state of some steps.

    Attributes
    ----------
    steps
        All of them, in the order in which they begin.
    clock
        Gives seconds.
    """

    steps: Sequence[Step]
    clock: Callable[[], float] = _now
    _states: list[_State] = field(init=False)
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._states = [_State() for _ in self.steps]
        self._started = self.clock()

    def update(self, index: int, done: float) -> None:
        """Take the share of a step that is done; 0 begins it, 1 ends it, and one ended without a begin is left out."""
        state = self._states[index]
        if state.ended is not None:
            return
        state.done = min(max(done, 0.0), 1.0)
        if done >= 1.0:
            state.ended = self.clock()
        elif state.begun is None:
            state.begun = self.clock()

    @property
    def n_ended(self) -> int:
        """Steps that are done."""
        return sum(state.ended is not None for state in self._states)

    @property
    def left(self) -> float:
        """Seconds until all are done, roughly."""
        now = self.clock()
        pace = self._pace(now)
        total = 0.0
        for kind in dict.fromkeys(step.side_by_side for step in self.steps):
            each = [
                self._left_of(step, state, now, pace)
                for step, state in zip(self.steps, self._states, strict=True)
                if step.side_by_side == kind and state.ended is None
            ]
            total += max(sum(each) / kind, max(each, default=0.0))
        return total

    @property
    def fraction(self) -> float:
        """The share of the whole time that is over, 0 to 1."""
        if self.n_ended == len(self.steps):
            return 1.0
        elapsed, left = self.clock() - self._started, self.left
        return elapsed / (elapsed + left) if elapsed + left > 0.0 else 0.0

    def _pace(self, now: float) -> float:
        """Return how many seconds went by for each expected one, in what was done so far; 1 before that is known."""
        seen = expected = 0.0
        for step, state in zip(self.steps, self._states, strict=True):
            if state.begun is not None and state.done >= _TOLD:
                seen += (state.ended or now) - state.begun
                expected += step.expected * state.done
        return seen / expected if seen > 0.0 and expected > 0.0 else 1.0

    def _left_of(self, step: Step, state: _State, now: float, pace: float) -> float:
        if state.begun is None:
            return step.expected * pace
        went = now - state.begun
        if state.done >= _TOLD:
            return went * (1.0 - state.done) / state.done
        return max(step.expected * pace - went, 0.1 * went)


def duration_words(seconds: float) -> str:
    """Return a duration as it is read.

    Examples
    --------
    >>> [duration_words(one) for one in (3.2, 75.0, 4000.0)]
    ['3 s', '1 min 15 s', '1 h 07 min']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"

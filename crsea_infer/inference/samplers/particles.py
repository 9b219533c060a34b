"""The particles of tempered sequential Monte Carlo: where they are, how they came there, and the next step.

What they hold is all that a checkpoint needs: random numbers come from the run's seed and the number of the step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field

from crsea_infer.inference.samplers.particle_moves import Lengths
from crsea_infer.inference.samplers.sampler import child_seed, draw_from_prior, to_unit
from crsea_infer.inference.samplers.states import Calls, Kept, Seconds, StateEntry, kept_state
from crsea_infer.inference.samplers.temperatures import evidence_of_all, next_temperature, resampled
from crsea_infer.support.array_schema import ArraySpec

if TYPE_CHECKING:
    from crsea_infer.inference.samplers.particle_movers import Mover
    from crsea_infer.inference.samplers.sampler import Counted
    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.checkpoint import Checkpoint

__all__ = ["Particles"]

_FIRST_LENGTH = 0.5
_PARTS = ("unit", "log_likelihood", "log_weights")
_HALVES = 2
_OF_STEPS = ArraySpec(("rise",), numbers="not negative", may_be_empty=True)
_STATE = {
    "points": ArraySpec(("subrun", "particle", "parameter")),
    "log_likelihood": ArraySpec(("subrun", "particle")),
    "log_share": ArraySpec(("subrun",)),
    "turn": ArraySpec(("subrun",)),
    "difference": ArraySpec(("subrun",)),
    "betas": ArraySpec(("step", "subrun"), numbers="not negative"),
    "history": ArraySpec(("step", "subrun", "particle")),
    "moves": _OF_STEPS,
    "remembered": ArraySpec(("rise",), may_be_empty=True),
    "taken": _OF_STEPS,
    **{f"{half}/unit": ArraySpec((f"draw {half}", "parameter"), required=False) for half in range(_HALVES)},
    **{
        f"{half}/{name}": ArraySpec((f"draw {half}",), numbers="log", required=False)
        for half in range(_HALVES)
        for name in _PARTS[1:]
    },
}


class _Plain(StateEntry):
    """Beside the arrays."""

    n_calls: Calls
    wall_s: Seconds
    halves: Annotated[int, Field(ge=0, le=_HALVES)]


def _check(kept: Kept[_Plain], target: Target) -> None:
    """Hold arrays that passed the schema against each other and against the likelihood."""
    arrays, betas = kept.arrays, kept.arrays["betas"]
    kept.require(
        len(arrays["moves"]) == len(betas) - 1, f"{len(arrays['moves'])} rises of {len(betas)} powers", "one less"
    )
    rises = np.diff(betas, axis=0)
    kept.require(
        np.all(betas[0] == 0.0) and np.all(rises >= 0.0) and np.all(betas <= 1.0),
        "powers of the likelihood that do not rise from 0 to 1",
        "powers as the sampler raises them",
    )
    kept.require(np.all(arrays["log_share"] <= 0.0), "a share of the prior above 1", "shares")
    kept.require(
        np.array_equal(arrays["history"][-1], arrays["log_likelihood"]),
        "a history that does not end where the particles are",
        "the work of this sampler",
    )
    there = [half for half in range(_HALVES) if any(f"{half}/{name}" in arrays for name in _PARTS)]
    kept.require(
        there == list(range(kept.plain.halves))
        and all(f"{half}/{name}" in arrays for half in there for name in _PARTS),
        f"weighted draws of {len(there)} halves",
        f"those of {kept.plain.halves}, whole",
    )
    points = arrays["points"].reshape(-1, arrays["points"].shape[-1])
    kept.hold_against(target, to_unit(points), arrays["log_likelihood"].ravel())
    for half in there:
        unit = arrays[f"{half}/unit"]
        kept.require(np.all((unit >= 0.0) & (unit <= 1.0)), "draws outside the unit cube", "draws within it")
        kept.hold_against(target, unit, arrays[f"{half}/log_likelihood"])


@dataclass
class Particles:
    """k sub-runs of n particles in d dimensions.

    Attributes
    ----------
    points, log_likelihood
        In probit coordinates [k, n, d], and ln L [k, n].
    log_share
        Logarithm of the share of the prior with finite likelihood [k].
    lengths
        Of moves.
    betas
        Inverse temperatures so far [t, k]; the first is 0.
    history
        ln L of the particles at each of them [t, k, n].
    moves, remembered, taken
        At each but the first: moves, largest correlation with the start, share of moves that was accepted [t - 1].
    halves
        Weighted draws of each half of the sub-runs: what is done of it.
    wall_s
        Seconds before this process.
    """

    points: Float64
    log_likelihood: Float64
    log_share: Float64
    lengths: Lengths
    betas: Float64
    history: Float64
    moves: Float64
    remembered: Float64
    taken: Float64
    halves: list[dict[str, Float64]] = field(default_factory=list)
    wall_s: float = 0.0

    @classmethod
    def begin(cls, counted: Counted, k: int, n: int, seed: np.random.SeedSequence) -> Self:
        """Draw from the prior."""
        starts = [draw_from_prior(counted, n, np.random.default_rng(child_seed(seed, index))) for index in range(k)]
        points, values, shares = (np.stack([np.asarray(start[part]) for start in starts]) for part in range(3))
        length = np.full(k, np.log(_FIRST_LENGTH))
        none = np.empty(0)
        betas = np.zeros((1, k))
        return cls(points, values, np.log(shares), Lengths(length, length), betas, values[None], none, none, none)

    @classmethod
    def restored(cls, checkpoint: Checkpoint, counted: Counted, k: int, n: int) -> Self | None:
        """Return what a checkpoint holds of k sub-runs of n particles, or None when it holds nothing.

        Raises
        ------
        UserError
            When it is damaged, belongs to something else, or is not what :meth:`arrays` gives.
        """
        sizes = {"subrun": k, "particle": n, "parameter": len(counted.target.names)}
        kept = kept_state(checkpoint, _Plain, _STATE, sizes)
        if kept is None:
            return None
        _check(kept, counted.target)
        counted.n_calls = kept.plain.n_calls
        names = ("points", "log_likelihood", "log_share", "betas", "history", "moves", "remembered", "taken")
        halves = [{name: kept.arrays[f"{half}/{name}"] for name in _PARTS} for half in range(kept.plain.halves)]
        lengths = Lengths(kept.arrays["turn"], kept.arrays["difference"])
        found = {name: kept.arrays[name] for name in names}
        return cls(**found, lengths=lengths, halves=halves, wall_s=kept.plain.wall_s)

    def arrays(self, n_calls: int, wall_s: float) -> dict[str, Any]:
        """Return what a checkpoint needs for an exact continuation."""
        return {
            "points": self.points,
            "log_likelihood": self.log_likelihood,
            "log_share": self.log_share,
            "turn": self.lengths.turn,
            "difference": self.lengths.difference,
            "betas": self.betas,
            "history": self.history,
            "moves": self.moves,
            "remembered": self.remembered,
            "taken": self.taken,
            **{f"{index}/{name}": half[name] for index, half in enumerate(self.halves) for name in _PARTS},
            "plain": {"n_calls": n_calls, "wall_s": wall_s, "halves": len(self.halves)},
        }

    @property
    def arrived(self) -> bool:
        """Whether all sub-runs are at the posterior."""
        return bool(np.all(self.betas[-1] >= 1.0))

    @property
    def fraction(self) -> float:
        """How far the way is gone, roughly: by ln of the power of the likelihood."""
        if len(self.betas) < 2:
            return 0.0
        first, now = np.log(self.betas[1]), np.log(self.betas[-1])
        return float(np.min(np.where(first < 0.0, (now - first) / np.minimum(first, -1e-9) * -1.0, 1.0)))

    @property
    def words(self) -> str:
        """How far they are."""
        return f"power {np.min(self.betas[-1]):.3g} of the likelihood, {int(np.sum(self.moves))} moves"

    def advance(
        self, mover: Mover, effective_share: float, forgotten: float, most_moves: int, seed: np.random.SeedSequence
    ) -> None:
        """Raise the power of the likelihood once, copy and move.

        Sub-runs that have arrived move once more at the posterior.
        """
        own_seed = child_seed(seed, len(self.moves))
        generator = np.random.default_rng(child_seed(own_seed, 0))
        before = self.betas[-1]
        pairs = list(zip(self.log_likelihood, before, strict=True))
        after = np.array([next_temperature(values, beta, effective_share) for values, beta in pairs])
        rise = (after - before)[:, None] * self.log_likelihood
        chosen = np.stack([resampled(log_weights, generator) for log_weights in rise])
        settled = mover.settle(
            np.take_along_axis(self.points, chosen[..., None], axis=1),
            np.take_along_axis(self.log_likelihood, chosen, axis=1),
            after,
            self.lengths,
            child_seed(own_seed, 1),
            forgotten,
            most_moves,
        )
        self.points, self.log_likelihood, self.lengths = settled.points, settled.log_likelihood, settled.lengths
        self.betas = np.concatenate([self.betas, after[None]])
        self.history = np.concatenate([self.history, settled.log_likelihood[None]])
        self.moves = np.append(self.moves, settled.moves)
        self.remembered = np.append(self.remembered, settled.remembered)
        self.taken = np.append(self.taken, settled.taken)

    def of_half(self, half: int) -> Float64:
        """Return the particles [m, d] of every other sub-run."""
        own = self.points[half::2]
        return np.asarray(own.reshape(-1, own.shape[-1]))

    def evidences(self) -> tuple[Float64, Float64]:
        """Return ln Z of each sub-run, and the error that it has if particles are independent [k]."""
        found = [evidence_of_all(self.history[:, k], self.betas[:, k]) for k in range(len(self.points))]
        lnz, errors = np.array(found).T
        return lnz + self.log_share, errors

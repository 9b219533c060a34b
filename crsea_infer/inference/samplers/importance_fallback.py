"""What takes over where importance sampling quotes no evidence: tempered sequential Monte Carlo.

Its unfinished work is kept in the checkpoint of the importance sampling that it continues, beside the repetitions that
were refused, so that a run that was killed goes on there too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.inference.samplers.tempered_particles import Smc
from crsea_infer.support.checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

    from crsea_infer.inference.samplers.sampler import Progress, SamplerResult
    from crsea_infer.inference.target import Target

__all__ = ["Before", "taken_over"]

_PREFIX: Final = "fallback_"


def taken_over(
    refused: SamplerResult, target: Target, seed: np.random.SeedSequence, checkpoint: Checkpoint, progress: Progress
) -> SamplerResult:
    """Sample with `smc` and its default options; return its result under the name of the one that was refused.

    The method of the evidence and the diagnostics say what happened; calls and seconds of both are added up.

    Parameters
    ----------
    refused
        A result without an evidence.
    checkpoint
        Where the sampling that was refused keeps its work.
    """
    result = Smc().run(target, seed, _Within(checkpoint), lambda share, words: progress(share, f"smc: {words}"))
    told = {name: refused.diagnostics[name] for name in ("effective_samples", "pareto_k_hat")}
    return replace(
        result,
        sampler=refused.sampler,
        n_calls=refused.n_calls + result.n_calls,
        wall_s=refused.wall_s + result.wall_s,
        diagnostics={
            **result.diagnostics,
            "importance_refused": str(refused.diagnostics["status"]),
            **{f"importance_{name}": value for name, value in told.items()},
        },
    )


class Before(Checkpoint):
    """What a checkpoint holds of the sampler that was refused, without that of the one that took over."""

    def __init__(self, outer: Checkpoint) -> None:
        super().__init__(outer.path, outer.identity)
        self._outer = outer

    def load(self) -> dict[str, Any]:
        """Return what was kept."""
        kept = {name: value for name, value in self._outer.load().items() if not name.startswith(_PREFIX)}
        if "plain" in kept:
            kept["plain"] = {name: value for name, value in kept["plain"].items() if name != _PREFIX}
        return kept


class _Within(Checkpoint):
    """A checkpoint within that of another sampler, of which everything is kept."""

    def __init__(self, outer: Checkpoint) -> None:
        super().__init__(outer.path, outer.identity)
        self._outer = outer
        kept = outer.load()
        self._others = {name: value for name, value in kept.items() if not name.startswith(_PREFIX) and name != "plain"}
        self._plain = {name: value for name, value in kept.get("plain", {}).items() if name != _PREFIX}

    def load(self) -> dict[str, Any]:
        """Return what was kept of the inner sampler."""
        kept = self._outer.load()
        if _PREFIX not in kept.get("plain", {}):
            return {}
        own = {name.removeprefix(_PREFIX): value for name, value in kept.items() if name.startswith(_PREFIX)}
        return {**own, "plain": kept["plain"][_PREFIX]}

    def save(self, arrays: Mapping[str, Any]) -> None:
        """Write now, with what the outer sampler has kept."""
        self._outer.save(self._together(arrays))

    def offer(self, arrays: Callable[[], Mapping[str, Any]]) -> bool:
        """Write if the last write is long enough ago; return whether it was."""
        return self._outer.offer(lambda: self._together(arrays()))

    def _together(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        own = {f"{_PREFIX}{name}": value for name, value in arrays.items() if name != "plain"}
        return {**self._others, **own, "plain": {**self._plain, _PREFIX: arrays["plain"]}}

"""Importance evidence: ln Z as the mean weight of draws from a fitted proposal.

From a cold start in the prior, a short ensemble of walkers finds the posterior, and scouts look for peaks that it
missed (:mod:`crsea_infer.inference.samplers.scouts`); a proposal is fitted to both, for each peak by itself
(:mod:`crsea_infer.inference.samplers.peaks_apart`), and improved in a few rounds
(:mod:`crsea_infer.inference.samplers.population`); fresh draws from that proposal are weighted with prior times
likelihood over proposal. All in probit coordinates and all in batches. The whole is done twice with independent random
numbers.

The estimate is withheld, with the reason, when the effective sample is small, when the tail of the weights is too heavy
(Pareto k-hat), or when the repetitions disagree, as they do when only one of them finds a second peak. Before that, a
repetition whose weights fail improves its proposal once more, from the weighted draws, and tries every step by as many
draws as count in the end: few can hide a tail; the error is larger then. Where all this does not help,
:mod:`crsea_infer.inference.samplers.tempered_particles` takes over, unless it is told not to.
It stands beside nested sampling, never instead of it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.importance_fallback import Before, taken_over
from crsea_infer.inference.samplers.options import Count, SamplerOptions, require
from crsea_infer.inference.samplers.peaks_apart import improved_apart
from crsea_infer.inference.samplers.population import Improving, thinned
from crsea_infer.inference.samplers.sampler import (
    CONVERGED,
    Counted,
    Sampler,
    SamplerResult,
    child_seed,
    draw_from_prior,
    standard_normal_log_density,
    to_probit,
    to_unit,
)
from crsea_infer.inference.samplers.scouts import find_peaks, missed_peaks
from crsea_infer.inference.samplers.short_walks import walked
from crsea_infer.inference.samplers.states import START_AGAIN, finished_parts, save_parts
from crsea_infer.inference.samplers.weighted_draws import Estimate, refusals
from crsea_infer.support.array_schema import ArraySpec
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.inference.samplers.peaks_apart import Joined
    from crsea_infer.inference.samplers.proposals import Proposal
    from crsea_infer.inference.samplers.sampler import Progress
    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.checkpoint import Checkpoint

__all__ = ["Importance", "ImportanceOptions"]

_BLOCK = 4096
_TRIAL = 8  # draws by which a proposal is tried: one in so many of those that count, and at least 500
_MOST_COMPONENTS = 64  # more take long to fit, and follow noise
_OF_SECOND: Final = 1.5  # on the error where a second proposal was needed: such weights often lack a tail
_ROUNDING = 1e-6
_NUMBER = ArraySpec((), ("i8",), "not negative")
_REPETITION = {
    "unit": ArraySpec(("draw", "parameter"), numbers="not negative"),
    "log_likelihood": ArraySpec(("draw",), numbers="log"),
    "log_weights": ArraySpec(("draw",), numbers="log"),
    "scouts": _NUMBER,
    "peaks": _NUMBER,
    "missed": _NUMBER,
    "second": _NUMBER,
    "n_calls": _NUMBER,
    "wall_s": ArraySpec((), numbers="not negative"),
}


class ImportanceOptions(SamplerOptions):
    """Options of the importance evidence.

    Attributes
    ----------
    repetitions
        Independent repetitions, at least 2.
    scouts
        Draws of the prior from which peaks are looked for; 0 for no search.
    walkers, steps
        Size and length of the ensemble that finds the posterior.
    components
        Most components of the proposal, at least 4; a quarter as many and a single one are tried as well.
    rounds
        How often proposals are fitted at most.
    freedom
        Least degrees of freedom of its Student-t distributions; half the number of parameters where that is more.
    prior_share
        Share of the prior in the proposal.
    draws
        Weighted draws of each repetition.
    least_effective
        Effective sample below which no evidence is quoted.
    fallback
        What takes over where no evidence can be quoted: the sampler "smc" with its default options, or "none".
    """

    repetitions: Count = Field(default=2, ge=2)
    scouts: Count = Field(default=4096, ge=0)
    walkers: Count = Field(default=256, ge=16, multiple_of=2)
    steps: Count = Field(default=400, ge=40)
    components: int = Field(default=16, ge=4, le=_MOST_COMPONENTS)
    rounds: Count = Field(default=8, ge=2)
    freedom: float = Field(default=3.0, gt=0.0)
    prior_share: float = Field(default=0.03, gt=0.0, lt=1.0)
    draws: Count = Field(default=24000, ge=1000)
    least_effective: float = Field(default=500.0, ge=100.0)
    fallback: Literal["smc", "none"] = "smc"

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        require(self.scouts == 0 or self.scouts >= 100, "scouts", self.scouts, "0 or an integer >= 100")
        return self


@dataclass(frozen=True)
class Importance(Sampler):
    """Importance sampling from a fitted mixture."""

    name: ClassVar[str] = "importance"
    title: ClassVar[str] = "importance sampling"
    gives_evidence: ClassVar[bool] = True
    duration: ClassVar[float] = 0.2
    precedence: ClassVar[int] = 7
    references: ClassVar[tuple[str, ...]] = ("arXiv:1202.3665", "arXiv:1507.02646")
    Options: ClassVar[type[SamplerOptions]] = ImportanceOptions

    options: ImportanceOptions = field(default_factory=ImportanceOptions)

    def check(self, target: Target) -> None:
        """Refuse fewer walkers than twice the parameters; see :class:`Sampler`."""
        least = 2 * len(target.names)
        if self.options.walkers < least:
            raise UserError(
                f"importance.walkers = {self.options.walkers} for {len(target.names)} parameters",
                valid=f"an even number >= {least}, twice the number of parameters",
                fix=f"write walkers = {least} or more under [samplers.importance]",
            )

    def run(
        self, target: Target, seed: np.random.SeedSequence, checkpoint: Checkpoint, progress: Progress
    ) -> SamplerResult:
        """Sample; see :class:`~crsea_infer.inference.samplers.sampler.Sampler`."""
        self.check(target)
        options = self.options
        sizes = {"draw": options.draws}
        parts: list[dict[str, Any]] = [
            *finished_parts(Before(checkpoint), _REPETITION, target, options.repetitions, sizes=sizes)
        ]
        for index, part in enumerate(parts):
            _check_repetition(part, options.prior_share, f"the checkpoint {checkpoint.path}, part {index + 1}")
        for index in range(len(parts), options.repetitions):
            own_seed = child_seed(seed, index)

            def tell(fraction: float, message: str, index: int = index) -> None:
                words = f"repetition {index + 1}/{options.repetitions}, {message}"
                progress((index + fraction) / options.repetitions, words)

            parts.append(_repetition(target, options, own_seed, tell))
            save_parts(checkpoint, parts)
        result = self._result(target, parts)
        if result.evidence is not None or options.fallback == "none":
            return result
        return taken_over(result, target, child_seed(seed, options.repetitions), checkpoint, progress)

    def _result(self, target: Target, parts: Sequence[dict[str, Any]]) -> SamplerResult:
        options = self.options
        estimates = [Estimate.of(part["log_weights"]) for part in parts]
        log_weights = np.concatenate([part["log_weights"] for part in parts])
        together = Estimate.of(log_weights)
        lnzs = np.array([estimate.lnz for estimate in estimates])
        scatter = float(np.std(lnzs, ddof=1) / np.sqrt(len(lnzs)))
        refused = refusals(estimates, options.least_effective)
        evidence = None
        second = sum(int(part.get("second", 0)) for part in parts)
        if not refused:
            error = max(together.lnz_err, scatter) * (_OF_SECOND if second else 1.0)
            evidence = Evidence(together.lnz, error, "importance sampling")
        unit = np.concatenate([part["unit"] for part in parts])
        log_likelihood = np.concatenate([part["log_likelihood"] for part in parts])
        useful = np.isfinite(log_weights)
        return SamplerResult(
            sampler=self.name,
            names=tuple(target.names),
            samples=np.asarray(target.prior_transform(unit[useful])),
            unit_samples=unit[useful],
            log_weights=log_weights[useful],
            log_likelihood=log_likelihood[useful],
            evidence=evidence,
            n_calls=int(sum(int(part["n_calls"]) for part in parts)),
            wall_s=float(sum(float(part["wall_s"]) for part in parts)),
            diagnostics={
                "status": "; ".join(refused) + ": no evidence is quoted" if refused else CONVERGED,
                "effective_samples": together.effective,
                "pareto_k_hat": max(estimate.k_hat for estimate in estimates),
                "lnz_err_weights": together.lnz_err,
                "lnz_err_scatter": scatter,
                "scouts": float(sum(int(part["scouts"]) for part in parts)),
                "peaks": float(max(int(part["peaks"]) for part in parts)),
                "second_proposals": float(second),
                "peaks_missed_by_walkers": float(max(int(part["missed"]) for part in parts)),
                **{f"lnz_repetition_{index + 1}": float(value) for index, value in enumerate(lnzs)},
            },
        )


def _check_repetition(part: dict[str, Any], prior_share: float, where: str) -> None:
    """Refuse weights beyond the largest there are: the prior's over its share of the proposal.

    Raises
    ------
    UserError
        Where a point has a larger one.
    """
    finite = np.isfinite(part["log_likelihood"])
    excess = part["log_weights"][finite] - part["log_likelihood"][finite] + np.log(prior_share)
    if np.any(excess > _ROUNDING) or np.any(np.isfinite(part["log_weights"]) & ~finite):
        raise UserError(f"{where}: log_weights do not belong to ln L", valid="weights of these draws", fix=START_AGAIN)


def _repetition(
    target: Target, options: ImportanceOptions, seed: np.random.SeedSequence, progress: Progress
) -> dict[str, Any]:
    """Find the posterior, fit the proposal, draw and weight: one estimate, from the start."""
    started = time.perf_counter()
    counted = Counted(target)
    seeds = [child_seed(seed, index) for index in range(5)]
    points = _explore(counted, options, seeds[0], seeds[1], progress)
    peaks, n_scouts = find_peaks(counted, options.scouts, np.random.default_rng(seeds[4]))
    n_missed = len(missed_peaks(peaks, points))
    progress(0.5, "fitting the proposal")
    how = Improving(
        sizes=(1, options.components // 4, options.components) if options.components > 4 else (1, options.components),
        freedom=options.freedom,
        prior_share=options.prior_share,
        rounds=options.rounds,
        n_trial=max(options.draws // _TRIAL, 500),
    )
    proposal = improved_apart(points, peaks, counted.log_target, how, seeds[2])

    def tell(share: float, message: str) -> None:
        progress(0.5 + 0.5 * share, message)

    weighted = _weighted(proposal, counted, options.draws, seeds[3], tell)
    estimate = Estimate.of(weighted["log_weights"])
    second = bool(refusals([estimate], options.least_effective)) and estimate.effective > 1.0
    if second:  # the weights would be refused: other proposals, from what they say; once, since gates tried often pass
        for_fit, for_draws = child_seed(seed, 5), child_seed(seed, 6)
        points, weights = thinned(to_probit(weighted["unit"]), weighted["log_weights"], np.random.default_rng(for_fit))
        harder = replace(how, n_trial=options.draws)  # what failed had been chosen by few
        other = improved_apart(points, peaks, counted.log_target, harder, child_seed(for_fit, 0), weights)
        again = _weighted(other, counted, options.draws, for_draws, tell)
        if Estimate.of(again["log_weights"]).effective > estimate.effective:
            weighted = again
    return {
        **weighted,
        "scouts": n_scouts,
        "peaks": len(peaks),
        "missed": n_missed,
        "second": int(second),
        "n_calls": counted.n_calls,
        "wall_s": time.perf_counter() - started,
    }


def _weighted(
    proposal: Proposal | Joined, counted: Counted, n: int, seed: np.random.SeedSequence, tell: Progress
) -> dict[str, Float64]:
    """Draw n points from a proposal and weight them."""
    draws = proposal.draw(n, np.random.default_rng(seed))
    unit = to_unit(draws)
    log_likelihood = np.empty(n)
    for start in range(0, n, _BLOCK):
        log_likelihood[start : start + _BLOCK] = counted.from_unit(unit[start : start + _BLOCK])
        tell(start / n, f"{start} of {n} weighted draws")
    log_weights = log_likelihood + standard_normal_log_density(draws) - proposal.log_density(draws)
    return {"unit": unit, "log_likelihood": log_likelihood, "log_weights": log_weights}


def _explore(
    counted: Counted,
    options: ImportanceOptions,
    for_start: np.random.SeedSequence,
    for_moves: np.random.SeedSequence,
    progress: Progress,
) -> Float64:
    """Walk from the prior to the posterior; return points [n, d] of the second half of the walk."""
    walkers, log_likelihood, _ = draw_from_prior(counted, options.walkers, np.random.default_rng(for_start))
    values = log_likelihood + standard_normal_log_density(walkers)
    return walked(
        counted.log_target, walkers, values, options.steps, for_moves, lambda share, words: progress(0.5 * share, words)
    )

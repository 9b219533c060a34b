"""What a finished run has to say, before it becomes tables, figures or a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.hypotheses.prior_widths import compare_priors
from crsea_infer.inference.evidence import (
    BayesFactor,
    Evidence,
    bayes_factor,
    combine,
    conditional,
    disagreements,
    quotable,
)
from crsea_infer.inference.samplers.registry import sampler_class
from crsea_infer.plan.subsets import ALL, CONDITIONAL, TRAINING
from crsea_infer.report.results.shown_run import shown_data
from crsea_infer.report.results.spectrum_curves import N_CURVES, all_curves

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.analysis.best_fit import BestFit
    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.inference.samplers.sampler import SamplerResult
    from crsea_infer.plan.run_file import RunFile
    from crsea_infer.report.results.shown_run import ShownData
    from crsea_infer.report.results.spectrum_curves import Curve
    from crsea_infer.support.arrays import Float64

__all__ = ["HypothesisSummary", "RunSummary", "Sampling", "effective_samples", "shown_sampler"]

_SEED, _N_PRIOR = 1, 1000


@dataclass(frozen=True, eq=False)
class Sampling:
    """A hypothesis sampled with some of its data.

    Attributes
    ----------
    posterior
        Prior and likelihood of these data.
    results
        Of each sampler, by name; of all variants together where the run has any.
    variants
        Of each variant alone, by name.
    """

    posterior: Posterior
    results: Mapping[str, SamplerResult]
    variants: Mapping[str, Mapping[str, SamplerResult]] = field(default_factory=dict)

    @property
    def converged(self) -> tuple[str, ...]:
        """Names of the samplers that say of themselves that they converged."""
        return tuple(name for name, result in self.results.items() if result.converged)


@dataclass(frozen=True, eq=False)
class HypothesisSummary:
    """One hypothesis of a finished run.

    Attributes
    ----------
    posterior
        Prior, likelihood and predictions.
    results
        Of each sampler, by name.
    best_fit
        Where it fits best, and how well.
    draws
        Equally weighted posterior parameters [n_draws, n], in random order, of the sampler `shown`.
    others
        Samplings with a part of the data: TRAINING, or the groups between which tension is sought.
    variants
        Results of each variant alone, variant -> sampler -> result.
    """

    posterior: Posterior
    results: Mapping[str, SamplerResult]
    best_fit: BestFit
    draws: Float64
    others: Mapping[str, Sampling] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, SamplerResult]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the hypothesis."""
        return self.posterior.hypothesis.name

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return self.posterior.hypothesis.title

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The n sampled parameters."""
        return self.posterior.parameters

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return self.posterior.names

    @property
    def shown(self) -> str:
        """The sampler whose posterior figures and posterior.nc show."""
        return shown_sampler(self.results)

    @property
    def shown_words(self) -> str:
        """The same, and that it did not converge, where it did not."""
        return self.shown if self.results[self.shown].converged else f"{self.shown}, not converged"

    @cached_property
    def samplings(self) -> dict[str, Sampling]:
        """All samplings by the data they saw, ALL first."""
        return {ALL: Sampling(self.posterior, self.results, self.variants), **self.others}

    @property
    def is_trained(self) -> bool:
        """Whether its evidence is conditional on a training set."""
        return TRAINING in self.others

    @cached_property
    def evidences(self) -> dict[str, dict[str, Evidence]]:
        """Evidence by data and sampler; CONDITIONAL is there when the hypothesis is trained."""
        found = {
            data: {name: result.evidence for name, result in sampling.results.items() if result.evidence is not None}
            for data, sampling in self.samplings.items()
        }
        if self.is_trained:
            found[CONDITIONAL] = {
                name: conditional(joint, found[TRAINING][name])
                for name, joint in found[ALL].items()
                if name in found[TRAINING]
            } | {
                name: result.conditional
                for name, result in self.samplings[ALL].results.items()
                if result.conditional is not None
            }
        return found

    @cached_property
    def evidence(self) -> Evidence | None:
        """The evidence to quote, of samplers that converged if any did: the conditional one when it is trained."""
        return combine(quotable(self._evidences_asked_for, self._converged))

    @property
    def evidence_converged(self) -> bool:
        """Whether the evidence to quote comes from samplers that converged."""
        return any(name in self._converged for name in self._evidences_asked_for)

    @property
    def _evidences_asked_for(self) -> dict[str, Evidence]:
        return self.evidences[CONDITIONAL if self.is_trained else ALL]

    @property
    def _converged(self) -> set[str]:
        converged = set(self.samplings[ALL].converged)
        if not self.is_trained:
            return converged
        alone = {name for name, result in self.results.items() if result.conditional is not None}
        return converged & (alone | set(self.samplings[TRAINING].converged))

    @cached_property
    def disagreements(self) -> list[str]:
        """Pairs of samplers whose evidences differ by more than three sigma, in words."""
        return [
            words if data == ALL else f"{data}: {words}"
            for data, evidences in self.evidences.items()
            for words in disagreements(evidences)
        ]

    @cached_property
    def unconverged(self) -> list[str]:
        """Which samplings did not converge, and why, in words."""
        return [
            f"{self.name if data == ALL else f'{self.name} ({data})'}, {name}: {_status(result)}"
            for data, sampling in self.samplings.items()
            for name, result in sampling.results.items()
            if not result.converged
        ]

    @cached_property
    def informativeness(self) -> Float64:
        """How much the data say about each parameter [n], in nats, beyond its prior.

        Kullback-Leibler divergence from prior to posterior, one parameter at a time, in probit coordinates and in the
        normal approximation.
        """
        from crsea_infer.inference.samplers.sampler import to_probit

        result = self.results[self.shown]
        probit = to_probit(result.unit_samples)
        mean = result.weights @ probit
        variance = result.weights @ (probit - mean) ** 2
        return np.asarray(0.5 * (variance + mean**2 - 1.0 - np.log(np.maximum(variance, 1e-12))))

    @cached_property
    def pulls(self) -> dict[str, Float64]:
        """Pulls of each data set [2, n_data], at the points of :data:`crsea_infer.report.results.shown_run.PULLS`."""
        theta = np.stack([self.best_fit.parameters, self.draws.mean(axis=0)])
        predictions = self.posterior.intensities(theta)
        nuisances = self.posterior.nuisance_values(theta)
        return {
            likelihood.name: np.asarray(likelihood.pulls(predictions[likelihood.name], nuisances)).reshape(2, -1)
            for likelihood in self.posterior.likelihoods
        }

    def expected(self, data_set: str) -> Float64 | None:
        """Return what draws of the posterior expect at the points of a data set [n_draws, n_data], None without it."""
        if not any(one.name == data_set for one in self.posterior.likelihoods):
            return None
        return np.asarray(self.posterior.predictions(self.draws[:N_CURVES])[data_set])

    def prior_values(self) -> dict[str, Float64]:
        """Return every parameter at draws of the prior, each [n_draws]; fixed ones too."""
        unit = np.random.default_rng(_SEED).random((_N_PRIOR, len(self.posterior.names)))
        values = self.posterior.values(np.asarray(self.posterior.prior_transform(unit)))
        return {name: np.broadcast_to(np.asarray(value), (_N_PRIOR,)) for name, value in values.items()}


def shown_sampler(results: Mapping[str, SamplerResult]) -> str:
    """Return the sampler whose samples to show, of those that converged if any did: the one of first precedence."""
    good = [name for name, result in results.items() if result.converged] or list(results)
    return min(good, key=lambda name: sampler_class(name).precedence)


@dataclass(frozen=True, eq=False)
class RunSummary:
    """A finished run.

    Attributes
    ----------
    run
        What was run.
    identity
        Hashes and versions that make it this run.
    model
        The sky model.
    hypotheses
        In the order of the run file.
    """

    run: RunFile
    identity: Mapping[str, str]
    model: SkyModel
    hypotheses: tuple[HypothesisSummary, ...]

    @cached_property
    def data_sets(self) -> tuple[ShownData, ...]:
        """The data sets as figures show them."""
        return tuple(shown_data(likelihood) for likelihood in self.run.likelihoods)

    @cached_property
    def curves(self) -> tuple[Curve, ...]:
        """Bands of the posterior of all spectra."""
        return tuple(all_curves(self))

    @cached_property
    def pulls(self) -> dict[str, dict[str, Float64]]:
        """Pulls of all hypotheses, hypothesis -> data set -> [2, n_data]."""
        return {item.name: item.pulls for item in self.hypotheses}

    @property
    def transport(self) -> frozenset[str]:
        """Names of the parameters of transport."""
        return frozenset(self.model.box)

    @property
    def table_meta(self) -> dict[str, str]:
        """What every table of the run says in its header."""
        return {"name": self.run.name, "title": self.run.title, **self.identity}

    @cached_property
    def bayes_factors(self) -> tuple[BayesFactor, ...]:
        """Of each pair of hypotheses that have an evidence."""
        known = [(item.name, item.evidence) for item in self.hypotheses if item.evidence is not None]
        unconverged = {item.name for item in self.hypotheses if not item.evidence_converged}
        return tuple(bayes_factor(*first, *second, unconverged) for first, second in combinations(known, 2))

    @cached_property
    def unequal_priors(self) -> dict[tuple[str, str], str]:
        """How the priors of pairs of hypotheses differ in width, in words; without those that do not."""
        found = {
            (one.name, other.name): compare_priors(
                one.posterior.hypothesis.parameters, other.posterior.hypothesis.parameters
            ).words(one.name, other.name)
            for one, other in combinations(self.hypotheses, 2)
        }
        return {pair: words for pair, words in found.items() if words}

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before believing the numbers."""
        found = []
        for item in self.hypotheses:
            found += [*item.unconverged, *(f"{item.name}: {words}" for words in item.disagreements)]
        return tuple(found)

    @property
    def unconverged(self) -> tuple[str, ...]:
        """Which samplings of the run did not converge, and why."""
        return tuple(words for item in self.hypotheses for words in item.unconverged)

    @cached_property
    def unconverged_shown(self) -> str:
        """Which posteriors in figures and tables are of a sampler that did not converge, for a caption; else empty."""
        names = [f"{item.name} ({item.shown})" for item in self.hypotheses if not item.results[item.shown].converged]
        return f" Not converged: {', '.join(names)}." if names else ""

    @cached_property
    def condition(self) -> str:
        """What the Bayes factors are conditional on, in words; empty for plain ones."""
        subsets = self.run.subsets
        if not subsets.training:
            return ""
        given = "; ".join(
            f"{item.name} given {', '.join(subsets.training[item.name])}"
            if item.name in subsets.training
            else f"{item.name} without a training set"
            for item in self.hypotheses
        )
        return f"Conditional: the probability of {', '.join(subsets.predicted)} after training: {given}"


def effective_samples(result: SamplerResult) -> float:
    """Return how many independent samples those of a sampler are worth: as it says, else by the spread of weights."""
    known = result.diagnostics.get("effective_samples")
    if isinstance(known, int | float):
        return float(known)
    return float(1.0 / np.sum(result.weights**2))


def _status(result: SamplerResult) -> str:
    return str(result.diagnostics.get("status", "convergence unknown"))

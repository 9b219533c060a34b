"""What a finished run has to say, before it becomes tables, figures or a page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.inference.evidence import BayesFactor, Evidence, bayes_factor, combine, disagreements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.arrays import Float64
    from crsea_infer.emulator.model import SkyModel
    from crsea_infer.inference.best_fit import BestFit
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.inference.run_file import RunFile
    from crsea_infer.inference.samplers.base import SamplerResult

__all__ = ["HypothesisSummary", "RunSummary"]

_PREFERRED = ("dynesty", "emcee", "importance")


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
    """

    posterior: Posterior
    results: Mapping[str, SamplerResult]
    best_fit: BestFit
    draws: Float64

    @property
    def name(self) -> str:
        """Name of the hypothesis."""
        return self.posterior.hypothesis.name

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return self.posterior.hypothesis.title

    @property
    def shown(self) -> str:
        """The sampler whose posterior figures and posterior.nc show."""
        return shown_sampler(self.results)

    @cached_property
    def evidence(self) -> Evidence | None:
        """The evidence to quote, out of those of its samplers."""
        return combine(self._evidences)

    @cached_property
    def disagreements(self) -> list[str]:
        """Pairs of samplers whose evidences differ by more than three sigma, in words."""
        return disagreements(self._evidences)

    @property
    def _evidences(self) -> dict[str, Evidence]:
        return {name: result.evidence for name, result in self.results.items() if result.evidence is not None}

    @cached_property
    def informativeness(self) -> Float64:
        """How much the data say about each parameter [n], in nats, beyond its prior.

        Kullback-Leibler divergence from prior to posterior, one parameter at a time, in probit coordinates and in the
        normal approximation.
        """
        from crsea_infer.inference.samplers.base import to_probit

        result = self.results[self.shown]
        probit = to_probit(result.unit_samples)
        mean = result.weights @ probit
        variance = result.weights @ (probit - mean) ** 2
        return np.asarray(0.5 * (variance + mean**2 - 1.0 - np.log(np.maximum(variance, 1e-12))))


def shown_sampler(results: Mapping[str, SamplerResult]) -> str:
    """Return the sampler whose samples to show: dynesty, else emcee, else another."""
    return next((name for name in _PREFERRED if name in results), next(iter(results)))


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

    @property
    def table_meta(self) -> dict[str, str]:
        """What every table of the run says in its header."""
        return {"run": self.run.name, "title": self.run.title, **self.identity}

    @cached_property
    def bayes_factors(self) -> tuple[BayesFactor, ...]:
        """Of each pair of hypotheses that have an evidence."""
        known = [(item.name, item.evidence) for item in self.hypotheses if item.evidence is not None]
        return tuple(bayes_factor(*first, *second) for first, second in combinations(known, 2))

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before believing the numbers."""
        found = []
        for item in self.hypotheses:
            for name, result in item.results.items():
                if not result.converged:
                    found.append(f"{item.name}, {name}: {result.diagnostics.get('status', 'convergence unknown')}")
            found.extend(f"{item.name}: {words}" for words in item.disagreements)
        return tuple(found)

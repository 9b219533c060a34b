"""Does a hypothesis describe the data at all? Posterior- and prior-predictive p-values.

A Bayes factor says which of two hypotheses is better, not that either is good. Data are drawn again and again from what
a hypothesis says, and the p-value is the share of them that lie as far from it as the measured data do (Box 1980, J. R.
Stat. Soc. A 143, 383; Gelman, Meng and Stern 1996, Stat. Sinica 6, 733). Distances are two: chi2, and the heaviest run
of residuals (:mod:`crsea_infer.analysis.weighted_runs`), which sees a wrong shape. Each is asked of two predictions:

* *posterior*: theta from the posterior, data y' from theta, and p = P(T(y', theta) >= T(y, theta)). Can the hypothesis
  be brought to describe the data by any choice of its parameters? Data count twice here, so that p of a true hypothesis
  gathers around 0.5 rather than being uniform: a small p is stronger than it looks.
* *prior*: theta from the prior. Did the hypothesis foresee the data? T may not depend on theta here, because most of a
  prior is far from any data: residuals are those from the mean of the prediction, made independent of each other by the
  Cholesky factor of its covariance, each data point after those before it. chi2 is the sum of their squares, Box's
  statistic for a normal prediction. p of a true hypothesis is uniform.

Systematic errors belong to the measurement, not to the hypothesis: another experiment like this one would have others.
So each replicate has nuisances of its own, drawn from their priors (what is shared between data sets once for all), and
T(y, theta) is taken at the nuisances that make chi2 of each data set least, their own pulls included: for normal errors
this is the chi2 of its full covariance of statistical and systematic errors. That of all data is the sum, for
replicates (in which data sets that share an error have it in common) as for the data. Only nuisances that say how large
an error is, and not what it was (those whose priors are no normals: an extra scatter, a length), keep the value that
the posterior gives them.

Upper limits are given, not drawn: they take part in chi2, alike for data and replicates, and not in runs, nor in
prior-predictive checks, whose theta obey them as often as nature would.

Of N replicates of which k lie as far off as the data, p = (k + 1) / (N + 1): never 0, and "p < 1 / N" is all that is
known when k = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.analysis.simulate import acceptance
from crsea_infer.analysis.weighted_runs import heaviest_run
from crsea_infer.inference.posterior import BLOCK
from crsea_infer.inference.replicates import replicated, values_of
from crsea_infer.plan.run_entries import FIT_REPLICATES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.support.arrays import Float64

__all__ = ["ALL_DATA", "PredictiveCheck", "Probability", "check_predictions"]

ALL_DATA: Final = "all"
"""In place of the name of a data set."""

_CHUNK: Final = 2_500  # replicates at a time, so that the predictions of many data sets fit the memory
_MOST_TRIES: Final = 20  # times as many draws from the prior as are wanted, before there are no prior-predictive checks


@dataclass(frozen=True)
class Probability:
    """A p-value.

    Attributes
    ----------
    value
        (k + 1) / (N + 1); nan where there is none.
    error
        One-sigma Monte-Carlo error.
    n
        N: replicates.
    """

    value: float
    error: float
    n: int

    @property
    def is_limit(self) -> bool:
        """Whether no replicate lies as far off as the data: the value is then an upper limit."""
        return self.value <= 1.0 / (self.n + 1)

    def __str__(self) -> str:
        """Return it in words: "p = 0.032", or "p < 0.0001" at the limit of the resolution."""
        if not math.isfinite(self.value):
            return "p unknown"
        return f"p < {1.0 / self.n:.2g}" if self.is_limit else f"p = {self.value:.2g}"


@dataclass(frozen=True)
class PredictiveCheck:
    """How one data set, or all of them, fares with one hypothesis.

    Attributes
    ----------
    data_set
        Name, or ALL_DATA.
    n_data
        Data points.
    chi2, chi2_replicated
        Mean over the posterior of chi2 of the data, and of replicates, both at their best nuisances.
    posterior, posterior_runs, prior, prior_runs
        p-values of chi2 and of the heaviest run; that of runs is nan where fewer than two points have an order.
    """

    data_set: str
    n_data: int
    chi2: float
    chi2_replicated: float
    posterior: Probability
    posterior_runs: Probability
    prior: Probability
    prior_runs: Probability


def check_predictions(
    posterior: Posterior,
    draws: Float64,
    generator: np.random.Generator,
    *,
    effective_samples: float = math.inf,
    data_sets: Sequence[str] | None = None,
    n_replicates: int = FIT_REPLICATES,
) -> list[PredictiveCheck]:
    """Return the checks of each data set, and, last, those of all of them together.

    Parameters
    ----------
    posterior
        The hypothesis and the data.
    draws
        Equally weighted draws of its posterior [n_draws, n], in random order.
    generator
        Random numbers.
    effective_samples
        How many independent draws they are worth: errors of posterior p-values are those of at most so many.
    data_sets
        Names of those that count; default: all. Training sets, which are not predicted, may be left out.
    n_replicates
        N of the posterior; of the prior as many draws, half of which are replicates.
    """
    chosen = [one for one in posterior.likelihoods if data_sets is None or one.name in data_sets]
    found = _of_posterior(posterior, chosen, draws[:n_replicates], n_replicates, generator)
    prior = _of_prior(posterior, chosen, n_replicates // 2, generator)
    worth = min(float(n_replicates), effective_samples)
    checks = []
    for name in (*(one.name for one in chosen), ALL_DATA):
        data, drawn = found[name]
        n_data = sum(one.n_data for one in chosen if name in {one.name, ALL_DATA})
        runs = [_has_order(one) for one in chosen if name in {one.name, ALL_DATA}]
        posterior_p = [_probability(drawn[k] >= data[k], worth) for k in (0, 1)]
        prior_p = [_unknown(), _unknown()]
        if name in prior:
            measured, replicated = prior[name]
            prior_p = [_prior_probability(float(measured[k, 0]), replicated[k]) for k in (0, 1)]
        checks.append(
            PredictiveCheck(
                data_set=name,
                n_data=n_data,
                chi2=float(np.mean(data[0])),
                chi2_replicated=float(np.mean(drawn[0])),
                posterior=posterior_p[0],
                posterior_runs=posterior_p[1] if any(runs) else _unknown(),
                prior=prior_p[0],
                prior_runs=prior_p[1] if any(runs) else _unknown(),
            )
        )
    return checks


def _unknown() -> Probability:
    return Probability(math.nan, math.nan, 0)


def _probability(is_as_far: np.typing.NDArray[np.bool_], worth: float) -> Probability:
    """Return the share of replicates that lie as far off; its error is that of at most `worth` of them."""
    n = len(is_as_far)
    value = (int(np.sum(is_as_far)) + 1) / (n + 1)
    return Probability(value, math.sqrt(value * (1.0 - value) / max(min(n, worth), 1.0)), n)


def _prior_probability(measured: float, replicated: Float64) -> Probability:
    """Return the share of replicates that lie as far from the mean of the prediction as the data.

    Mean and covariance are those of n draws, so that chi2 itself has the variance (2 chi2^2 + 4 chi2) / n; what that
    does to p is in its error.
    """
    n = len(replicated)
    reach = math.sqrt((2.0 * measured**2 + 4.0 * measured) / n)
    farther, nearer = (float(np.mean(replicated >= measured + sign * reach)) for sign in (1.0, -1.0))
    found = _probability(replicated >= measured, math.inf)
    return replace(found, error=math.hypot(found.error, 0.5 * (nearer - farther)))


def _of_posterior(
    posterior: Posterior, chosen: Sequence[Likelihood], theta: Float64, n: int, generator: np.random.Generator
) -> dict[str, tuple[Float64, Float64]]:
    """Return for each data set chi2 and heaviest run [2, n], of the data and of replicates, at theta [m, d] in turn."""
    data: dict[str, list[Float64]] = {one.name: [] for one in chosen}
    drawn: dict[str, list[Float64]] = {one.name: [] for one in chosen}
    places = np.arange(n) % len(theta)
    for start in range(0, len(theta), _CHUNK):
        chunk = theta[start : start + _CHUNK]
        predictions, nuisances = _predictions(posterior, chunk), posterior.nuisance_values(chunk)
        # replicates of the same theta share its prediction, which costs most
        again = places[(places >= start) & (places < start + len(chunk))] - start
        held = {name: value[again] for name, value in nuisances.items()}
        anew = held | _anew(chosen, len(again), generator)
        for one in chosen:
            data[one.name].append(_distances(one, predictions[one.name], nuisances)[:, again])
            at = tuple(part[again] for part in predictions[one.name])
            drawn[one.name].append(_distances_of_each(replicated(one, at, anew, generator), at, held))
    found = {name: (np.concatenate(data[name], axis=1), np.concatenate(drawn[name], axis=1)) for name in data}
    of_data, of_replicates = ([pair[k] for pair in found.values()] for k in (0, 1))
    found[ALL_DATA] = _together(of_data), _together(of_replicates)
    return found


def _together(distances: Sequence[Float64]) -> Float64:
    """Return the distances [2, n] of all data sets: the sum of chi2, and the heaviest of all runs."""
    stacked = np.stack(distances)
    return np.stack([stacked[:, 0].sum(axis=0), stacked[:, 1].max(axis=0)])


def _of_prior(
    posterior: Posterior, chosen: Sequence[Likelihood], n: int, generator: np.random.Generator
) -> dict[str, tuple[Float64, Float64]]:
    """Return for each data set chi2 and heaviest run of the data [2, 1] and of replicates [2, n].

    Half of the draws say what is expected, the other half are the replicates: so data and replicates are alike in
    having had no part in it. Empty when hardly any draw of the prior can be a truth; without the data sets that have no
    values.
    """
    theta = _draw_prior(posterior, 2 * n, generator)
    with_values = [one for one in chosen if hasattr(one, "values")]
    if theta is None or not with_values:
        return {}
    values: dict[str, list[Float64]] = {one.name: [] for one in with_values}
    for start in range(0, len(theta), _CHUNK):
        chunk = theta[start : start + _CHUNK]
        predictions, nuisances = _predictions(posterior, chunk), posterior.nuisance_values(chunk)
        for one in with_values:
            values[one.name].append(values_of(replicated(one, predictions[one.name], nuisances, generator)))
    measured, drawn = [], []
    for one in with_values:
        counted = ~_limits(one)
        measured.append(values_of(one)[..., counted].reshape(-1))
        drawn.append(np.concatenate(values[one.name])[:, counted])
    found = {
        one.name: _from_mean(own[None], replicates, [own.size])
        for one, own, replicates in zip(with_values, measured, drawn, strict=True)
    }
    if len(with_values) == len(chosen):
        sizes = [own.size for own in measured]
        found[ALL_DATA] = _from_mean(np.concatenate(measured)[None], np.concatenate(drawn, axis=1), sizes)
    return found


def _draw_prior(posterior: Posterior, n: int, generator: np.random.Generator) -> Float64 | None:
    """Return truths [n, n_parameters]: draws of the prior where the sky model holds and limits are obeyed."""
    kept = np.empty((0, len(posterior.names)))
    for _ in range(_MOST_TRIES):
        theta = np.asarray(posterior.prior_transform(generator.random((n, len(posterior.names)))))
        kept = np.concatenate([kept, theta[generator.random(n) < acceptance(posterior, theta)]])
        if len(kept) >= n:
            return kept[:n]
    return None


def _from_mean(measured: Float64, drawn: Float64, sizes: Sequence[int]) -> tuple[Float64, Float64]:
    """Return the distances of data [1, m] and of the second half of the draws [n, m] from what the first half expects.

    `sizes` are the numbers of points of the data sets that stand side by side: a run ends with its data set.
    """
    known, replicates = np.split(drawn, [len(drawn) // 2])
    mean, spread = known.mean(axis=0), known.std(axis=0)
    spread = np.where(spread > 0.0, spread, 1.0)  # what does not vary has no say in runs or chi2 unless data differ
    scaled = (known - mean) / spread
    covariance = scaled.T @ scaled / len(scaled) + 1e-9 * np.eye(len(mean))
    factor = np.linalg.cholesky(covariance)

    def distances(values: Float64) -> Float64:
        pulls = np.linalg.solve(factor, ((values - mean) / spread).T).T
        parts = np.split(pulls, np.cumsum(sizes)[:-1], axis=1)
        return np.stack([np.sum(pulls**2, axis=1), np.max([heaviest_run(part) for part in parts], axis=0)])

    return distances(measured), distances(replicates)


def _predictions(posterior: Posterior, theta: Float64) -> dict[str, tuple[Float64, ...]]:
    """Return what the sky model gives for each data set at theta [n, d], in blocks that the cache of a core holds."""
    blocks = [posterior.intensities(theta[start : start + BLOCK]) for start in range(0, len(theta), BLOCK)]
    return {
        name: tuple(np.concatenate([np.asarray(block[name][k]) for block in blocks]) for k in range(len(first)))
        for name, first in blocks[0].items()
    }


def _anew(chosen: Sequence[Likelihood], n: int, generator: np.random.Generator) -> dict[str, Float64]:
    """Return nuisances [n] drawn from their priors, those that say what an error was; shared ones once."""
    priors = {
        nuisance.name: nuisance.distribution
        for one in chosen
        for nuisance in one.nuisances
        if nuisance.distribution.is_normal
    }
    return {name: np.asarray(prior.prior_transform(generator.random(n))) for name, prior in priors.items()}


def _distances_of_each(replicates: Any, predictions: tuple[Float64, ...], held: Mapping[str, Float64]) -> Float64:
    """Return :func:`_distances` [2, n] of replicates, each from its own prediction."""
    if not isinstance(replicates, list):
        return _distances(replicates, predictions, held)
    return np.concatenate(
        [
            _distances(
                one,
                tuple(part[place : place + 1] for part in predictions),
                {name: value[place : place + 1] for name, value in held.items()},
            )
            for place, one in enumerate(replicates)
        ],
        axis=1,
    )


def _distances(one: Likelihood, predictions: tuple[Float64, ...], held: Mapping[str, Float64]) -> Float64:
    """Return chi2 and heaviest run [2, n] of a data set from n predictions, at its best nuisances."""
    sizes_of_errors = [nuisance.name for nuisance in one.nuisances if not nuisance.distribution.is_normal]
    find: Any = getattr(one, "best_nuisances", None)
    if find is None:  # of a kind that knows no more than chi2 there
        best = {nuisance.name: np.full(len(predictions[0]), nuisance.fiducial) for nuisance in one.nuisances}
        chi2 = one.chi2_profiled(predictions)
    else:
        best = find(predictions, held) if sizes_of_errors else find(predictions)
        chi2 = one.chi2(predictions, best)
    pulls = np.asarray(one.pulls(predictions, best))[..., ~_limits(one)]
    return np.stack([np.asarray(chi2), heaviest_run(pulls)])


def _limits(one: Likelihood) -> np.typing.NDArray[np.bool_]:
    """Return which points [n_data] are upper limits."""
    flags = getattr(one, "is_upper_limit", None)
    return np.zeros(one.n_data, dtype=bool) if flags is None else np.asarray(flags, dtype=bool)


def _has_order(one: Likelihood) -> bool:
    """Return whether a data set has neighbours, so that there are runs."""
    return int(np.sum(~_limits(one))) > 1

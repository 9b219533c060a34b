"""What every sampler takes, and what every sampler gives.

A sampler sees a :class:`~crsea_infer.inference.target.Target`: parameter names, the map from the unit cube to the
parameters (which is the prior) and the logarithm of the likelihood, all over a leading batch axis. It gives a
:class:`SamplerResult`. Two samplers of the core work in *probit coordinates* ``z = Phi^-1(u)``: there the prior is a
standard normal in every direction, whatever it was in the parameters, and there are no walls.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from crsea_infer.inference.evidence import Evidence
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.inference.samplers.options import SamplerOptions
    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.checkpoint import Checkpoint

__all__ = [
    "CONVERGED",
    "EDGE",
    "Counted",
    "Progress",
    "Sampler",
    "SamplerResult",
    "child_seed",
    "draw_from_prior",
    "no_progress",
    "refuse_missing_packages",
    "result_arrays",
    "result_from_arrays",
    "standard_normal_log_density",
]

CONVERGED = "converged"
"""Value of ``diagnostics["status"]`` of a run that converged; any other value is a sentence saying why not."""

_SHARE_DRAWS = 1e4  # a share f from N draws is known to sqrt((1 - f) / (f N)): 1 % at N f / (1 - f) = 1e4
EDGE = 1e-15  # keeps quantile functions finite; costs 2e-15 of prior volume


class Progress(Protocol):
    """Receives how far a sampler has come."""

    def __call__(self, fraction: float, message: str, /) -> None:
        """Take a fraction between 0 and 1 (an estimate) and a few words."""


def no_progress(fraction: float, message: str) -> None:
    """Ignore progress."""


@dataclass(frozen=True)
class SamplerResult:
    """Samples of a posterior and, where the method gives one, its evidence.

    Attributes
    ----------
    sampler
        Name of the sampler.
    names
        Names of the d parameters.
    samples
        Parameters [n, d].
    unit_samples
        The same points in the unit cube of the prior [n, d].
    log_weights
        Logarithms of the weights [n], up to a constant; None when all weights are equal.
    log_likelihood
        ln L of the samples [n].
    evidence
        ln Z with error and method, or None when the method gives none or refuses to give one.
    n_calls
        Likelihood evaluations, including those of interrupted attempts that were kept.
    wall_s
        Seconds of work, added up over interruptions.
    diagnostics
        Numbers and sentences; "status" is :data:`CONVERGED` or says why not.
    chains
        For Markov chains: parameters [chain, draw, d]; the samples are their draws in the same order.
    live
        For nested sampling: how many points were live just before each sample died [n]; samples are in order of ln L.
    conditional
        ln Z of the other data given the training set, of a sampler that gives that instead of the evidence of all.
    """

    sampler: str
    names: tuple[str, ...]
    samples: Float64
    unit_samples: Float64
    log_weights: Float64 | None
    log_likelihood: Float64
    evidence: Evidence | None
    n_calls: int
    wall_s: float
    diagnostics: Mapping[str, float | str]
    chains: Float64 | None = None
    live: Float64 | None = None
    conditional: Evidence | None = None

    @property
    def converged(self) -> bool:
        """Whether the sampler says that it converged."""
        return self.diagnostics.get("status") == CONVERGED

    @property
    def weights(self) -> Float64:
        """Weights of the samples [n], summing to one."""
        if self.log_weights is None:
            return np.full(len(self.samples), 1.0 / len(self.samples))
        weights = np.exp(self.log_weights - np.max(self.log_weights))
        return np.asarray(weights / weights.sum())

    def in_order(self, names: Sequence[str]) -> SamplerResult:
        """Return the same result with its columns in the order of `names`.

        What is read from a file may have been sampled when prior sets or data sets stood in another order.

        Raises
        ------
        UserError
            When the parameters are not the same ones.
        """
        if tuple(names) == self.names:
            return self
        if sorted(names) != sorted(self.names) or len(set(names)) < len(names):
            raise UserError(
                f"samples of {self.sampler} with the parameters {', '.join(self.names)}",
                valid=f"samples of {', '.join(names)}",
                fix="start again with --fresh (what is there is replaced), or choose another directory with --output",
            )
        columns = [self.names.index(name) for name in names]
        return dataclasses.replace(
            self,
            names=tuple(names),
            samples=self.samples[:, columns],
            unit_samples=self.unit_samples[:, columns],
            chains=None if self.chains is None else self.chains[..., columns],
        )

    def resampled(self, n: int, generator: np.random.Generator) -> Float64:
        """Return the indices [n] of an equally weighted sample, by systematic resampling.

        Chains are thinned evenly when they are longer than `n`. The order is random.
        """
        if self.log_weights is None and n >= len(self.samples):
            return np.asarray(generator.permutation(len(self.samples)))
        positions = (np.arange(n) + generator.random()) / n
        cumulative = np.cumsum(self.weights)
        cumulative[-1] = 1.0
        return np.asarray(generator.permutation(np.searchsorted(cumulative, positions)))


class Sampler(Protocol):
    """One method of sampling: a frozen dataclass that holds its options, and says on its class what it is.

    A sampler of another package derives from this class, or has the same members, and is announced under the entry
    point group `crsea_infer.samplers` by the name that run files shall call it. Options come from a table of the run
    file; everything that the package wants to know of a sampler (in checks, tables, figures and citations) is asked
    of its class, so that there is no list to be added to.

    Attributes
    ----------
    name
        In run files, tables and names of files: that of its entry point.
    title
        In words, as what it is cited for: "the sampler emcee".
    gives_evidence
        Whether it gives evidences; the others sample posteriors only.
    gives_conditional
        Whether it takes a target with a training set, and gives the evidence of the other data given that.
    packages
        Modules that it imports beyond those that every installation has.
    extra
        The extra of this package that installs them; empty when there is none.
    duration
        How long it takes, roughly, with dynesty at 1: what takes longest starts first.
    precedence
        Whose samples figures and posterior.nc show among those that converged: the smallest.
    references
        To cite: "arXiv:1202.3665", "doi:10.1086/670067", or a BibTeX entry.
    Options
        The model of its options; each of them has a default.
    options
        Those that it samples with.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    gives_evidence: ClassVar[bool]
    gives_conditional: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    duration: ClassVar[float] = 1.0
    precedence: ClassVar[int] = 100
    references: ClassVar[tuple[str, ...]] = ()
    Options: ClassVar[type[SamplerOptions]]
    options: SamplerOptions

    def check(self, target: Target) -> None:  # noqa: ARG002 -- most samplers take any target
        """Hold the options against the target, and the packages against the installation, before anything is sampled.

        Raises
        ------
        UserError
            On what would stop :meth:`run` before its first sample.
        """
        refuse_missing_packages(self)

    def run(
        self, target: Target, seed: np.random.SeedSequence, checkpoint: Checkpoint, progress: Progress
    ) -> SamplerResult:
        """Sample the target; continue from the checkpoint when it holds something.

        The result depends on the target, the options and the seed alone, never on interruptions.

        Raises
        ------
        UserError
            When the likelihood gives NaN, or when no point of the prior has a finite likelihood.
        """


def refuse_missing_packages(sampler: Sampler) -> None:
    """Refuse to go on without the packages that a sampler needs.

    Raises
    ------
    UserError
        Saying how to install them.
    """
    missing = [name for name in sampler.packages if importlib.util.find_spec(name) is None]
    if not missing:
        return
    wanted = f"'crsea_infer[{sampler.extra}]'" if sampler.extra else " ".join(missing)
    raise UserError(
        f"the sampler {sampler.name} needs {' and '.join(missing)}, which {'are' if len(missing) > 1 else 'is'} "
        "not installed",
        valid=f"an installation with the extra '{sampler.extra}'" if sampler.extra else f"with {', '.join(missing)}",
        fix=f"pip install {wanted}, or use the sampler dynesty or emcee",
    )


class Counted:
    """A target seen from the unit cube or from probit coordinates, which counts calls and refuses NaN."""

    def __init__(self, target: Target, n_calls: int = 0) -> None:
        self.target = target
        self.names = tuple(target.names)
        self.n_calls = n_calls

    def from_unit(self, unit: Float64) -> Float64:
        """Return ln L [n] at points [n, d] of the unit cube."""
        theta = np.asarray(self.target.prior_transform(unit))
        values = np.asarray(self.target.log_likelihood(theta), dtype=np.float64)
        self.n_calls += len(unit)
        bad = np.isnan(values) | (values == np.inf)
        if np.any(bad):
            where = int(np.argmax(bad))
            point = ", ".join(f"{name} = {value:.6g}" for name, value in zip(self.names, theta[where], strict=True))
            raise UserError(
                f"the likelihood is {values[where]} at {point}",
                valid="a finite logarithm, or -inf where the model does not hold",
                fix="look at the prediction there with 'crsea-infer predict --set', or narrow the prior",
            )
        return values

    def from_probit(self, probit: Float64) -> Float64:
        """Return ln L [n] at points [n, d] in probit coordinates."""
        return self.from_unit(to_unit(probit))

    def log_target(self, probit: Float64) -> Float64:
        """Return the logarithm of prior times likelihood [n] at points [n, d] in probit coordinates."""
        return np.asarray(self.from_probit(probit) + standard_normal_log_density(probit))


def to_unit(probit: Float64) -> Float64:
    """Map probit coordinates to the open unit cube."""
    from scipy.special import ndtr

    return np.asarray(np.clip(ndtr(probit), EDGE, 1.0 - EDGE))


def to_probit(unit: Float64) -> Float64:
    """Map the unit cube to probit coordinates."""
    from scipy.special import ndtri

    return np.asarray(ndtri(np.clip(unit, EDGE, 1.0 - EDGE)))


def standard_normal_log_density(probit: Float64) -> Float64:
    """Return the logarithm of the prior density [n] in probit coordinates [n, d]."""
    return np.asarray(-0.5 * np.sum(probit**2, axis=-1) - 0.5 * probit.shape[-1] * np.log(2.0 * np.pi))


def draw_from_prior(target: Counted, n: int, generator: np.random.Generator) -> tuple[Float64, Float64, float]:
    """Draw points of the prior with finite likelihood.

    Returns
    -------
    probit, log_likelihood, share
        Probit coordinates [n, d], ln L [n], and the share of the prior in which the likelihood is finite (to about
        1 % where that is not all of it).

    Raises
    ------
    UserError
        When hardly any point of the prior has a finite likelihood.
    """
    points: list[Float64] = []
    values: list[Float64] = []
    kept = drawn = 0
    for _ in range(100):
        batch = generator.standard_normal((n, len(target.names)))
        log_likelihood = target.from_probit(batch)
        finite = np.isfinite(log_likelihood)
        points.append(batch[finite])
        values.append(log_likelihood[finite])
        kept += int(finite.sum())
        drawn += n
        if kept == drawn or (kept >= n and kept * drawn >= _SHARE_DRAWS * (drawn - kept)):
            return np.concatenate(points)[:n], np.concatenate(values)[:n], kept / drawn
    if kept >= n:
        return np.concatenate(points)[:n], np.concatenate(values)[:n], kept / drawn
    raise UserError(
        f"only {kept} of {drawn} draws from the prior have a finite likelihood",
        valid="a prior that lies, for the most part, where the sky model holds",
        fix="narrow the prior, or train an emulator with a wider box",
    )


_ARRAYS = ("samples", "unit_samples", "log_weights", "log_likelihood", "chains", "live")


def result_arrays(result: SamplerResult) -> dict[str, Any]:
    """Turn a result into arrays and plain values that a checkpoint file can hold."""
    stored: dict[str, Any] = {name: getattr(result, name) for name in _ARRAYS if getattr(result, name) is not None}
    stored["plain"] = {
        "sampler": result.sampler,
        "names": list(result.names),
        "evidence": None if result.evidence is None else dataclasses.asdict(result.evidence),
        **({} if result.conditional is None else {"conditional": dataclasses.asdict(result.conditional)}),
        "n_calls": result.n_calls,
        "wall_s": result.wall_s,
        "diagnostics": dict(result.diagnostics),
    }
    return stored


def result_from_arrays(stored: Mapping[str, Any], where: str = "a finished result") -> SamplerResult:
    """Invert :func:`result_arrays`; `where` names the file in messages.

    Raises
    ------
    UserError
        When something is missing, or of another type, shape or range than a sampler gives.
    """
    from crsea_infer.inference.samplers.stored import check_result

    arrays = check_result(stored, where)
    plain: dict[str, Any] = stored["plain"]
    evidence, conditional = (
        None if stated is None else Evidence(float(stated["lnz"]), float(stated["lnz_err"]), stated["method"])
        for stated in (plain["evidence"], plain.get("conditional"))
    )
    return SamplerResult(
        sampler=plain["sampler"],
        names=tuple(plain["names"]),
        samples=arrays["samples"],
        unit_samples=arrays["unit_samples"],
        log_weights=arrays.get("log_weights"),
        log_likelihood=arrays["log_likelihood"],
        evidence=evidence,
        n_calls=plain["n_calls"],
        wall_s=plain["wall_s"],
        diagnostics=plain["diagnostics"],
        chains=arrays.get("chains"),
        live=arrays.get("live"),
        conditional=conditional,
    )


def child_seed(seed: np.random.SeedSequence, index: int) -> np.random.SeedSequence:
    """Return the child of that number, without counting it as spawned: the same whenever it is asked for."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, index))

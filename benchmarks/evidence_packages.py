"""The ways to ln Z that `evidence_time.py` compares: this package's samplers, and others by their own interfaces.

Each other package has its own defaults, the prior as its documentation tells it (the unit cube; standard normals for
those that work with densities) and ln L of whole batches where it takes them. Options are given only to keep it silent,
to keep it off the disk, and where the name says so.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import ndtr, ndtri

import crsea_infer as cr

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.support.arrays import Float64

LOWEST: Final = -1e10  # in place of -inf, where a package takes finite numbers only


@dataclass(frozen=True)
class Found:
    """What a method gave: ln Z, its stated error, effective samples, and whether it says that all is well."""

    lnz: float
    lnz_err: float
    effective: float
    status: str = "converged"


def kish(log_weights: Float64) -> float:
    """Return the effective number of samples with these logarithms of weights."""
    weights = np.exp(log_weights - np.max(log_weights))
    return float(weights.sum() ** 2 / np.sum(weights**2))


def from_unit(posterior: Posterior, unit: Float64) -> Float64:
    """Return ln L at points of the unit cube, finite everywhere."""
    values = np.asarray(posterior.log_likelihood(posterior.prior_transform(np.asarray(unit))))
    return np.maximum(np.where(np.isnan(values), LOWEST, values), LOWEST)


def product(name: str) -> Callable[[Posterior, int], Found]:
    """Return a sampler of this package with its default options."""

    def run(posterior: Posterior, seed: int, **options: Any) -> Found:
        result = cr.sample(posterior, name, seed=seed, **options)
        n_effective = kish(np.log(np.maximum(result.weights, 1e-300)))
        if result.evidence is None:
            return Found(np.nan, np.nan, n_effective, result.status)
        return Found(result.evidence.lnz, result.evidence.lnz_err, n_effective, result.status)

    return run


def dynesty_walks(posterior: Posterior, seed: int) -> Found:
    """Run dynesty's static nested sampling with its random walks, point by point."""
    import dynesty

    sampler = dynesty.NestedSampler(
        lambda theta: float(np.maximum(posterior.log_likelihood(theta), LOWEST)),
        posterior.prior_transform,
        len(posterior.names),
        sample="rwalk",
        rstate=np.random.default_rng(seed),
    )
    sampler.run_nested(print_progress=False)
    found = sampler.results
    return Found(float(found.logz[-1]), float(found.logzerr[-1]), kish(found.logwt))


def ultranest(posterior: Posterior, seed: int, *, slices: bool = False) -> Found:
    """Run UltraNest's reactive nested sampling; with `slices`, by its slice sampler of whole populations."""
    import logging

    from ultranest import ReactiveNestedSampler

    logging.getLogger("ultranest").addHandler(logging.NullHandler())
    np.random.seed(seed)  # noqa: NPY002 -- UltraNest draws from the generator of all
    sampler = ReactiveNestedSampler(
        list(posterior.names), lambda unit: from_unit(posterior, unit), vectorized=True, log_dir=None
    )
    if slices:
        from ultranest.popstepsampler import PopulationSliceSampler, generate_mixture_random_direction

        sampler.stepsampler = PopulationSliceSampler(
            popsize=100, nsteps=2 * len(posterior.names), generate_direction=generate_mixture_random_direction
        )
    found = sampler.run(show_status=False, viz_callback=False)
    return Found(float(found["logz"]), float(found["logzerr"]), float(found["ess"]))


def ultranest_slices(posterior: Posterior, seed: int) -> Found:
    """Run UltraNest with a population of 100 and two steps per parameter."""
    return ultranest(posterior, seed, slices=True)


def nautilus(posterior: Posterior, seed: int) -> Found:
    """Run nautilus; it states no error, so that of its effective sample stands in."""
    from nautilus import Sampler

    sampler = Sampler(
        lambda unit: unit,
        lambda unit: from_unit(posterior, unit),
        n_dim=len(posterior.names),
        vectorized=True,
        pass_dict=False,
        seed=seed,
    )
    sampler.run()
    n_effective = float(sampler.n_eff)
    return Found(float(sampler.log_z), float(n_effective**-0.5), n_effective)


def pocomc(posterior: Posterior, seed: int) -> Found:
    """Run pocoMC with standard normal priors."""
    import pocomc as package
    from scipy.stats import norm

    n = len(posterior.names)
    sampler = package.Sampler(
        package.Prior([norm(0.0, 1.0)] * n),
        lambda probit: from_unit(posterior, ndtr(probit)),
        vectorize=True,
        random_state=seed,
    )
    sampler.run(progress=False)
    lnz, lnz_err = sampler.evidence()
    _, weights, _, _ = sampler.posterior()
    return Found(float(lnz), float(lnz_err), kish(np.log(np.maximum(weights, 1e-300))))


def harmonic(posterior: Posterior, seed: int) -> Found:
    """Take the learned harmonic mean of a chain of this package's emcee: spline flows, half of the chains each."""
    import emcee
    import harmonic as package

    chain = cr.sample(posterior, "emcee", seed=seed)._result  # noqa: SLF001 -- the chains, which Sampled does not show
    n_chains, n_draws, n = chain.chains.shape
    probit = ndtri(np.clip(chain.unit_samples, 1e-15, 1.0 - 1e-15))
    density = chain.log_likelihood - 0.5 * np.sum(probit**2 + np.log(2.0 * np.pi), axis=-1)
    chains = package.Chains(n)
    chains.add_chains_3d(probit.reshape(n_chains, n_draws, n), density.reshape(n_chains, n_draws))
    training, rest = package.utils.split_data(chains, training_proportion=0.5)
    model = package.model.RQSplineModel(n, standardize=True, temperature=0.8)
    model.fit(np.asarray(training.samples))
    evidence = package.Evidence(rest.nchains, model)
    evidence.add_chains(rest)
    low, high = evidence.compute_ln_inv_evidence_errors()
    times = emcee.autocorr.integrated_time(np.swapaxes(chain.chains, 0, 1), quiet=True)
    n_effective = n_chains * n_draws / float(np.max(times))
    return Found(-float(evidence.ln_evidence_inv), float(max(abs(low), abs(high))), n_effective)


def bilby(posterior: Posterior, seed: int) -> Found:
    """Run bilby's default, which is its dynesty, point by point."""
    import bilby as package

    package.core.utils.random.seed(seed)
    package.core.utils.logger.setLevel("ERROR")
    names = [f"u{i}" for i in range(len(posterior.names))]

    class OfUnitCube(package.Likelihood):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()

        def log_likelihood(self, parameters: Any = None) -> float:
            given = self.parameters if parameters is None else parameters
            return float(from_unit(posterior, np.array([given[name] for name in names])))

    priors = {name: package.core.prior.Uniform(0.0, 1.0, name) for name in names}
    with tempfile.TemporaryDirectory() as folder:
        found = package.run_sampler(
            OfUnitCube(), package.core.prior.PriorDict(priors), sampler="dynesty", outdir=folder, plot=False, save=False
        )
    nested = np.asarray(found.nested_samples["weights"])
    effective = float(nested.sum() ** 2 / np.sum(nested**2))
    return Found(float(found.log_evidence), float(found.log_evidence_err), effective)


PRODUCT: Final[dict[str, Callable[[Posterior, int], Found]]] = {
    name: product(name) for name in ("importance", "smc", "dynesty", "nautilus")
}
"""Samplers of this package."""

OTHERS: Final[dict[str, tuple[str, Callable[[Posterior, int], Found]]]] = {
    "harmonic": ("harmonic", harmonic),
    "nautilus itself": ("nautilus", nautilus),
    "UltraNest, slices": ("ultranest", ultranest_slices),
    "dynesty itself, rwalk": ("dynesty", dynesty_walks),
    "pocoMC": ("pocomc", pocomc),
    "UltraNest": ("ultranest", ultranest),
    "bilby": ("bilby", bilby),
}
"""Other packages: the module each needs, and how it is run."""

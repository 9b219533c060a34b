"""The exact check: what emulation did to the evidence and to the posterior.

Samples of the posterior are evaluated again with the transport solver in place of the emulator. With
w_i = L_exact(theta_i) / L_emulated(theta_i) over equally weighted samples of the emulated posterior,

    ln Z_exact - ln Z_emulated = ln <w>,        <x>_exact = <w x> / <w>

(importance sampling from the emulated posterior). The shifts carry Monte-Carlo errors, the effective number of samples
and the Pareto k-hat of w (see :mod:`crsea_infer.inference.samplers.pareto_smoothing`) say whether they can be believed:
where the emulator is so wrong that few samples carry the weight, the check says so and gives no shift. Draws of a
chain, or of weighted samples that are worth few, are not independent; errors and effective number count what they are
worth.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.emulator.sky_of_physics import sky_of
from crsea_infer.inference.samplers.pareto_smoothing import pareto_k_hat
from crsea_infer.inference.samplers.weighted_draws import LARGEST_K_HAT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.emulator.parameters import SkyParameters
    from crsea_infer.emulator.sky_model import BoundModel, Request, SkyModel
    from crsea_infer.hypotheses.demanded_physics import DemandedPhysics
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.support.arrays import Float64

__all__ = ["ExactCheck", "Solver", "check_with_solver", "compare_likelihoods", "solver_of"]

_LEAST_EFFECTIVE: Final = 100.0
_ROUND_OFF: Final = 1e-8
"""Differences of ln L below this have no tail worth fitting."""


@dataclass(frozen=True, eq=False)
class ExactCheck:
    """What the solver says about one posterior of the emulator.

    Attributes
    ----------
    hypothesis
        Its name.
    names
        Names of the n parameters.
    n_samples
        Posterior samples that were evaluated again.
    lnz_shift, lnz_shift_err
        ln Z with the solver minus ln Z with the emulator, and its Monte-Carlo error.
    mean_shifts, mean_shift_errs
        Shift of the posterior mean of each parameter [n], in units of its posterior standard deviation.
    largest
        Largest change of ln L among the samples, in absolute value.
    effective_samples, k_hat
        Of the weights: how many independent samples are left after reweighting, and the shape of the tail.
    status
        "passed", or why the shifts cannot be believed.
    wall_s
        Seconds that the solver took.
    """

    hypothesis: str
    names: tuple[str, ...]
    n_samples: int
    lnz_shift: float
    lnz_shift_err: float
    mean_shifts: Float64
    mean_shift_errs: Float64
    largest: float
    effective_samples: float
    k_hat: float
    status: str
    wall_s: float

    @property
    def believable(self) -> bool:
        """Whether the shifts can be believed."""
        return self.status == "passed"


class Solver:
    """A sky model backed by the transport solver that prepares the geometry of the same requests only once.

    The hypotheses of a run ask for the same regions and energies, and preparing a region takes a second or more.
    """

    def __init__(self, model: SkyModel) -> None:
        self._model = model
        self._bound: dict[tuple[Request, ...], BoundModel] = {}
        self._chosen: dict[DemandedPhysics, Solver] = {}
        self.box = model.box
        self.fingerprint = model.fingerprint
        self.description = model.description
        self.relative_error = model.relative_error

    def with_physics(self, choices: DemandedPhysics) -> Solver:
        """Return the solver of other physics."""
        if choices not in self._chosen:
            self._chosen[choices] = Solver(sky_of(self._model, choices))
        return self._chosen[choices]

    def parameters(self, requests: Sequence[Request]) -> SkyParameters:
        """Those of the model; see :class:`crsea_infer.emulator.sky_model.SkyModel`."""
        return self._model.parameters(requests)

    def bind(self, requests: Sequence[Request]) -> BoundModel:
        """Fix the model to its requests; see :class:`crsea_infer.emulator.sky_model.SkyModel`."""
        key = tuple(requests)
        if key not in self._bound:
            self._bound[key] = self._model.bind(key)
        return self._bound[key]


def solver_of(model: SkyModel) -> Solver | None:
    """Return the solver that an emulated sky stands for; None when it was trained on another code's models."""
    from crsea_infer.emulator.response.response_sky import EmulatedSky, ExactSky

    if not isinstance(model, EmulatedSky):
        return None
    return Solver(ExactSky(model.settings, absorption=model.absorption))


def check_with_solver(
    emulated: Posterior, exact: Posterior, samples: Float64, independent: float | None = None
) -> ExactCheck:
    """Evaluate posterior samples with the solver and compare.

    Parameters
    ----------
    emulated, exact
        The same hypothesis and data, with the emulator and with the solver.
    samples
        Equally weighted parameters of the emulated posterior [n_samples, n].
    independent
        How many independent samples they are worth; default: all.

    Raises
    ------
    LikelihoodError
        When a likelihood is not a number.
    """
    started = time.perf_counter()
    with_solver = np.asarray(exact.log_likelihood(samples))
    wall_s = time.perf_counter() - started
    return compare_likelihoods(
        emulated.hypothesis.name,
        emulated.names,
        samples,
        np.asarray(emulated.log_likelihood(samples)),
        with_solver,
        wall_s,
        independent,
    )


def compare_likelihoods(
    hypothesis: str,
    names: tuple[str, ...],
    samples: Float64,
    emulated: Float64,
    exact: Float64,
    wall_s: float = 0.0,
    independent: float | None = None,
) -> ExactCheck:
    """Turn ln L [n_samples] of the emulator and of the solver at posterior samples [n_samples, n] into shifts."""
    difference = exact - emulated
    n_samples = len(samples)
    worth = n_samples if independent is None else min(independent, n_samples)
    largest = float(np.max(difference))
    weights = np.exp(difference - largest)
    mean = float(np.mean(weights))
    relative = weights / mean
    share = 1.0 / float(np.mean(relative**2))
    effective = share * worth
    spread = float(np.ptp(difference))
    k_hat = pareto_k_hat(difference) if not spread < _ROUND_OFF else float("-inf")
    centre, deviation = samples.mean(axis=0), samples.std(axis=0)
    # a parameter that does not vary among the samples has no scale, and its mean does not move
    standard = (samples - centre) / np.where(deviation > 0.0, deviation, 1.0)
    shifts = relative @ standard / n_samples
    # influence of each sample on <w x> / <w>, on <x>, and on the standard deviation that is the unit
    influence = relative[:, None] * (standard - shifts) - standard - 0.5 * shifts * (standard**2 - 1.0)
    errors = np.sqrt(np.mean(influence**2, axis=0) / worth)
    problems = []
    if not effective >= min(_LEAST_EFFECTIVE, 0.5 * n_samples):
        problems.append(f"only {effective:.0f} of {n_samples} samples are effective")
    # tails of weights within a few per cent of one another cannot matter, whatever shape they have
    if not k_hat < LARGEST_K_HAT and share < 0.99:
        problems.append(f"the weights have too heavy a tail (Pareto k-hat {k_hat:.2f}, limit {LARGEST_K_HAT})")
    return ExactCheck(
        hypothesis=hypothesis,
        names=names,
        n_samples=n_samples,
        lnz_shift=largest + float(np.log(mean)),
        lnz_shift_err=float(np.std(relative) / np.sqrt(worth)),
        mean_shifts=shifts,
        mean_shift_errs=errors,
        largest=float(np.max(np.abs(difference))),
        effective_samples=effective,
        k_hat=k_hat,
        status="not to be believed: " + " and ".join(problems) if problems else "passed",
        wall_s=wall_s,
    )

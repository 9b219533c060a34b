"""Systematic errors that are correlated over a stretch of energy, in one covariance for all regions of an experiment.

A systematic error of a spectrum is neither the same shift at all energies nor independent from bin to bin: what is
wrong with a simulation of showers or with a selection of events changes with energy, over decades or fractions of one.
So the shift of point i, in units of its systematic error s_i, is a Gaussian process in log energy,

    shift_i = s_i f(x_i),    cov(f(x), f(x')) = exp(-(x - x')^2 / (2 L^2)),    x = log10 E,

with the length L in decades. L = 0 is an independent error of each point, L = infinity one shift for all. Data sets of
one experiment have one f: their covariance reaches across the regions. Numerically f is its principal components
(Karhunen and Loeve) at the energies of all these data sets together, f(x_i) = sum_k B_ik z_k with z_k ~ N(0, 1): the
z_k are nuisances that the data sets share by name, so that each point stays independent of the others given them, and
errors that differ on the two sides, upper limits and JAX need nothing new. Components are kept until each point lacks
less than a ten-thousandth of its variance, and rows are scaled so that it lacks nothing.

When L itself is free, f = C(L) z with C the Cholesky factor of the covariance, which costs a factorisation at each
point of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.hypotheses.distributions import log_uniform, normal
from crsea_infer.hypotheses.prior_sets import Parameter
from crsea_infer.support.arrays import Array, Float64, array_namespace, stack_last

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LENGTHS", "EnergyCorrelated"]

LENGTHS: Final = (0.1, 3.0)
"""Range of a free length, decades; its prior is log-uniform. Beyond it the limits 0 and infinity are as good."""

_PUBLISHED: Final = 0.5  # decades: where predictions are shown
_LACKING = 1e-4
_JITTER = 1e-8  # of the variance: keeps the factor of a nearly singular covariance finite


@dataclass(frozen=True, eq=False)
class EnergyCorrelated:
    """The process f at the points of one data set.

    Attributes
    ----------
    name
        Of the nuisances: NAME_1, NAME_2, ... and, when the length is free, NAME_length.
    label
        LaTeX, for figures.
    length_dex
        L; None when it is free.
    places
        x of all points of the data sets that share f, each once, ascending [n_places].
    rows
        Which of the places each point of this data set has [n_data].
    """

    name: str
    label: str
    length_dex: float | None
    places: Float64
    rows: np.typing.NDArray[np.intp]

    @classmethod
    def at(
        cls, name: str, label: str, length_dex: float | None, energies: Float64, others: Float64
    ) -> EnergyCorrelated:
        """Make the process of points at `energies` [n_data], shared with points at `others`, GeV."""
        places = np.unique(np.round(np.log10(np.concatenate([energies, others])), 6))
        rows = np.searchsorted(places, np.round(np.log10(energies), 6))
        return cls(name, label, length_dex, places, rows)

    @cached_property
    def basis(self) -> Float64:
        """B [n_data, n_components] of the module's formula; of a free length C at the published one."""
        if self.length_dex is None:
            return np.asarray(np.linalg.cholesky(self._covariance(np.asarray(_PUBLISHED)))[self.rows])
        values, vectors = np.linalg.eigh(self._covariance(np.asarray(self.length_dex)))
        order = np.argsort(values)[::-1]
        scaled = vectors[:, order] * np.sqrt(np.maximum(values[order], 0.0))
        lacking = 1.0 - np.cumsum(scaled**2, axis=1).min(axis=0)
        kept = min(int(np.argmax(lacking < _LACKING)) + 1, len(values)) if np.any(lacking < _LACKING) else len(values)
        basis = scaled[:, :kept]
        # an eigenvector has no sign of its own: that of its sum, so that every data set has the same
        signs = np.where(basis.sum(axis=0) < 0, -1.0, 1.0)
        return np.asarray((basis * signs / np.sqrt(np.sum(basis**2, axis=1, keepdims=True)))[self.rows])

    @cached_property
    def components(self) -> tuple[str, ...]:
        """Names of the z_k."""
        return tuple(f"{self.name}_{number + 1}" for number in range(self.basis.shape[1]))

    @property
    def nuisances(self) -> tuple[Parameter, ...]:
        """The z_k, and the length when it is free."""
        components = tuple(
            Parameter(
                name=name,
                distribution=normal(0.0, 1.0),
                fiducial=0.0,
                label=rf"\eta_{{{number},{self.label}}}",
                description=f"component {number} of the energy-correlated systematic error, in standard deviations",
                prior_set=self.name,
            )
            for number, name in enumerate(self.components, start=1)
        )
        if self.length_dex is not None:
            return components
        length = Parameter(
            name=f"{self.name}_length",
            distribution=log_uniform(*LENGTHS),
            fiducial=_PUBLISHED,
            label=rf"L_{{{self.label}}}",
            unit="dex",
            description="length over which the systematic error is correlated in energy",
            prior_set=self.name,
        )
        return (*components, length)

    def shifts(self, systematic: Float64) -> dict[str, Float64]:
        """Return what one unit of each z_k adds to each point [n_data], as :attr:`basis` has it."""
        return dict(zip(self.components, (systematic[:, None] * self.basis).T, strict=True))

    def shift(self, nuisances: Mapping[str, Array], systematic: Float64) -> Array:
        """Return the shift of each point [..., n_data] for a free length."""
        components = [nuisances[name] for name in self.components]
        xp = array_namespace(*components)
        length = xp.asarray(nuisances[f"{self.name}_length"])
        factor = xp.linalg.cholesky(self._covariance(length))
        process = xp.matmul(factor, stack_last(xp, components)[..., None])[..., 0]
        return process[..., self.rows] * systematic

    def _covariance(self, length: Any) -> Array:
        """Return the covariance [..., n_places, n_places] for lengths [...]."""
        xp = array_namespace(length)
        distance = self.places[:, None] - self.places[None, :]
        ratio = distance / xp.asarray(length)[..., None, None]
        return xp.exp(-0.5 * ratio**2) + _JITTER * np.eye(len(self.places))

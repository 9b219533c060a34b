"""A free scale of the energies that an experiment measures.

If true energies are s times the measured ones, an experiment that quotes I at a measured energy E has seen

    I_measured(E) = s I(s E),        s = (1 + f)^z,    z ~ N(0, 1) within three standard deviations,

so a falling spectrum is too high by s^(G - 1) for a slope -G, and breaks move. Data sets of one experiment share z by
the name of their nuisance. The sky is asked on a lattice of energies that reaches beyond the bins by the largest shift;
around each energy of the quadrature over a bin, ln I is the polynomial through the eight nearest nodes. As a polynomial
in ln s its coefficients are linear in ln I at the nodes: one matrix product for a batch, and any array library follows
its derivatives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import Field

from crsea_infer.content.toml_files import Entry
from crsea_infer.hypotheses.distributions import normal
from crsea_infer.hypotheses.prior_sets import Parameter
from crsea_infer.inference.likelihoods.extra_components import tex
from crsea_infer.support.arrays import Array, Float64, array_namespace, reshaped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crsea_infer.inference.likelihoods.likelihood import LikelihoodFolder

__all__ = ["EnergyScale", "EnergyScaleEntry"]

_LARGEST: Final = 3.0  # standard deviations of z; beyond lie 0.3 per cent of a normal
_STEP: Final = 0.1  # dex between nodes
_STENCIL: Final = 8


class EnergyScaleEntry(Entry):
    """The table `energy_scale` of a `likelihood.toml`.

    Attributes
    ----------
    fraction
        One standard deviation of the relative error of all energies.
    shared_with
        Data sets of the same experiment, which have the same scale.
    name
        Of the nuisance, in place of the one made of the names of the data sets.
    """

    fraction: float = Field(gt=0.0, le=0.2)
    shared_with: list[str] = Field(default_factory=list)
    name: str | None = None


@dataclass(frozen=True, eq=False)
class EnergyScale:
    """The energy scale of one data set.

    Attributes
    ----------
    nuisance
        z of the module's formula.
    steps
        ln(1 + f), in steps of the lattice.
    lattice
        Energies at which the sky is wanted [n_nodes], GeV.
    polynomials
        Takes ln I at the nodes to the coefficients of ln I(s E) in powers of ln s / step [n_nodes, power * n_energies].
    """

    nuisance: Parameter
    steps: float
    lattice: Float64
    polynomials: Float64

    @classmethod
    def read(
        cls, folder: LikelihoodFolder, entry: EnergyScaleEntry, label: str, energies: Float64, source: str
    ) -> EnergyScale:
        """Make the scale of a data set whose predictions are made of intensities at `energies` [n_energies], GeV."""
        name = entry.name or "_".join((*sorted({folder.name, *entry.shared_with}), "energy_scale"))
        nuisance = Parameter(
            name=name,
            distribution=normal(0.0, 1.0, lower=-_LARGEST, upper=_LARGEST),
            fiducial=0.0,
            label=r"s_" + tex(label),
            description=f"energy scale of {label}, in standard deviations of {100 * entry.fraction:g} per cent",
            source=source,
            prior_set=folder.name,
        )
        log_step = math.log1p(entry.fraction)
        at = np.log(energies)
        low, high = at.min() - _LARGEST * log_step, at.max() + _LARGEST * log_step
        count = max(_STENCIL, math.ceil((high - low) / (_STEP * math.log(10.0)) - 1e-9) + 1)
        nodes = np.linspace(low, high, count)
        step = nodes[1] - nodes[0]
        powers = np.arange(_STENCIL)
        polynomials = np.zeros((count, _STENCIL, energies.size))
        for column, place in enumerate(at):
            nearest = int(np.clip(round((place - low) / step - (_STENCIL - 1) / 2), 0, count - _STENCIL))
            stencil = slice(nearest, nearest + _STENCIL)
            offsets = (nodes[stencil] - place) / step
            polynomials[stencil, :, column] = np.linalg.inv(offsets[:, None] ** powers).T
        return cls(nuisance, log_step / step, np.exp(nodes), polynomials.reshape(count, -1))

    def intensities(self, intensities: Array, nuisances: Mapping[str, Array] | None = None) -> Array:
        """Return I_measured [..., n_energies] from I at the nodes [..., n_nodes]; z is 0 when none is given."""
        xp = array_namespace(intensities)
        coefficients = xp.matmul(xp.log(intensities), xp.asarray(self.polynomials))
        coefficients = reshaped(xp, coefficients, (*coefficients.shape[:-1], _STENCIL, -1))
        if nuisances is None:
            return xp.exp(coefficients[..., 0, :])
        shift = self._shift(nuisances)
        total = coefficients[..., _STENCIL - 1, :]
        for power in range(_STENCIL - 2, -1, -1):
            total = total * shift + coefficients[..., power, :]
        log_ratio = math.log(self.lattice[1] / self.lattice[0])
        return xp.exp(total + shift * log_ratio)

    def best(
        self,
        like: Array,
        complete: Callable[[dict[str, Array]], dict[str, Array]],
        chi2: Callable[[dict[str, Array]], Array],
    ) -> dict[str, Array]:
        """Return the nuisances [...] of least chi2 among those completed from some scales, every quarter of z apart.

        Parameters
        ----------
        like
            Intensities at the nodes [..., n_nodes], for shape and array library.
        complete
            From z by its name to all nuisances.
        chi2
            Of all nuisances [...].
        """
        xp = array_namespace(like)
        steps = np.arange(-_LARGEST, _LARGEST + 0.1, 0.25)
        tried = [complete({self.nuisance.name: xp.full(like.shape[:-1], float(z))}) for z in steps]
        which = xp.argmin(xp.stack([chi2(one) for one in tried], axis=-1), axis=-1)[..., None]
        return {
            name: xp.take_along_axis(xp.stack([one[name] for one in tried], axis=-1), which, axis=-1)[..., 0]
            for name in tried[0]
        }

    def _shift(self, nuisances: Mapping[str, Array]) -> Array:
        """Return ln s over the step of the lattice [..., 1]."""
        z = nuisances[self.nuisance.name]
        return array_namespace(z).asarray(z)[..., None] * self.steps

"""What a prior says of spectra, before any data: bands of local cosmic rays and of gamma rays over its draws.

A prior set is an ingredient, so that its spectra are those of a hypothesis it belongs to: the parameters of the set
vary, all others keep their published values. Of a hypothesis all parameters vary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.emulator.sky_model import Request
from crsea_infer.emulator.sky_of_physics import sky_for
from crsea_infer.hypotheses.distributions import Product
from crsea_infer.hypotheses.hypothesis import available_hypotheses, build_hypothesis, load_hypothesis
from crsea_infer.inference.prediction import intensities
from crsea_infer.physics.local_spectrum import local_intensity
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.hypotheses.prior_sets import PriorSet
    from crsea_infer.physics.local_spectrum import Species
    from crsea_infer.support.arrays import Float64

__all__ = ["Bands", "gamma_bands", "has_local_spectra", "hypothesis_with", "local_bands", "prior_values"]

_BESIDE: Final = ("gamma_optimized", "min", "gas")
"""What a prior set is joined to when no hypothesis has it."""

_SHARES: Final = (0.025, 0.16, 0.5, 0.84, 0.975)
_N_LOCAL, _N_SKY = 2000, 400
_SEED = 1


@dataclass(frozen=True, eq=False)
class Bands:
    """An intensity over the draws of a prior.

    Attributes
    ----------
    energies
        [n], GeV (per nucleon for helium).
    quantiles
        [5, n], at 2.5, 16, 50, 84 and 97.5 %.
    published
        [n], at the published values.
    """

    energies: Float64
    quantiles: Float64
    published: Float64


def hypothesis_with(prior_set: PriorSet) -> Hypothesis:
    """Return a hypothesis that has a prior set: the first named one, or one made with gamma-optimized Min and gas.

    Raises
    ------
    UserError
        When it fits neither, because it gives the same parameters as these.
    """
    for name, (_, members, _) in available_hypotheses().items():
        if prior_set.name in members:
            return load_hypothesis(name)
    beside = [*_BESIDE, str(prior_set.path)]
    try:
        return build_hypothesis("shown", beside, title=f"{prior_set.title}, with {', '.join(_BESIDE)}")
    except UserError as error:
        raise UserError(
            f"the prior set {prior_set.name!r} is in no hypothesis and cannot be joined to {', '.join(_BESIDE)}: "
            f"{error.given}",
            fix="add a hypothesis with it to ./priors/hypotheses.toml; its table is shown without --output",
        ) from error


def has_local_spectra(names: Collection[str]) -> bool:
    """Tell whether some of the names of parameters are those of local proton and helium spectra."""
    return any(name.startswith(("proton_", "helium_", "spectrum_mode_")) for name in names)


def prior_values(
    hypothesis: Hypothesis, varied: Collection[str], n: int, box: Mapping[str, tuple[float, float]] | None = None
) -> dict[str, Float64]:
    """Return `n` draws of the varied parameters [n], all others at their published values; fewer inside a box."""
    free = [one for one in hypothesis.free if one.name in varied]
    values = {one.name: np.full(n, float(one.fiducial)) for one in hypothesis.parameters}
    if free:
        unit = np.random.default_rng(_SEED).random((n, len(free)))
        drawn = np.asarray(Product(tuple(one.distribution for one in free)).prior_transform(unit))
        values |= {one.name: drawn[:, place] for place, one in enumerate(free)}
    kept = np.ones(n, dtype=bool)
    for name, (low, high) in (box or {}).items():
        if name in values:
            kept &= (values[name] >= low) & (values[name] <= high)
    return {name: value[kept] for name, value in values.items()}


def local_bands(hypothesis: Hypothesis, varied: Collection[str], species: Species, energies: Float64) -> Bands:
    """Return the spectrum at the Sun at energies [n] (GeV, per nucleon for helium), m^-2 s^-1 sr^-1 GeV^-1."""
    drawn = np.asarray(local_intensity(species, energies, prior_values(hypothesis, varied, _N_LOCAL)))
    published = {name: np.asarray(value) for name, value in hypothesis.fiducial.items()}
    return Bands(
        energies,
        np.quantile(drawn, _SHARES, axis=0),
        np.asarray(local_intensity(species, energies, published)),
    )


def gamma_bands(
    model: SkyModel, hypothesis: Hypothesis, varied: Collection[str], region: str, energies: Float64
) -> Bands:
    """Return the gamma rays of a region at energies [n] (GeV), GeV^-1 cm^-2 s^-1 sr^-1.

    Raises
    ------
    UserError
        When the sky model cannot have the physics or a parameter of the hypothesis.
    """
    sky = sky_for(model, hypothesis)
    request = Request("gamma", tuple(energies.tolist()), region)
    (drawn,) = intensities(sky, [request], prior_values(hypothesis, varied, _N_SKY, sky.box))
    published = {name: np.asarray(float(value)) for name, value in hypothesis.fiducial.items()}
    (at,) = intensities(sky, [request], published)
    return Bands(energies, np.quantile(drawn["intensity"], _SHARES, axis=0), np.asarray(at["intensity"]))

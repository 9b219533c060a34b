"""Maps of the sky that a hypothesis predicts: posterior mean and standard deviation, component by component.

Maps are of the sea of cosmic rays. What some hypotheses add to it region by region, unresolved sources and a
catalogue's population, has no place on the sky and is left out; the map says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from crsea_infer.emulator.response.bound import LEPTON_SCALES
from crsea_infer.emulator.response.response_sky import EmulatedSky, ExactSky
from crsea_infer.emulator.response.sky_pixels import SkyPixels, refuse_infrared
from crsea_infer.emulator.response.sky_store import electrons_of_sky, nuclei_of_sky
from crsea_infer.inference.catalogue_population import POPULATION_PARAMETERS
from crsea_infer.inference.unresolved_sources import UNRESOLVED_PARAMETERS
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.physics.hadronic import Product
    from crsea_infer.physics.healpix_pixels import Pixelisation
    from crsea_infer.support.arrays import Float64

__all__ = ["LARGEST_SIDE", "SkyMapArrays", "sky_map"]

LARGEST_SIDE: Final = 512
"""NSIDE of the finest map: its pixels of 0.11 degrees are finer than those of the gas, 0.5 degrees."""


@dataclass(frozen=True)
class SkyMapArrays:
    """Maps of all components and energies.

    Attributes
    ----------
    messenger
        "gamma" or "neutrino" (per flavour).
    energies
        GeV, shape [energy].
    sky
        Pixels.
    mean
        Component -> GeV^-1 cm^-2 s^-1 sr^-1, shape [energy, pixel]; "total" first.
    deviation
        Standard deviations over the posterior, likewise; empty at published values.
    n_draws
        Number of draws of the posterior; 1 at published values.
    left_out
        Parameters of the hypothesis that have no part in the map.
    """

    messenger: str
    energies: Float64
    sky: Pixelisation
    mean: Mapping[str, Float64]
    deviation: Mapping[str, Float64]
    n_draws: int
    left_out: tuple[str, ...]


def sky_map(
    model: SkyModel, values: Mapping[str, Float64], messenger: str, energies: Sequence[float], sky: Pixelisation
) -> SkyMapArrays:
    """Return the maps of a sky model.

    Parameters
    ----------
    model
        Emulator of responses, or the solver, with the physics of the hypothesis.
    values
        Every parameter of the hypothesis by name, each of shape [draw].
    messenger
        "gamma" or "neutrino".
    energies
        GeV.
    sky
        Pixels; NSIDE is a power of 2.

    Raises
    ------
    UserError
        When the model knows regions alone, or the messenger, an energy or the resolution is none of a map.
    """
    if messenger not in {"gamma", "neutrino"}:
        raise UserError(f"a map of the messenger {messenger}", valid="gamma, neutrino")
    n_side = sky.n_side
    if n_side < 1 or n_side & (n_side - 1) or n_side > LARGEST_SIDE:
        raise UserError(f"nside = {n_side}", valid=f"a power of 2 from 1 to {LARGEST_SIDE}")
    if not isinstance(model, EmulatedSky | ExactSky):
        raise UserError(
            "a map of the sky by a sky model that knows regions alone, or that joins variants",
            valid="an emulator of responses, such as the one that comes with the package, without [[variants]]",
            fix="ask for regions, or for a run without variants",
        )
    added = (*UNRESOLVED_PARAMETERS, *POPULATION_PARAMETERS)
    left_out = tuple(name for name in values if name in added)
    kept = {name: np.asarray(value, dtype=float) for name, value in values.items() if name not in added}
    n_draws = max(value.size for value in kept.values())
    kept = {name: np.broadcast_to(value, (n_draws,)) for name, value in kept.items()}
    product = cast("Product", messenger)
    refuse_infrared(product, kept)
    wanted = messenger == "gamma" and any(scale in kept for scale in LEPTON_SCALES.values())
    pixels = SkyPixels(
        model.settings,
        nuclei_of_sky(model.settings),
        electrons_of_sky(model.settings) if wanted else None,
        absorption=model.absorption,
    )
    mean: dict[str, list[Float64]] = {}
    deviation: dict[str, list[Float64]] = {}
    for found in pixels.maps(product, energies, kept, sky):
        for name, one in found.items():
            mean.setdefault(name, []).append(one.mean)
            if one.deviation is not None:
                deviation.setdefault(name, []).append(one.deviation)
    return SkyMapArrays(
        messenger,
        np.asarray(energies, dtype=float),
        sky,
        {name: np.stack(maps) for name, maps in mean.items()},
        {name: np.stack(maps) for name, maps in deviation.items()},
        n_draws,
        left_out,
    )

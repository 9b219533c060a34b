"""The keys of a `likelihood.toml` of cosmic rays measured at the Earth.

The model by which the file is read, and from whose words editors describe the keys.
"""

from __future__ import annotations

import math
from typing import Literal

from crsea_infer.inference.likelihoods.cosmic_ray_energy import EnergyQuantity  # noqa: TC001 -- pydantic reads it
from crsea_infer.inference.likelihoods.likelihood import CommonEntry

__all__ = ["CosmicRayFluxEntry"]


class CosmicRayFluxEntry(CommonEntry):
    """Spectra of cosmic rays measured at the Earth.

    Attributes
    ----------
    species
        Protons, helium, or both at the same energy of the nucleus ("light").
    energy
        What the spectrum is measured against; also the name of the column.
    table
        The ECSV table of the intensities.
    systematics
        How systematic errors count: in quadrature, as one shift of all points, or not at all.
    systematic_name
        Name of the shift; data sets that give the same one share it.
    systematic_fraction
        A relative systematic error that stands in for a table without systematic columns.
    energy_scale
        Relative width of the energy scale of the experiment.
    energy_scale_name
        Name of the energy scale, which the species of an experiment share.
    modulation_potential
        Of the force field of the Sun, GV.
    minimum_rigidity, maximum_rigidity
        Points outside are left out, GV.
    """

    species: Literal["proton", "helium", "light"]
    energy: EnergyQuantity
    table: str
    systematics: Literal["diagonal", "correlated", "none"] = "diagonal"
    systematic_name: str | None = None
    systematic_fraction: float | None = None
    energy_scale: float = 0.0
    energy_scale_name: str | None = None
    modulation_potential: float = 0.0
    minimum_rigidity: float = 0.0
    maximum_rigidity: float = math.inf

"""The keys of a `likelihood.toml` that measures spectra: of gamma rays or neutrinos, and of cosmic rays at the Earth.

The models by which the files are read, and from whose words editors describe the keys.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from crsea_infer.inference.likelihoods.cosmic_ray_energy import EnergyQuantity  # noqa: TC001 -- pydantic reads it
from crsea_infer.inference.likelihoods.extra_components import ComponentEntry  # noqa: TC001 -- pydantic reads it
from crsea_infer.inference.likelihoods.flux_systematics import ScatterEntry, SystematicsKey  # noqa: TC001 -- pydantic reads it
from crsea_infer.inference.likelihoods.likelihood import CommonEntry, SpectralSlope

__all__ = ["CosmicRayFluxEntry", "FluxPointsEntry"]


class FluxPointsEntry(CommonEntry):
    """Intensities of a sky region in bins of energy.

    Attributes
    ----------
    messenger
        What was measured; neutrinos per flavour.
    region
        A name (`crsea-infer list regions`), or a box "l=25..100,b=-5..5".
    table
        The ECSV table of the intensities.
    systematics
        How systematic errors hang together: one shift of all points, in quadrature, not at all; or a table.
    systematic_name
        Name of the shift; data sets that give the same one share it.
    extra_scatter
        An independent relative error of every point, of unknown size.
    common_error_share
        For tables without a systematic column: the share of the variance of the quoted errors that is common.
    reference_index
        Spectral index with which the experiment quotes its points; without it, plain means over the bins.
    components_table
        The ECSV table of what the measurement contains beyond the sky model.
    components
        Columns of that table, each with a free norm.
    """

    messenger: Literal["gamma", "neutrino"]
    region: str
    table: str
    systematics: SystematicsKey = "correlated"
    systematic_name: str | None = None
    extra_scatter: ScatterEntry | None = None
    common_error_share: float | None = None
    reference_index: SpectralSlope | None = None
    components_table: str | None = None
    components: list[ComponentEntry] = Field(default_factory=list)


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

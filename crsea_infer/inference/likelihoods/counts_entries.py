"""The keys of a `likelihood.toml` that counts events in a map.

The models by which the file is read, and from whose words editors describe the keys.
"""

from __future__ import annotations

from pydantic import Field

from crsea_infer.inference.likelihoods.extra_components import NormEntry
from crsea_infer.inference.likelihoods.likelihood import CommonEntry

__all__ = ["CountsMapEntry", "IsotropicEntry", "SourceEntry"]


class IsotropicEntry(NormEntry):
    """The isotropic background.

    Attributes
    ----------
    table
        The ECSV table of its intensity.
    """

    table: str


class SourceEntry(NormEntry):
    """Sources, as expected counts.

    Attributes
    ----------
    cube
        The FITS file of the counts, in the pixels and bins of those that were measured.
    """

    cube: str


class CountsMapEntry(CommonEntry):
    """Counts in pixels and bins of energy, with their exposure.

    Attributes
    ----------
    reference
        Where the selection is described.
    selection
        Of events, in words.
    counts, exposure
        FITS files of the cubes.
    regions
        Sky regions that are compared: names (`crsea-infer list regions`), or boxes "l=25..100,b=-5..5".
    mask
        A HEALPix map in FITS, above 0.5 where the sky is kept.
    energy_min, energy_max
        Bins within count, GeV.
    exposure_error
        Relative, common to all bins.
    exposure_error_name
        Name of its parameter; data sets that give the same one share it.
    isotropic
        The isotropic background.
    sources
        Cubes of sources, each with a free norm.
    """

    reference: str
    selection: str
    counts: str
    exposure: str
    regions: list[str]
    mask: str | None = None
    energy_min: float | None = None
    energy_max: float | None = None
    exposure_error: float = Field(default=0.0, ge=0.0, le=10.0)
    exposure_error_name: str | None = None
    isotropic: IsotropicEntry | None = None
    sources: list[SourceEntry] = Field(default_factory=list)

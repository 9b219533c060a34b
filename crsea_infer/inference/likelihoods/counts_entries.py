"""The keys of a `likelihood.toml` that counts events in a map.

The models by which the file is read, and from whose words editors describe the keys.
"""

from __future__ import annotations

from pydantic import Field

from crsea_infer.inference.likelihoods.extra_components import NormEntry
from crsea_infer.inference.likelihoods.likelihood import CommonEntry

__all__ = ["CountsEntry", "CountsMapEntry", "CountsTableEntry", "ExpectedEntry", "IsotropicEntry", "SourceEntry"]


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


class ExpectedEntry(NormEntry):
    """A table [[components]] of counts that are expected beside those of the sky model.

    Attributes
    ----------
    column
        Of the table: the counts at norm 1.
    each_region
        Whether each region has a norm of its own (the number of the region ends its name), or all of them one.
    """

    column: str
    each_region: bool = False


class CountsEntry(CommonEntry):
    """What all counts have: regions, bins and the errors common to many of them.

    Attributes
    ----------
    regions
        Sky regions that are compared: names (`crsea-infer list regions`), or boxes "l=25..100,b=-5..5".
    energy_min, energy_max
        Bins within count, GeV.
    exposure_error
        Relative, common to all bins.
    exposure_error_name
        Name of its parameter; data sets that give the same one share it.
    exposure_tilt
        Relative error of the exposure per decade of energy, from `exposure_tilt_pivot` on.
    exposure_tilt_name
        Name of its parameter, which data sets may share too.
    exposure_tilt_pivot
        Where the exposure does not tilt, GeV: the same for data sets that share the parameter.
    region_error
        Relative error of each region by itself, such as that of the gas behind it.
    """

    regions: list[str]
    energy_min: float | None = None
    energy_max: float | None = None
    exposure_error: float = Field(default=0.0, ge=0.0, le=10.0)
    exposure_error_name: str | None = None
    exposure_tilt: float = Field(default=0.0, ge=0.0, le=1.0)
    exposure_tilt_name: str | None = None
    exposure_tilt_pivot: float = Field(default=30.0, gt=0.0, le=1e9)
    region_error: float = Field(default=0.0, ge=0.0, le=1.0)


class CountsTableEntry(CountsEntry):
    """Counts of regions in a table, as `crsea-infer counts` writes it.

    Attributes
    ----------
    table
        The ECSV table: its column `region` has the places of the regions in `regions`, from 1.
    components
        Columns of expected counts, each with a free norm.
    """

    table: str
    components: list[ExpectedEntry] = Field(default_factory=list)


class CountsMapEntry(CountsEntry):
    """Counts in pixels and bins of energy, with their exposure.

    Attributes
    ----------
    reference
        Where the selection is described.
    selection
        Of events, in words.
    counts, exposure
        FITS files of the cubes.
    mask
        A HEALPix map in FITS, above 0.5 where the sky is kept.
    isotropic
        The isotropic background.
    sources
        Cubes of sources, each with a free norm.
    """

    reference: str
    selection: str
    counts: str
    exposure: str
    mask: str | None = None
    isotropic: IsotropicEntry | None = None
    sources: list[SourceEntry] = Field(default_factory=list)

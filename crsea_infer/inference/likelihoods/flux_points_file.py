"""What the folder of a data set of flux points holds: keys of its `likelihood.toml`, columns of its table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from crsea_infer.content.measurements import Column, MeasurementTable, check_bins, read_table
from crsea_infer.content.toml_files import validate
from crsea_infer.inference.likelihoods.energy_bins import bins_between
from crsea_infer.inference.likelihoods.energy_scale import EnergyScaleEntry  # noqa: TC001  # pydantic reads annotations
from crsea_infer.inference.likelihoods.extra_components import ComponentEntry  # noqa: TC001  # pydantic reads annotations
from crsea_infer.inference.likelihoods.flux_systematics import ScatterEntry, SystematicsKey  # noqa: TC001  # pydantic reads annotations
from crsea_infer.inference.likelihoods.likelihood import CommonEntry, SpectralSlope
from crsea_infer.inference.likelihoods.prediction_errors import PredictionErrorEntry  # noqa: TC001  # pydantic reads annotations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.inference.likelihoods.likelihood import LikelihoodFolder

__all__ = ["COLUMNS", "COLUMN_UNITS", "INTENSITY", "FluxPointsEntry", "read_points"]

INTENSITY: Final = "1 / (GeV cm2 s sr)"
COLUMNS: Final = (
    Column("energy_min", "GeV", "positive"),
    Column("energy_max", "GeV", "positive"),
    Column("energy_reference", "GeV", "positive", required=False),
    Column("intensity", INTENSITY),
    Column("error_low", INTENSITY, "non-negative"),
    Column("error_high", INTENSITY, "non-negative"),
    Column("uncorrelated_systematic", INTENSITY, "non-negative", required=False),
    Column("systematic", INTENSITY, "non-negative", required=False),
    Column("is_upper_limit", None, required=False),
    Column("upper_limit", INTENSITY, "non-negative", required=False),
)

COLUMN_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    "values": (INTENSITY, "intensity, or its upper limit"),
    "energy_min": ("GeV", "lower edge of the bin"),
    "energy_max": ("GeV", "upper edge of the bin"),
    "energy_reference": ("GeV", "energy at which the intensity is quoted"),
    "error_low": (INTENSITY, "error downwards, independent from point to point"),
    "error_high": (INTENSITY, "error upwards, independent from point to point"),
    "systematic": (INTENSITY, "systematic error"),
    "is_upper_limit": ("", "1 for an upper limit, else 0"),
}
"""Unit and description of what is measured."""


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
    energy_scale
        A common relative error of all energies of the experiment.
    common_error_share
        For tables without a systematic column: the share of the variance of the quoted errors that is common.
    reference_index
        Spectral index with which the experiment quotes its points; without it, plain means over the bins.
    components_table
        The ECSV table of what the measurement contains beyond the sky model.
    components
        Columns of that table, each with a free norm.
    prediction_errors
        Errors of the sky model in this data set: the mask, the gas.
    use_prediction_errors
        Which of them a run uses, by name.
    energy_min, energy_max
        In GeV: only bins that lie within count, so that another data set may have the other energies.
    """

    messenger: Literal["gamma", "neutrino"]
    region: str
    table: str
    systematics: SystematicsKey = "correlated"
    systematic_name: str | None = None
    extra_scatter: ScatterEntry | None = None
    energy_scale: EnergyScaleEntry | None = None
    common_error_share: float | None = None
    reference_index: SpectralSlope | None = None
    components_table: str | None = None
    components: list[ComponentEntry] = Field(default_factory=list)
    prediction_errors: list[PredictionErrorEntry] = Field(default_factory=list)
    use_prediction_errors: list[str] = Field(default_factory=list)
    energy_min: float | None = Field(default=None, gt=0.0)
    energy_max: float | None = Field(default=None, gt=0.0)

    def content(self) -> dict[str, Any]:
        """Return the keys as a run knows itself by them: limits of energy only where there are some."""
        unset = {name for name in ("energy_min", "energy_max") if getattr(self, name) is None}
        return self.model_dump(exclude=unset)


def read_points(folder: LikelihoodFolder) -> tuple[FluxPointsEntry, MeasurementTable]:
    """Return the keys of a folder and the rows of its table that lie within the limits of energy.

    Raises
    ------
    UserError
        When a key, the table or its bins are not valid, or no bin lies within the limits.
    """
    entry = validate(FluxPointsEntry, folder.settings, folder.where)
    table = read_table(folder.path.parent / entry.table, COLUMNS)
    check_bins(table, "energy_min", "energy_max", "energy_reference")
    if entry.energy_min is None and entry.energy_max is None:
        return entry, table
    low, high = table.columns["energy_min"], table.columns["energy_max"]
    inside = bins_between(low, high, entry.energy_min, entry.energy_max, folder.where)
    errors = [
        one.model_copy(update={"fraction": [value for value, kept in zip(one.fraction, inside, strict=True) if kept]})
        if isinstance(one.fraction, list) and len(one.fraction) == len(table)
        else one
        for one in entry.prediction_errors
    ]
    columns = {name: values[inside] for name, values in table.columns.items()}
    return entry.model_copy(update={"prediction_errors": errors}), replace(table, columns=columns)

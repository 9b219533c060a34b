"""What the folder of a data set of flux points holds: keys of its `likelihood.toml`, columns of its table."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from crsea_infer.content.measurements import Column
from crsea_infer.inference.likelihoods.energy_scale import EnergyScaleEntry  # noqa: TC001  # pydantic reads annotations
from crsea_infer.inference.likelihoods.extra_components import ComponentEntry  # noqa: TC001  # pydantic reads annotations
from crsea_infer.inference.likelihoods.flux_systematics import ScatterEntry, SystematicsKey  # noqa: TC001  # pydantic reads annotations
from crsea_infer.inference.likelihoods.likelihood import CommonEntry, SpectralSlope

__all__ = ["COLUMNS", "INTENSITY", "FluxPointsEntry"]

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
)


class FluxPointsEntry(CommonEntry):
    """The keys."""

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

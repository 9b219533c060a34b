"""What a grid or an emulator file says of itself, checked key by key before anything uses it.

Descriptions are JSON that anybody may have written. Each has a model here that fixes keys, types and ranges; the first
thing that is wrong becomes one message. What is read is plain data: no file that a description names is opened.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from crsea_infer.content.toml_files import Entry, validate
from crsea_infer.physics.gas import X_CO
from crsea_infer.physics.regions import parse_region
from crsea_infer.physics.sources import SOURCE_DISTRIBUTIONS
from crsea_infer.physics.transport import DELTA_SLOPES, HALO_HEIGHTS, LARGEST_RIM, TransportSettings
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "GeometryHeader",
    "Metadata",
    "ParameterEntry",
    "ResponseHeader",
    "Settings",
    "SpectraDescription",
    "SpectraHeader",
    "SpectrumEntry",
    "described",
]

EntryType = TypeVar("EntryType", bound=Entry)
_SHOWN: Final = 300
_MASK: Final = re.compile(r"\s*,\s*mask\s*=\s*(.*?)\s*$")


def _region(text: str) -> str:
    """Refuse what is no sky region; the file of a mask is not looked at."""
    try:
        parse_region(_MASK.sub("", text))
    except UserError as error:
        raise ValueError(f"{error.given}; valid: {error.valid}") from error
    return text


def _region_key(text: str) -> str:
    mask = _MASK.search(text)
    return parse_region(_MASK.sub("", text)).name + (f",mask={mask[1]}" if mask else "")


def _sources(name: str) -> str:
    if name not in SOURCE_DISTRIBUTIONS:
        raise ValueError(f"{name!r} is no distribution of sources; valid: {', '.join(SOURCE_DISTRIBUTIONS)}")
    return name


def _increasing(values: list[float]) -> list[float]:
    if any(one >= other for one, other in pairwise(values)):
        raise ValueError("the values do not increase")
    return values


Name = Annotated[str, Field(min_length=1, max_length=200)]
RegionName = Annotated[str, Field(max_length=4000), AfterValidator(_region)]
Positive = Annotated[float, Field(gt=0.0, le=1e300)]
NotNegative = Annotated[float, Field(ge=0.0)]
Increasing = Annotated[list[Positive], Field(min_length=1), AfterValidator(_increasing)]
Messenger = Literal["gamma", "neutrino", "proton", "helium"]


class ParameterEntry(Entry):
    """One parameter: name, unit, range and scale."""

    name: Name
    lower: float
    upper: float
    unit: Annotated[str, Field(max_length=200)] = ""
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _range(self) -> ParameterEntry:
        if not self.lower < self.upper or (self.scale == "log" and self.lower <= 0.0):
            raise ValueError(f"{self.name!r} has the range {self.lower:g} to {self.upper:g} ({self.scale})")
        return self


class AxisEntry(ParameterEntry):
    """One axis of a response grid."""

    name: Literal["delta_slope", "halo_height"]
    n_nodes: Annotated[int, Field(ge=1, le=1000)]

    @model_validator(mode="after")
    def _physical(self) -> AxisEntry:
        unit = {"delta_slope": "1/kpc", "halo_height": "kpc"}[self.name]
        if self.unit not in {"", unit}:
            raise ValueError(f"{self.name} is in {self.unit!r}; valid: {unit!r}")
        low, high = {"delta_slope": DELTA_SLOPES, "halo_height": HALO_HEIGHTS}[self.name]
        if not low <= self.lower < self.upper <= high:
            raise ValueError(
                f"{self.name} runs from {self.lower:g} to {self.upper:g} {unit}; valid: within {low:g} to {high:g}"
            )
        return self


class TransportEntry(Entry):
    """Choices of :class:`crsea_infer.physics.transport.TransportSettings`."""

    sources: Annotated[str, AfterValidator(_sources)]
    sun_radius: Annotated[float, Field(gt=0.0, le=100.0)]
    disc_radius: Annotated[float, Field(gt=0.0, le=LARGEST_RIM)]
    saturation_radius: Annotated[float, Field(gt=0.0, le=LARGEST_RIM)] | None = None
    n_radial: Annotated[int, Field(ge=2, le=100_000)]
    n_modes: Annotated[int, Field(ge=1, le=10_000)]

    @model_validator(mode="after")
    def _inside(self) -> TransportEntry:
        try:
            TransportSettings(**self.model_dump())
        except UserError as error:
            raise ValueError(f"{error.given}; valid: {error.valid}") from error
        return self


class SightEntry(Entry):
    """Choices of :class:`crsea_infer.physics.geometry.LineOfSight`."""

    step: Annotated[float, Field(ge=1e-4, le=10.0)]
    sun_radius: Annotated[float, Field(gt=0.0, le=100.0)]
    heights: Annotated[list[NotNegative], Field(min_length=2, max_length=10_000), AfterValidator(_increasing)]
    x_co: Annotated[list[Positive], Field(min_length=len(X_CO), max_length=len(X_CO))]


class ElectronsEntry(Entry):
    """Choices of :class:`crsea_infer.physics.electrons.ElectronSettings`."""

    diffusion_coefficient: Positive
    reference_height: Positive
    delta_sun: Annotated[float, Field(ge=-3.0, le=3.0)]
    injection_slope: Annotated[float, Field(ge=-10.0, le=10.0)]
    cutoff: Positive
    magnetic_field: NotNegative
    magnetic_length: Positive
    magnetic_height: Positive
    n_radial: Annotated[int, Field(ge=2, le=100_000)]
    n_modes: Annotated[int, Field(ge=1, le=10_000)]
    steps_per_decade: Annotated[int, Field(ge=1, le=10_000)]
    lowest: Positive
    decades: Annotated[int, Field(ge=1, le=30)]
    thinning: Annotated[int, Field(ge=1, le=10_000)]
    radiation_field: Literal["discs", "uniform"] = "discs"


class Settings(Entry):
    """Everything that determines a response grid; see :class:`crsea_infer.grids.response_grid.GridSettings`."""

    regions: Annotated[list[RegionName], Field(min_length=1, max_length=100_000)]
    axes: Annotated[list[AxisEntry], Field(min_length=2, max_length=2)]
    n_rigidity: Annotated[int, Field(ge=2, le=1000)]
    transport: TransportEntry
    line_of_sight: SightEntry
    cross_section: Literal["kelner-aharonian", "aafrag"]
    nuclear_enhancement: Annotated[float, Field(gt=0.0, le=100.0)]
    electrons: ElectronsEntry | None
    gas: str
    lepton_heights: Annotated[list[NotNegative], AfterValidator(_increasing)] | None
    gas_model: Literal["rings", "analytic"] = "rings"

    @field_validator("regions")
    @classmethod
    def _regions_differ(cls, regions: list[str]) -> list[str]:
        known: set[str] = set()
        for key in map(_region_key, regions):
            if key in known:
                raise ValueError(f"the region {key!r} stands there twice")
            known.add(key)
        return regions

    @model_validator(mode="after")
    def _complete(self) -> Settings:
        if self.axes[0].name == self.axes[1].name:
            raise ValueError(f"the axis {self.axes[0].name!r} stands there twice")
        if (self.electrons is None) != (self.lepton_heights is None):
            raise ValueError("electrons and lepton_heights must be both there or both null")
        return self


class SpectrumEntry(Entry):
    """What one spectrum is; see :class:`crsea_infer.grids.spectra_grid.Spectrum`."""

    messenger: Messenger
    region: RegionName | None
    component: Name
    energies: Annotated[Increasing, Field(max_length=1_000_000)]

    @model_validator(mode="after")
    def _place(self) -> SpectrumEntry:
        if (self.region is None) != (self.messenger in {"proton", "helium"}):
            raise ValueError("gamma rays and neutrinos have a region, cosmic rays at the Sun have none")
        return self


class SpectraDescription(Entry):
    """Parameters and spectra of a spectra grid."""

    parameters: Annotated[list[ParameterEntry], Field(max_length=10_000)]
    spectra: Annotated[list[SpectrumEntry], Field(min_length=1, max_length=1_000_000)]

    @model_validator(mode="after")
    def _distinct(self) -> SpectraDescription:
        names = [parameter.name for parameter in self.parameters]
        kinds = [(one.messenger, one.region, one.component) for one in self.spectra]
        for words in (names, kinds):
            twice = next((one for i, one in enumerate(words) if one in words[:i]), None) if _repeats(words) else None
            if twice is not None:
                raise ValueError(f"{twice!r} stands there twice")
        return self


def _repeats(words: list[Any]) -> bool:
    return len(set(words)) < len(words)


class Summary(Entry):
    """Errors of one spectrum or of all: parts of a validation table."""

    median: NotNegative
    root_mean_square: NotNegative
    quantile_99: NotNegative
    quantile_999: Annotated[NotNegative, Field(alias="quantile_99.9")]
    maximum: NotNegative


class ValidationEntry(Summary):
    """The table of :mod:`crsea_infer.emulator.validation_table`."""

    n_points: Annotated[int, Field(ge=1)]
    spectra: dict[str, Summary]
    relative_error: NotNegative


class Metadata(Entry):
    """What an emulator file says beside its settings; further keys are the user's own."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False, frozen=True)

    grid_hash: Annotated[str, Field(max_length=200)] | None = None
    n_points: Annotated[int, Field(ge=1)] | None = None
    provenance: dict[str, Any] = Field(default_factory=dict)
    validation: ValidationEntry | None = None


class _Header(Entry):
    """What every emulator file says first."""

    format: str
    kind: str
    crsea_infer_version: Annotated[str, Field(max_length=200)]
    sha256: str


class ResponseHeader(_Header):
    """Header of a response emulator."""

    settings: Settings
    metadata: Metadata


class RegionHeader(_Header):
    """Header of a kept sky region."""

    key: str
    region: str
    physics: str = ""
    particles: str
    n_terms: Annotated[int, Field(ge=1, le=1_000_000)]
    shape: Annotated[list[Annotated[int, Field(ge=1, le=1_000_000)]], Field(min_length=1, max_length=8)]


class GeometryHeader(_Header):
    """Header of the geometry of the whole sky."""

    key: str
    physics: str = ""
    particles: str
    sizes: Annotated[list[Annotated[int, Field(ge=1, le=10_000)]], Field(min_length=1, max_length=100)]


class SpectraHeader(_Header, SpectraDescription):
    """Header of a spectra emulator."""

    metadata: Metadata


def described(entry: type[EntryType], content: Mapping[str, Any], where: str, fix: str) -> EntryType:
    """Check a description.

    Parameters
    ----------
    entry
        What it must be.
    content
        What a file says.
    where, fix
        The file, and what helps, for the message.

    Raises
    ------
    UserError
        For the first key that is unknown, missing or wrong.
    """
    try:
        return validate(entry, content, where)
    except UserError as error:
        raise UserError(error.given[:_SHOWN], valid=error.valid[:_SHOWN], fix=fix) from error

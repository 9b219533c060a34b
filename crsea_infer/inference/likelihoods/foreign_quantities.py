"""Which quantity a table of flux points has, and what turns its numbers into intensities.

Columns are called by the names of GADF, whatever the table calls them, and the quantity is what the table says it is,
or what the user says. Its unit must fit: what is per steradian is an intensity already, what is not is divided by the
solid angle of the region.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.content.column_synonyms import known_as
from crsea_infer.content.foreign_columns import ForeignColumn
from crsea_infer.content.printed_units import printed_unit
from crsea_infer.physics.regions import parse_region
from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.content.foreign_columns import ForeignTable
    from crsea_infer.support.arrays import Float64

__all__ = ["QUANTITIES", "Factor", "Reading", "by_gadf_name", "quantity_of", "unit_factor"]

QUANTITIES: Final = ("dnde", "e2dnde", "flux", "eflux", "norm")
_GADF: Final = {
    "energy_reference": "e_ref",
    "energy": "e_ref",
    "energy_min": "e_min",
    "energy_max": "e_max",
    "intensity": "dnde",
    "error": "dnde_err",
    "error_low": "dnde_errn",
    "error_high": "dnde_errp",
    "upper_limit": "dnde_ul",
    "is_upper_limit": "is_ul",
    "systematic": "sys",
    "systematic_low": "sys_low",
    "systematic_high": "sys_high",
}


@dataclass(frozen=True)
class Reading:
    """What the user says of a table, where the table itself does not.

    Attributes
    ----------
    region
        Sky region that was measured.
    quantity
        One of `QUANTITIES`, for tables that do not say.
    energy_unit, flux_unit
        For columns without units.
    limit_column
        Which column has the upper limits.
    confidence_level
        Of the limits, of one side.
    bin_dex
        Width of the bins in decades, for points without edges.
    reference_index
        Spectral index with which points are quoted at their energy; None when it is not said, "mean" when the points
        are means over their bins.
    systematic
        What one error is made of two that differ: "mean" or "larger"; "none" leaves systematic errors out.
    """

    region: str
    quantity: str | None = None
    energy_unit: str | None = None
    flux_unit: str | None = None
    limit_column: str | None = None
    confidence_level: float | None = None
    bin_dex: float | None = None
    reference_index: float | str | None = None
    systematic: str | None = None


def by_gadf_name(table: ForeignTable) -> dict[str, ForeignColumn]:
    """Return the columns of a table by GADF's names; those of plain tables by what this package or others call them."""
    found: dict[str, ForeignColumn] = {}
    for name, column in table.columns.items():
        lower = name.strip().lower()
        is_gadf = lower.split("_")[0] in {*QUANTITIES, "ref"} or lower in {"e_ref", "e_min", "e_max", "is_ul"}
        word = lower if is_gadf else _GADF.get(known_as(name) or "", name)
        if word in found and word in {"e_ref", "e_min", "e_max", "dnde", "is_ul"}:
            raise UserError(f"{table.path}: two columns could be meant by {word}", fix=f"remove or rename {name!r}")
        found.setdefault(word, column)
    return found


def quantity_of(table: ForeignTable, columns: dict[str, ForeignColumn], reading: Reading, where: str) -> str:
    """Return the quantity that a table has: "dnde", "e2dnde" or "flux". Columns that mean it are renamed in place.

    Raises
    ------
    UserError
        When it is not said, not there, or is one from which no intensity follows.
    """
    said = reading.quantity or str(table.metadata.get("SED_TYPE", table.metadata.get("sed_type", ""))).strip().lower()
    said = "norm" if said == "likelihood" else said
    present = [one for one in QUANTITIES if one in columns]
    if said and said not in QUANTITIES:
        raise unknown_name("quantity", said, QUANTITIES, where=where)
    if said and said not in columns and reading.quantity and len(present) == 1:
        # What the user says of the only column there is, such as "flux is e2dnde", counts.
        return _renamed(columns, present[0], said)
    chosen = said or (present[0] if present else "")
    if chosen not in columns:
        raise UserError(
            f"{where}: has no column of {chosen or 'fluxes'}; it has {', '.join(table.columns)}",
            valid="a column dnde, e2dnde, flux or norm (with ref_dnde), with its errors",
            fix=_rename_hint(table),
        )
    if chosen == "norm":
        _make_dnde(columns, where)
        chosen = "dnde"
    if chosen == "flux" and _is_differential(columns["flux"], reading, where):
        chosen = _renamed(columns, "flux", "dnde")  # papers call a differential flux so; its unit says what it is
    if chosen == "eflux":
        raise UserError(
            f"{where}: has eflux, the energy flux of a bin, which gives an intensity only if a spectrum is assumed",
            valid="dnde, e2dnde, flux, or norm with ref_dnde",
            fix="write the points again with sed_type='dnde' or 'likelihood' (gammapy: FluxPoints.write)",
        )
    return chosen


def _rename_hint(table: ForeignTable) -> str:
    free = [name for name in table.columns if known_as(name) is None]
    return f"rename the column of the fluxes to dnde{' (' + ', '.join(free[:5]) + ')' if free else ''}"


def _renamed(columns: dict[str, ForeignColumn], old: str, new: str) -> str:
    for name in [one for one in columns if one == old or one.startswith(f"{old}_")]:
        columns[new + name.removeprefix(old)] = columns.pop(name)
    return new


def _make_dnde(columns: dict[str, ForeignColumn], where: str) -> None:
    """Put norm times ref_dnde into the columns dnde, dnde_err and so on."""
    if "ref_dnde" not in columns:
        raise UserError(f"{where}: has norm without ref_dnde", valid="both, as gammapy writes them")
    reference = columns["ref_dnde"]
    for name in [one for one in columns if one == "norm" or one.startswith("norm_")]:
        made = ForeignColumn(columns[name].values * reference.values, reference.unit)
        columns["dnde" + name.removeprefix("norm")] = made


def _is_differential(column: ForeignColumn, reading: Reading, where: str) -> bool:
    from astropy import units

    text = column.unit or reading.flux_unit
    if text is None:
        return False
    unit = printed_unit(text, where) * units.Unit("cm2 s GeV")
    return bool(unit.is_equivalent("") or (unit * units.sr).is_equivalent(""))


@dataclass(frozen=True, eq=False)
class Factor:
    """What turns the columns of a quantity into intensities.

    Attributes
    ----------
    shape
        [n], what does not come of units: a power of energy, the width of a bin, the solid angle.
    solid_angle
        By which was divided, sr; None for what is per steradian already.
    unit, target
        Of the quantity as printed, and what it is converted to.
    where
        Opens messages.
    """

    shape: Float64
    solid_angle: float | None
    unit: str
    target: str
    where: str

    @classmethod
    def of(
        cls,
        columns: Mapping[str, ForeignColumn],
        quantity: str,
        centre: Float64,
        low: Float64,
        high: Float64,
        reading: Reading,
        where: str,
    ) -> Factor:
        """Return that of a quantity at points of energies [n], GeV; raises UserError when its unit does not fit."""
        from astropy import units

        text = columns[quantity].unit or reading.flux_unit
        if text is None:
            raise UserError(
                f"{where}: column {quantity!r} has no unit",
                fix="say it with --flux-unit, such as 'TeV-1 cm-2 s-1 sr-1'",
            )
        target, shape = {
            "dnde": ("1 / (GeV cm2 s)", np.ones_like(centre)),
            "e2dnde": ("GeV / (cm2 s)", centre**-2.0),
            "flux": ("1 / (cm2 s)", 1.0 / (high - low)),
        }[quantity]
        unit = printed_unit(text, f"{where}: column {quantity!r}")
        region = parse_region(reading.region)
        if (unit * units.sr).is_equivalent(target):
            return cls(shape, None, text, target.replace(")", " sr)"), where)
        if unit.is_equivalent(target):
            angle = region.solid_angle
            if not angle > 0:
                raise UserError(f"the region {reading.region!r} has no solid angle", valid="a region that is not empty")
            return cls(shape / angle, angle, text, target, where)
        raise UserError(
            f"{where}: column {quantity!r} has the unit {text!r}",
            valid=f"a unit that converts to {target}, or that per sr",
            fix="say what it is with --quantity dnde, e2dnde or flux",
        )

    def apply(self, column: ForeignColumn, name: str) -> Float64:
        """Return a column as intensities; one without a unit has that of the quantity."""
        return column.values * (
            unit_factor(column.unit or self.unit, self.target, f"{self.where}: column {name!r}") * self.shape
        )


def unit_factor(text: str, target: str, where: str) -> float:
    """Return what a number in a printed unit is multiplied with; raises UserError for another kind of unit."""
    from astropy import units

    unit = printed_unit(text, where)
    try:
        return float(unit.to(units.Unit(target)))
    except units.UnitConversionError as error:
        raise UserError(f"{where}: has the unit {text!r}", valid=f"a unit that converts to {target}") from error

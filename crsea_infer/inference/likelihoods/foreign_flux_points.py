"""From flux points as others write them to the columns of a data set of flux points.

Four quantities are in use (GADF): ``dnde`` at an energy, ``e2dnde`` = E^2 dnde, ``flux`` integrated over a bin, and
``eflux``, the energy integrated over a bin; and ``norm`` relative to a reference spectrum. The first two and ``norm``
become an intensity at the energy of the point, a flux its mean over the bin: no spectrum is assumed. The energy
integrated over a bin says nothing of the number of photons without one, and is refused.

Fluxes of a region, without "per steradian", are divided by the region's solid angle. An upper limit is read from its
own column, never from that of the best fit, and its confidence level must be known: that of one side, so that a
limit of n standard deviations has Phi(n). gammapy writes ``UL_CONF`` = 2 Phi(n) - 1 into the header, that of two sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from crsea_infer.content.column_synonyms import known_as
from crsea_infer.inference.likelihoods.foreign_quantities import Factor, by_gadf_name, quantity_of, unit_factor
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.content.foreign_columns import ForeignColumn, ForeignTable
    from crsea_infer.inference.likelihoods.foreign_quantities import Reading
    from crsea_infer.support.arrays import Float64

__all__ = ["ConvertedPoints", "convert"]

_PER_BIN: Final = ("flux", "eflux")
_SYSTEMATIC: Final = ("mean", "larger", "none")
_POWER_LAW: Final = 1e-3
"""How far, in ln(flux), a reference spectrum may be from a power law and still be called one."""


@dataclass(frozen=True, eq=False)
class ConvertedPoints:
    """Flux points in GeV and GeV^-1 cm^-2 s^-1 sr^-1.

    Attributes
    ----------
    columns
        As a table of flux points has them [n].
    reference_index
        For `likelihood.toml`; None for means over bins.
    confidence_level
        Of one side; None without upper limits.
    has_systematic
        Whether there is a systematic error.
    notes
        What was done, a sentence each.
    """

    columns: Mapping[str, Float64]
    reference_index: float | None
    confidence_level: float | None
    has_systematic: bool
    notes: tuple[str, ...]


def convert(table: ForeignTable, reading: Reading) -> ConvertedPoints:
    """Return the points of a table in the columns and units of this package.

    Raises
    ------
    UserError
        When something is missing, ambiguous, or could only be had by assuming a spectrum.
    """
    columns = by_gadf_name(table)
    where = str(table.path)
    quantity = quantity_of(table, columns, reading, where)
    notes: list[str] = []
    energies = _energies(columns, reading, where)
    low, high, centre = _bins(energies, reading, where, notes)
    factor = Factor.of(columns, quantity, centre, low, high, reading, where)
    if factor.solid_angle is None:
        notes.append(f"{quantity} is per steradian already: the solid angle of {reading.region} was not used")
    else:
        notes.append(f"{quantity} was divided by the {factor.solid_angle:.5g} sr of {reading.region}")
    values = factor.apply(columns[quantity], quantity)
    limits = _flags(columns, where)
    upper, level = _limits(table, columns, quantity, factor, limits, reading, notes)
    lower_error, upper_error = _errors(columns, quantity, factor, limits, where)
    values = np.where(limits, upper, values)
    _refuse_empty(quantity, values, where)
    result = {
        "energy_min": low,
        "energy_max": high,
        "energy_reference": centre,
        "intensity": values,
        "error_low": np.where(limits, 0.0, lower_error),
        "error_high": np.where(limits, 0.0, upper_error),
    }
    systematic = _systematic(columns, factor, reading, where, notes)
    if systematic is not None:
        result["systematic"] = np.where(limits, 0.0, systematic)
    if limits.any():
        result["is_upper_limit"] = limits.astype(np.float64)
        result["upper_limit"] = np.where(limits, upper, 0.0)
    index = _index(columns, quantity, centre, reading, where, notes)
    return ConvertedPoints(result, index, level, systematic is not None, tuple(notes))


def _energies(columns: Mapping[str, ForeignColumn], reading: Reading, where: str) -> dict[str, Float64]:
    """Return e_ref, e_min and e_max in GeV, those that there are."""
    found = {}
    printed = next(
        (columns[one].unit for one in ("e_ref", "e_min", "e_max") if one in columns and columns[one].unit), None
    )
    for name in ("e_ref", "e_min", "e_max"):
        if name not in columns:
            continue
        text = columns[name].unit or printed or reading.energy_unit
        if text is None:
            raise UserError(f"{where}: column {name!r} has no unit", fix="say it with --energy-unit, such as TeV")
        found[name] = columns[name].values * unit_factor(text, "GeV", f"{where}: column {name!r}")
        _refuse_empty(name, found[name], where)
    return found


def _bins(
    energies: Mapping[str, Float64], reading: Reading, where: str, notes: list[str]
) -> tuple[Float64, Float64, Float64]:
    if "e_min" in energies and "e_max" in energies:
        low, high = energies["e_min"], energies["e_max"]
        return low, high, energies.get("e_ref", np.sqrt(low * high))
    if "e_ref" not in energies:
        raise UserError(f"{where}: has no energies", valid="e_min and e_max, or e_ref", fix="name the columns so")
    if reading.bin_dex is None:
        raise UserError(
            f"{where}: has no e_min and e_max, the edges of the bins",
            valid="columns e_min and e_max, or bins of one width about e_ref",
            fix="add them, or say the width of the bins in decades with --bin-dex, such as 0.2",
        )
    half = 10 ** (0.5 * reading.bin_dex)
    notes.append(f"the bins are {reading.bin_dex:g} decades wide about e_ref, as you said: the table has no edges")
    return energies["e_ref"] / half, energies["e_ref"] * half, energies["e_ref"]


def _flags(columns: Mapping[str, ForeignColumn], where: str) -> np.typing.NDArray[np.bool_]:
    if "is_ul" not in columns:
        return np.zeros(len(next(iter(columns.values())).values), dtype=bool)
    flags = columns["is_ul"].values
    if not np.isin(flags, (0.0, 1.0)).all():
        raise UserError(
            f"{where}: column 'is_ul' holds {flags[~np.isin(flags, (0.0, 1.0))][0]:g}", valid="True or False"
        )
    return np.asarray(flags > 0)


def _limits(
    table: ForeignTable,
    columns: Mapping[str, ForeignColumn],
    quantity: str,
    factor: Factor,
    limits: np.typing.NDArray[np.bool_],
    reading: Reading,
    notes: list[str],
) -> tuple[Float64, float | None]:
    """Return the limits [n] (NaN where there are none) and their confidence level."""
    where = str(table.path)
    if not limits.any():
        return np.full(limits.size, np.nan), None
    name = reading.limit_column or f"{quantity}_ul"
    column = table.columns.get(name) if reading.limit_column else columns.get(name)
    if column is None:
        raise UserError(
            f"{where}: has upper limits ({limits.sum()} of {limits.size} points), but "
            f"no column {name!r} with the limits; "
            f"in {quantity!r} the best fit stands, limit or not",
            valid=", ".join(table.columns),
            fix="name the column of the limits with --limit-column",
        )
    if reading.limit_column in {quantity, *(one for one in table.columns if known_as(one) == "intensity")}:
        fitted = [columns[one].values for one in (f"{quantity}_err", f"{quantity}_errn") if one in columns]
        if any((np.nan_to_num(one)[limits] > 0).any() for one in fitted):
            raise UserError(
                f"{where}: --limit-column {name}, but the points that are limits have errors there: it is the best fit",
                valid=", ".join(one for one in table.columns if one != name),
            )
    level = reading.confidence_level
    header = table.metadata.get("UL_CONF")
    if level is not None:
        notes.append(f"upper limits: column {name}, confidence level {level:g} of one side, as you said")
    elif isinstance(header, float | np.floating) and 0.0 < header < 1.0:
        level = 0.5 * (1.0 + float(header))
        sigma = float(special.ndtri(level))
        notes.append(
            f"upper limits: column {name}, UL_CONF = {header:g}, which gammapy counts on two sides ({sigma:.3g} "
            f"standard deviations): confidence level {level:.6g} of one side"
        )
    else:
        raise UserError(
            f"{where}: has upper limits, and does not say their confidence level (no UL_CONF in its header)",
            valid="a number between 0.5 and 1, of one side: 0.95, or 0.9772 for two standard deviations",
            fix="say it with --confidence-level",
        )
    upper = factor.apply(column, name)
    wrong = limits & ~(np.nan_to_num(upper) > 0)
    if wrong.any():
        raise UserError(
            f"{where}: column {name!r}, row {int(np.argmax(wrong)) + 1}: is no limit above 0", valid="a limit above 0"
        )
    return upper, round(level, 7)


def _errors(
    columns: Mapping[str, ForeignColumn],
    quantity: str,
    factor: Factor,
    limits: np.typing.NDArray[np.bool_],
    where: str,
) -> tuple[Float64, Float64]:
    """Return the errors downwards and upwards [n]; those of both sides where the table has no others."""
    both = columns.get(f"{quantity}_err", columns.get("dnde_err"))
    found = []
    for ending in ("errn", "errp"):
        own = columns.get(f"{quantity}_{ending}", columns.get(f"dnde_{ending}"))
        name = f"{quantity}_{ending}"
        values = np.full(limits.size, np.nan) if own is None else factor.apply(own, name)
        if both is not None:
            values = np.where(np.isfinite(values), values, factor.apply(both, f"{quantity}_err"))
        wrong = ~limits & ~(np.nan_to_num(values) > 0)
        if wrong.any():
            known = ", ".join(columns)
            raise UserError(
                f"{where}: row {int(np.argmax(wrong)) + 1} has no error above 0"
                + ("" if own is not None or both is not None else f"; the columns are {known}"),
                valid=f"{quantity}_err, or {quantity}_errn and {quantity}_errp",
                fix="name the columns of the errors so" if own is None and both is None else "remove the row",
            )
        found.append(np.nan_to_num(values))
    return found[0], found[1]


def _systematic(
    columns: Mapping[str, ForeignColumn], factor: Factor, reading: Reading, where: str, notes: list[str]
) -> Float64 | None:
    if reading.systematic == "none" or not {"sys", "sys_low", "sys_high"} & columns.keys():
        return None
    if "sys" in columns:
        return np.nan_to_num(factor.apply(columns["sys"], "sys"))
    sides = [np.nan_to_num(factor.apply(columns[one], one)) for one in ("sys_low", "sys_high") if one in columns]
    if len(sides) == 1 or np.allclose(sides[0], sides[-1], rtol=1e-6, atol=0.0):
        return sides[0]
    if reading.systematic is None:
        raise UserError(
            f"{where}: systematic errors downwards and upwards differ, and a data set of flux points has one",
            valid=", ".join(_SYSTEMATIC),
            fix="say which with --systematic: their mean, the larger, or none of them",
        )
    notes.append(f"systematic errors: the {reading.systematic} of those downwards and upwards")
    return np.asarray(np.mean(sides, axis=0) if reading.systematic == "mean" else np.max(sides, axis=0))


def _index(
    columns: Mapping[str, ForeignColumn],
    quantity: str,
    centre: Float64,
    reading: Reading,
    where: str,
    notes: list[str],
) -> float | None:
    """Return the spectral index with which the points are quoted at their energies; None for means over bins."""
    if quantity in _PER_BIN:
        notes.append("a flux over its bin is the mean over the bin: no spectral index is assumed")
        return None
    if isinstance(reading.reference_index, int | float):
        return float(reading.reference_index)
    if reading.reference_index == "mean":
        return None
    if "ref_dnde" in columns and centre.size > 1:
        log_energy, log_flux = np.log(centre), np.log(columns["ref_dnde"].values)
        slope, level = np.polyfit(log_energy, log_flux, 1)
        if np.abs(log_flux - slope * log_energy - level).max() < _POWER_LAW:
            index = round(-float(slope), 4)
            notes.append(f"the reference spectrum of the file is a power law of index {index:g}: reference_index")
            return index
    raise UserError(
        f"{where}: does not say with which spectral index its points are quoted at their energies",
        valid="the index of the assumed E^-G (gammapy: that of the spectral model of the fit), or mean",
        fix="say it with --reference-index, such as 2.7; 'mean' if the points are means over their bins",
    )


def _refuse_empty(name: str, values: Float64, where: str) -> None:
    wrong = ~np.isfinite(values)
    if wrong.any():
        raise UserError(
            f"{where}: column {name!r}, row {int(np.argmax(wrong)) + 1}: there is no number",
            valid="a number in every row",
            fix="remove the row from the file",
        )

"""Local spectra from a table, times smooth corrections.

A parameter called `proton_table_NAME` (or `helium_table_NAME`) takes the table NAME in place of a broken power law, and
its value multiplies it. In a rigidity rho the intensity is

    J(rho) = scale J_table(rho) (rho / 10 TV)^tilt exp(sum_k z_k m_k(rho)),

with `proton_tilt` free if given, and z_k = `spectrum_mode_1`, ... the components of the published error: m_k stands in
the table, and one z_k moves protons and helium together. Between the rows J_table and m_k are cubic splines in
ln rho; beyond the table J_table goes on as a power law and m_k stays as it is at the end.
"""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.interpolate import CubicSpline

from crsea_infer.content.spectrum_tables import load_spectrum_table
from crsea_infer.support.arrays import Array, Float64, array_namespace, stack_last
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crsea_infer.content.spectrum_tables import SpectrumTable

__all__ = ["TABLE_STEMS", "TILT_PIVOT", "table_name", "table_parameter", "tabulated_intensity"]

TABLE_STEMS: Final[Mapping[str, str]] = MappingProxyType({"proton": "proton_table_", "helium": "helium_table_"})
"""How the parameter begins that takes a table; the rest of its name is that of the table."""

TILT_PIVOT: Final = 1.0e4
"""Rigidity that a tilt leaves alone, GV."""


def table_parameter(species: str, names: Iterable[str]) -> str | None:
    """Return which of the names of parameters takes a table for a species; None when none does."""
    found = [name for name in names if name.startswith(TABLE_STEMS[species])]
    if len(found) > 1:
        raise UserError(f"{' and '.join(found)} are given side by side", valid=f"one table for the {species} spectrum")
    return found[0] if found else None


def table_name(parameter: str) -> str | None:
    """Return the table that a parameter takes; None when it takes none."""
    for stem in TABLE_STEMS.values():
        if parameter.startswith(stem):
            return parameter.removeprefix(stem)
    return None


def tabulated_intensity(species: str, rigidities: Float64, parameters: Mapping[str, Array]) -> Array:
    """Return the intensity [..., n] at rigidities [n] (GV), per GV, m2, s and sr.

    Raises
    ------
    UserError
        When the table is not there, has no such species or fewer modes than the parameters name, or a broken power law
        is given beside it.
    """
    name = table_parameter(species, parameters)
    if name is None:
        raise AssertionError("only called when there is one")
    beside = [one for one in parameters if one.startswith((f"{species}_slope_", f"{species}_norm", f"{species}_break"))]
    if beside:
        raise UserError(
            f"{name} and {beside[0]} are given side by side",
            valid=f"a table or a broken power law for the {species} spectrum",
        )
    table = load_spectrum_table(name.removeprefix(TABLE_STEMS[species]))
    log_intensity, modes = _at(table, species, rigidities.tobytes())
    scale = parameters[name]
    xp = array_namespace(scale)
    exponent = xp.asarray(log_intensity)
    tilt = parameters.get(f"{species}_tilt")
    if tilt is not None:
        exponent = exponent + tilt[..., None] * xp.asarray(np.log(rigidities / TILT_PIVOT))
    numbers: list[Array] = []
    while (mode := f"spectrum_mode_{len(numbers) + 1}") in parameters:
        numbers.append(parameters[mode])
    if len(numbers) > len(modes):
        raise UserError(
            f"spectrum_mode_{len(numbers)} is given, and the table {table.name!r} has {len(modes)} modes",
            valid=f"spectrum_mode_1 to spectrum_mode_{len(modes)}" if len(modes) else "no spectrum_mode",
        )
    if numbers:
        exponent = exponent + xp.matmul(stack_last(xp, numbers), xp.asarray(modes[: len(numbers)]))
    return scale[..., None] * xp.exp(exponent)


@lru_cache(maxsize=32)
def _at(table: SpectrumTable, species: str, rigidities: bytes) -> tuple[Float64, Float64]:
    """Return ln J_table [n] and the modes [n_modes, n] at rigidities given as bytes."""
    if species not in table.intensity:
        raise UserError(f"the table {table.name!r} has no column {species!r}", valid=", ".join(table.intensity))
    x, knots = np.log(np.frombuffer(rigidities, dtype=np.float64)), np.log(table.rigidity)
    inside = np.clip(x, knots[0], knots[-1])
    spline = CubicSpline(knots, np.log(table.intensity[species]))
    log_intensity = spline(inside) + spline(inside, 1) * (x - inside)
    modes = table.modes[species]
    return log_intensity, CubicSpline(knots, modes, axis=1)(inside) if len(modes) else np.zeros((0, x.size))

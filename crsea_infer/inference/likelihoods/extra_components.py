"""Known emission that a measurement contains and the sky model does not: point sources, the isotropic background.

Measurements of the sky often include resolved sources and the isotropic background. The data set's folder then brings
their spectra in a table of its own, and the prediction of point i gains sum_k n_k c_ik, where c_ik is component k
averaged over the bin of the point and n_k a norm with a normal prior, not below 0. Spectra are interpolated as power
laws between the table's energies, and continued as power laws over at most 0.12 dex beyond them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.content.measurements import Column, read_table
from crsea_infer.content.toml_files import Entry
from crsea_infer.hypotheses.distributions import normal
from crsea_infer.hypotheses.prior_sets import Parameter
from crsea_infer.inference.likelihoods.energy_bins import averaged
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.files import check_regular, file_digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crsea_infer.inference.likelihoods.energy_bins import Averaging
    from crsea_infer.support.arrays import Float64

__all__ = [
    "ComponentEntry",
    "ExtraComponent",
    "NormEntry",
    "norm_parameter",
    "power_law_between",
    "read_components",
    "tex",
]

_BEYOND = 0.12
"""How far in dex a spectrum may be continued beyond its table."""


class NormEntry(Entry):
    """A free norm in a `likelihood.toml`: normal around `norm` with width `norm_error`, not below 0.

    Attributes
    ----------
    norm_name
        Name of the parameter.
    label
        Words for legends.
    norm, norm_error
        Mean and width of its prior.
    """

    norm_name: str
    label: str
    norm: float = 1.0
    norm_error: float


class ComponentEntry(NormEntry):
    """A table [[components]] of a `likelihood.toml`.

    Attributes
    ----------
    column
        Of the components' table.
    """

    column: str


@dataclass(frozen=True, eq=False)
class ExtraComponent:
    """Emission outside the sky model, with a free norm.

    Attributes
    ----------
    nuisance
        The norm, with its prior.
    prediction
        Of each point at norm 1 [n_data], in the unit of the data.
    label
        What it is, for legends.
    """

    nuisance: Parameter
    prediction: Float64
    label: str = ""


def read_components(
    path: Path,
    entries: Sequence[ComponentEntry],
    unit: str,
    energies: Float64,
    averaging: Averaging,
    *,
    where: str,
    data_set: str,
) -> tuple[tuple[ExtraComponent, ...], str]:
    """Return the components of a data set and a hash of their table.

    Parameters
    ----------
    path
        The table: a column `energy`, and one of intensities per component.
    unit
        Of the intensities.
    energies, averaging
        What turns intensities at `energies` into predictions of the points; see
        :func:`crsea_infer.inference.likelihoods.energy_bins.bin_average`.
    where, data_set
        For messages, and for the origin of the norms.

    Raises
    ------
    UserError
        When the table is not valid, a component has no column or a bad norm, or the table does not cover the points.
    """
    names = list(dict.fromkeys(entry.column for entry in entries))
    table = read_table(
        path, [Column("energy", "GeV", "positive"), *(Column(name, unit, "positive") for name in _columns_of(path))]
    )
    grid = table.columns["energy"]
    if len(grid) < 2 or not np.all(np.diff(grid) > 0):
        raise UserError(f"{path}: column 'energy' is not rising", valid="at least two energies in rising order")
    reach = 10**_BEYOND
    if energies.min() < grid[0] / reach or energies.max() > grid[-1] * reach:
        raise UserError(
            f"{path}: covers {grid[0]:g} to {grid[-1]:g} GeV, and the points {energies.min():g} to {energies.max():g}",
            valid=f"a table that ends no more than {_BEYOND} dex inside the points",
        )
    for name in names:
        if name not in table.columns:
            raise unknown_name("component", name, sorted(set(table.columns) - {"energy"}), where=f"{where}: components")
    components = []
    for entry in entries:
        nuisance = norm_parameter(entry, table.provenance.reference, where=where, data_set=data_set)
        spectrum = power_law_between(energies, grid, table.columns[entry.column])
        components.append(ExtraComponent(nuisance, averaged(averaging, spectrum), entry.label))
    return tuple(components), file_digest(path)


def norm_parameter(entry: NormEntry, source: str, *, where: str, data_set: str) -> Parameter:
    """Return the norm of a component as a nuisance; raise UserError when it is below 0 or its error not above 0."""
    if not (entry.norm >= 0 and entry.norm_error > 0):
        raise UserError(
            f"{where}: {entry.norm_name}: norm = {entry.norm:g}, norm_error = {entry.norm_error:g}",
            valid="a norm not below 0 and a norm_error above 0",
        )
    return Parameter(
        name=entry.norm_name,
        distribution=normal(entry.norm, entry.norm_error, lower=0.0),
        fiducial=entry.norm,
        label=f"n_{tex(entry.label)}",
        description=f"norm of {entry.label} in {data_set}, relative to its table",
        source=source,
        prior_set=data_set,
    )


def power_law_between(energies: Float64, grid: Float64, values: Float64) -> Float64:
    """Return positive values at `energies`, as power laws between the grid's energies and beyond its ends."""
    x, y = np.log(grid), np.log(values)
    at = np.log(energies)
    left = np.clip(np.searchsorted(x, at) - 1, 0, len(x) - 2)
    slope = (y[left + 1] - y[left]) / (x[left + 1] - x[left])
    values_at: Float64 = np.exp(y[left] + slope * (at - x[left]))
    return values_at


def tex(label: str) -> str:
    r"""Return a label of words as a LaTeX index: {\mathrm{...}}."""
    return "{" + upright(label) + "}"


def upright(label: str) -> str:
    r"""Return a label of words as a part of a LaTeX index: \mathrm{...}."""
    return r"\mathrm{" + re.sub("[^A-Za-z0-9.+-]+", r"\\ ", label) + "}"


def _columns_of(path: Path) -> list[str]:
    """Return the names of the component columns, which the data set chooses freely."""
    from astropy.table import Table

    check_regular(path)
    try:
        names = [str(name) for name in Table.read(path, format="ascii.ecsv").colnames]
    except Exception:  # noqa: BLE001  # read_table says what is wrong with the file
        return []
    return [name for name in names if name != "energy"]

"""What a data set of flux points says of its systematic errors: the keys of `likelihood.toml`, read and checked.

`systematics` is one word ("correlated", "diagonal", "none") or a table with `kind`, for an error that is correlated
over a length in energy and shared with other data sets of the experiment; what that means stands in
:mod:`crsea_infer.inference.likelihoods.energy_correlated`. `extra_scatter` adds an independent relative error of
unknown size, in case the stated errors are too small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import AllowInfNan, Discriminator, Field, Tag

from crsea_infer.content import finding
from crsea_infer.content.measurements import Column, read_table
from crsea_infer.content.toml_files import Entry, read_toml
from crsea_infer.hypotheses.distributions import log_uniform, normal
from crsea_infer.hypotheses.prior_sets import Parameter
from crsea_infer.inference.likelihoods.energy_correlated import LENGTHS, EnergyCorrelated
from crsea_infer.inference.likelihoods.extra_components import tex, upright
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.content.measurements import MeasurementTable
    from crsea_infer.inference.likelihoods.likelihood import LikelihoodFolder
    from crsea_infer.support.arrays import Float64

__all__ = [
    "FluxSystematics",
    "ScatterEntry",
    "Systematics",
    "SystematicsEntry",
    "SystematicsKey",
    "independent_and_systematic",
    "read_systematics",
]

Systematics = Literal["correlated", "diagonal", "none"]


class SystematicsEntry(Entry):
    """The table `systematics` of a `likelihood.toml`.

    Attributes
    ----------
    kind
        As the word alone, or "energy-correlated": a shift that varies with the energy.
    length_dex
        Decades of energy over which it is the same; 0 is "diagonal", inf "correlated", "free" samples it.
    shared_with
        Data sets that shift along; each names the others.
    name
        Of the shift, or NAME_1, NAME_2, ... of its components, in place of `systematic_name`; without either, that of
        the data sets that share it.
    label
        Words for whose shift it is, in figures; without them, the label of the data set.
    """

    kind: Literal["correlated", "diagonal", "none", "energy-correlated"]
    length_dex: Annotated[float, AllowInfNan(True)] | Literal["free"] = 0.5
    shared_with: list[str] = Field(default_factory=list)
    name: str | None = Field(default=None, min_length=1)
    label: str | None = Field(default=None, min_length=1)


class ScatterEntry(Entry):
    """The table `extra_scatter` of a `likelihood.toml`: a relative error with a log-uniform prior.

    Attributes
    ----------
    lower, upper
        Bounds of its prior.
    name
        Of the parameter; that of the data set goes before it when there is none.
    """

    lower: float = Field(default=0.01, gt=0.0, le=1.0)
    upper: float = Field(default=0.6, gt=0.0, le=1.0)
    name: str | None = None


SystematicsKey = Annotated[
    Annotated[Systematics, Tag("word")] | Annotated[SystematicsEntry, Tag("table")],
    Discriminator(lambda given: "word" if isinstance(given, str) else "table"),
]
"""The key `systematics`: one word, or a table."""


@dataclass(frozen=True, eq=False)
class FluxSystematics:
    """Systematic errors of one data set.

    Attributes
    ----------
    kind
        "correlated" (one shift `name` of all points), "diagonal" (in quadrature), "none", or "energy-correlated".
    name
        Of the nuisance, or of the nuisances of `process`.
    process
        The energy-correlated error.
    scatter
        The nuisance of an extra relative error of each point, if there is one.
    content
        What determines them beyond the keys of the file, for the hash of the data.
    shift
        The nuisance eta of the kind "correlated".
    shared_with
        Data sets that have the energy-correlated error too.
    """

    kind: str
    name: str = ""
    process: EnergyCorrelated | None = None
    scatter: Parameter | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    shift: Parameter | None = None
    shared_with: tuple[str, ...] = ()

    @property
    def nuisances(self) -> tuple[Parameter, ...]:
        """What the systematic error is correlated by; none when it is not."""
        if self.process is not None:
            return self.process.nuisances
        return () if self.shift is None else (self.shift,)


def read_systematics(
    folder: LikelihoodFolder,
    entry: Systematics | SystematicsEntry,
    scatter: ScatterEntry | None,
    name: str | None,
    label: str,
    energies: Float64,
    source: str,
) -> FluxSystematics:
    """Read the keys `systematics`, `systematic_name` and `extra_scatter` of a data set.

    Parameters
    ----------
    entry, scatter, name
        Their values.
    label
        Of the data set.
    energies
        Of its points [n_data], GeV.
    source
        Where they are from.

    Raises
    ------
    UserError
        When a length has no meaning, a data set that shares the error is not there or has no energies, or the limits of
        the scatter are in the wrong order.
    """
    error = None if scatter is None else _scatter(folder, scatter, label)
    if isinstance(entry, str):
        return _simple(folder, entry, name or f"{folder.name}_systematic", error, label, source)
    name, label = entry.name or name, entry.label or label
    own = name or "_".join((*sorted({folder.name, *entry.shared_with}), "systematic"))
    if entry.shared_with and entry.kind != "energy-correlated":
        raise UserError(
            f"{folder.where}: systematics.shared_with with kind = {entry.kind!r}",
            valid="data sets that share an error of the kind energy-correlated",
            fix="give data sets that share one shift the same systematic_name",
        )
    length = entry.length_dex
    if entry.kind != "energy-correlated":
        return _simple(folder, entry.kind, name or f"{folder.name}_systematic", error, label, source)
    if isinstance(length, float) and (math.isnan(length) or length < 0):
        raise UserError(
            f"{folder.where}: systematics.length_dex = {length}",
            valid='decades of energy, from 0 (independent points) to inf (one shift), or "free"',
        )
    if length == 0.0:
        return _simple(folder, "diagonal", own, error, label, source)
    if length == math.inf:
        return _simple(folder, "correlated", own, error, label, source)
    if isinstance(length, float) and not LENGTHS[0] <= length <= LENGTHS[1]:
        raise UserError(
            f"{folder.where}: systematics.length_dex = {length:g}",
            valid=f"0, a length from {LENGTHS[0]:g} to {LENGTHS[1]:g} decades, or inf",
            fix="use 0 for shorter and inf for longer ones: they are the same there",
        )
    others = [_energies_of(folder, other) for other in sorted(set(entry.shared_with) - {folder.name})]
    every = np.concatenate([np.zeros(0), *others])
    fixed = None if isinstance(length, str) else float(length)
    process = EnergyCorrelated.at(own, upright(label), fixed, energies, every)
    return FluxSystematics(
        kind="energy-correlated",
        name=own,
        process=process,
        scatter=error,
        content={"correlated_at": process.places.tolist()},
        shared_with=tuple(sorted({folder.name, *entry.shared_with})),
    )


def _simple(
    folder: LikelihoodFolder, kind: str, name: str, scatter: Parameter | None, label: str, source: str
) -> FluxSystematics:
    """Return errors that move all points together, or each by itself."""
    if kind != "correlated":
        return FluxSystematics(kind, name, None, scatter)
    shift = Parameter(
        name=name,
        distribution=normal(0.0, 1.0),
        fiducial=0.0,
        label=r"\eta_" + tex(label),
        description=f"common systematic shift of {label}, in standard deviations",
        source=source,
        prior_set=folder.name,
    )
    return FluxSystematics(kind, name, None, scatter, shift=shift)


def independent_and_systematic(
    folder: LikelihoodFolder,
    kind: str,
    share: float | None,
    table: MeasurementTable,
    low: Float64,
    high: Float64,
) -> tuple[Float64, Float64, Float64]:
    """Return the independent errors, below and above, and the systematic error of each point [n_data].

    Parameters
    ----------
    kind
        As in :class:`FluxSystematics`.
    share
        `common_error_share`: the share of the variance of the quoted errors that is common.
    low, high
        Statistical errors [n_data].

    Raises
    ------
    UserError
        When the table has no systematic error and needs one, or has one and a share is given too.
    """
    own = table.columns.get("uncorrelated_systematic")
    if own is not None:
        low, high = np.hypot(low, own), np.hypot(high, own)
    systematic = table.columns.get("systematic")
    if share is not None:
        if systematic is not None or not 0 < share < 1:
            raise UserError(
                f"{folder.where}: common_error_share = {share:g}",
                valid="a number between 0 and 1, for a table without a column 'systematic'",
                fix="remove the key, or the column",
            )
        mean = 0.5 * (low + high)
        return low * math.sqrt(1 - share), high * math.sqrt(1 - share), mean * math.sqrt(share)
    if systematic is None:
        if kind != "none":
            raise UserError(
                f"{table.path}: the column 'systematic' is missing, but systematics = {kind!r}",
                fix=f"add the column, or write systematics = 'none' in {folder.path}",
            )
        systematic = np.zeros(len(table))
    return low, high, systematic


def _scatter(folder: LikelihoodFolder, entry: ScatterEntry, label: str) -> Parameter:
    if not entry.lower < entry.upper:
        raise UserError(
            f"{folder.where}: extra_scatter from {entry.lower:g} to {entry.upper:g}", valid="lower below upper"
        )
    return Parameter(
        name=entry.name or f"{folder.name}_scatter",
        distribution=log_uniform(entry.lower, entry.upper),
        fiducial=entry.lower,
        label=r"f_" + tex(label),
        description=f"extra relative error of each point of {label}",
        prior_set=folder.name,
    )


def _energies_of(folder: LikelihoodFolder, other: str) -> Float64:
    """Return the reference energies of another data set of flux points, GeV."""
    where = f"{folder.where}: systematics.shared_with"
    path: Path = finding.find("likelihoods", other, where=where, base=folder.path.parent)
    named = read_toml(path)
    columns: Sequence[Column] = (
        Column("energy_min", "GeV", "positive"),
        Column("energy_max", "GeV", "positive"),
        Column("energy_reference", "GeV", "positive", required=False),
    )
    if named.get("kind") != "flux-points" or not isinstance(named.get("table"), str):
        raise UserError(f"{where}: {other!r} is not a data set of flux points", valid="data sets of flux points")
    table = read_table(path.parent / named["table"], columns, others_allowed=True)
    low, high = table.columns["energy_min"], table.columns["energy_max"]
    return np.asarray(table.columns.get("energy_reference", np.sqrt(low * high)))

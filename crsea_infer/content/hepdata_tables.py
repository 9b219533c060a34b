"""Tables of HEPData, in its YAML and in its CSV.

A table of HEPData has independent variables (here one, the energy, with or without bins) and dependent ones, each with
any number of labelled errors, symmetric or not, absolute or in per cent. Errors whose label begins with "sys" are
systematic and are added in quadrature, and so are all others, which are taken as statistical. A value that begins with
"<" is an upper limit. The names of columns are those of GADF: e_ref, e_min, e_max, dnde, dnde_errn, dnde_errp, dnde_ul,
is_ul, and sys_low, sys_high.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import yaml

from crsea_infer.content.foreign_columns import ForeignColumn, ForeignTable, numbers_of, split_unit
from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.support.arrays import Float64

__all__ = ["from_csv", "from_yaml"]

_KEPT: Final = ("name", "table_doi", "description", "location")
_Errors = list[tuple[str, "Float64", "Float64"]]
"""Label, errors downwards and upwards [n_rows], as they are given: signs are not looked at."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """YAML without references, with which a small file could stand for a huge one."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node; refuse an alias."""
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("an alias (*name), which tables of HEPData do not have")
        return super().compose_node(parent, index)


def from_yaml(path: Path, text: str, table: str | None, column: str | None) -> ForeignTable:
    """Read a table of HEPData in YAML, alone or among several documents.

    Raises
    ------
    UserError
        When the file is no such table, or has several tables, energies or quantities and none is chosen.
    """
    try:
        documents = [one for one in yaml.load_all(text, Loader=_Loader) if isinstance(one, dict)]
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"{path}: is not YAML: {reason}", valid="a table as HEPData writes it") from error
    found = [one for one in documents if "dependent_variables" in one and "independent_variables" in one]
    if not found:
        raise UserError(
            f"{path}: has no independent_variables and dependent_variables",
            valid="a data file of a table, not the submission.yaml beside it",
        )
    chosen = _one("table", found, [str(one.get("name", "")) for one in found], table, path, "--table")
    try:
        return _from_document(path, chosen, column)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: lacks or misplaces {error}", valid="a table as HEPData writes it") from error


def _from_document(path: Path, document: Mapping[str, Any], column: str | None) -> ForeignTable:
    energies = document["independent_variables"]
    if len(energies) != 1:
        names = ", ".join(str(one["header"]["name"]) for one in energies)
        raise UserError(f"{path}: has {len(energies)} independent variables: {names}", valid="one, the energy")
    quantities = document["dependent_variables"]
    labels = [str(one["header"]["name"]) for one in quantities]
    quantity = _one("quantity", quantities, labels, column, path, "--column")
    points, measured = energies[0]["values"], quantity["values"]
    if len(points) != len(measured):
        raise UserError(f"{path}: has {len(points)} energies and {len(measured)} values", valid="one for each")
    units = energies[0]["header"].get("units"), quantity["header"].get("units")
    at = {
        key: numbers_of(path, f"{energies[0]['header']['name']} {key}", [_cell(one.get(key)) for one in points])
        for key in ("value", "low", "high")
    }
    cells = [_cell(one.get("value")) for one in measured]
    number = max((len(one.get("errors") or ()) for one in measured), default=0)
    values = numbers_of(path, labels[0], [cell.removeprefix("<").strip() for cell in cells])
    errors: _Errors = []
    for place in range(number):
        own = [(one.get("errors") or ())[place : place + 1] for one in measured]
        texts = [_both(one[0]) if one else ("", "", "") for one in own]
        label = next((text[0] for text in texts if text[0]), "")
        sides = [_errors(path, label, [text[side] for text in texts], values) for side in (1, 2)]
        errors.append((label, sides[0], sides[1]))
    metadata = {key: str(document[key]) for key in _KEPT if document.get(key)}
    return _table(path, at, units, cells, values, errors, metadata | {"quantity": str(quantity["header"]["name"])})


def _both(error: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return label, error downwards and error upwards of an entry of YAML."""
    label = str(error.get("label", ""))
    if "symerror" in error:
        return label, _cell(error["symerror"]), _cell(error["symerror"])
    return label, _cell(error["asymerror"]["minus"]), _cell(error["asymerror"]["plus"])


def from_csv(path: Path, text: str, column: str | None) -> ForeignTable:
    """Read a table of HEPData in CSV: lines of metadata with "#:", then one block for each quantity.

    Raises
    ------
    UserError
        When the file is no such table, or has several quantities and none is chosen.
    """
    metadata, blocks = _blocks(text)
    found: list[tuple[str, list[int], list[list[str]]]] = []
    for block in blocks:
        rows = list(csv.reader(block))
        found += [(name, places, rows) for name, places in _quantities(path, rows[0])]
    if not found:
        raise UserError(f"{path}: the table has no rows", valid="a table as HEPData writes it")
    _, places, rows = _one("quantity", found, [split_unit(name)[0] for name, _, _ in found], column, path, "--column")
    header, body = rows[0], rows[1:]
    short = next((number for number, row in enumerate(body, 1) if len(row) != len(header)), None)
    if short is not None:
        raise UserError(f"{path}: row {short} has another number of cells than the heading", valid=f"{len(header)}")

    def cells_of(place: int) -> list[str]:
        return [row[place].strip() for row in body]

    energy, energy_unit = split_unit(header[0])
    named = {name: place for place, name in enumerate(header)}
    at = {"value": numbers_of(path, energy, cells_of(0))}
    for key in ("low", "high"):
        place = named.get(f"{header[0]} {key.upper()}")
        at[key] = np.full(len(body), np.nan) if place is None else numbers_of(path, f"{energy} {key}", cells_of(place))
    quantity, unit = split_unit(header[places[0]])
    cells = cells_of(places[0])
    values = numbers_of(path, quantity, [cell.removeprefix("<").strip() for cell in cells])
    errors = _errors_of(path, header, places, body, values)
    return _table(path, at, (energy_unit, unit), cells, values, errors, metadata | {"quantity": quantity})


def _blocks(text: str) -> tuple[dict[str, str], list[list[str]]]:
    """Return what the lines of comments say, and the lines of each block."""
    metadata: dict[str, str] = {}
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith("#"):
            key, colon, value = line.removeprefix("#:").strip().partition(":")
            if colon and key.strip() in _KEPT:
                metadata[key.strip()] = value.strip()
        elif line.strip():
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return metadata, [block for block in blocks if block]


def _quantities(path: Path, header: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Return each quantity of a heading with the places of its values and errors."""
    found: list[tuple[str, list[int]]] = []
    for place, name in enumerate(header):
        if place == 0 or name in {f"{header[0]} LOW", f"{header[0]} HIGH"}:
            continue
        if re.search(r" [+-]$", name):
            if not found:
                raise UserError(f"{path}: the column {name!r} has no quantity before it", valid="as HEPData writes it")
            found[-1][1].append(place)
        else:
            found.append((name, [place]))
    return found


def _errors_of(
    path: Path, header: Sequence[str], places: Sequence[int], body: Sequence[Sequence[str]], values: Float64
) -> _Errors:
    """Return the errors of a quantity; those of one side only count on both."""
    errors: _Errors = []
    for place in places[1:]:
        label, _, sign = header[place].rpartition(" ")
        if sign == "+":
            pair = next((one for one in places[1:] if header[one] == f"{label} -"), place)
            errors.append(
                (
                    label,
                    _errors(path, label, [row[pair].strip() for row in body], values),
                    _errors(path, label, [row[place].strip() for row in body], values),
                )
            )
    return errors


def _table(
    path: Path,
    at: Mapping[str, Float64],
    units: tuple[Any, Any],
    cells: Sequence[str],
    values: Float64,
    errors: _Errors,
    metadata: Mapping[str, str],
) -> ForeignTable:
    energy_unit, unit = (None if one in {None, ""} else str(one) for one in units)
    limits = np.array([cell.startswith("<") for cell in cells])
    columns = {
        "e_ref": ForeignColumn(at["value"], energy_unit),
        "e_min": ForeignColumn(at["low"], energy_unit),
        "e_max": ForeignColumn(at["high"], energy_unit),
        "dnde": ForeignColumn(values, unit),
    }
    for stem, systematic in (("dnde_err", False), ("sys_", True)):
        own = [(low, high) for label, low, high in errors if label.lower().startswith("sys") is systematic]
        for name, side in (("n", 0), ("p", 1)) if not systematic else (("low", 0), ("high", 1)):
            if own:
                squares = np.sum([np.nan_to_num(pair[side]) ** 2 for pair in own], axis=0)
                columns[f"{stem}{name}"] = ForeignColumn(np.sqrt(squares), unit)
    if limits.any():
        columns["dnde_ul"] = ForeignColumn(np.where(limits, values, 0.0), unit)
        columns["is_ul"] = ForeignColumn(limits.astype(np.float64))
    empty = [name for name, column in columns.items() if name != "dnde" and np.isnan(column.values).all()]
    return ForeignTable(path, "hepdata", {n: c for n, c in columns.items() if n not in empty}, metadata)


def _errors(path: Path, label: str, cells: Sequence[str], values: Float64) -> Float64:
    """Return the size of errors, those in per cent of the values among them."""
    sizes = numbers_of(path, label or "error", [cell.removesuffix("%").strip() for cell in cells])
    share = np.array([cell.endswith("%") for cell in cells])
    return np.abs(np.where(share, sizes / 100.0 * values, sizes))


def _cell(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _one(what: str, items: Sequence[Any], names: Sequence[str], wanted: str | None, path: Path, option: str) -> Any:
    """Return the only item, or the one that is wanted."""
    if wanted is not None:
        if wanted not in names:
            raise unknown_name(what, wanted, names, where=str(path))
        return items[list(names).index(wanted)]
    if len(items) > 1:
        raise UserError(
            f"{path}: has {len(items)} of what could be meant by a {what}: {', '.join(names)}",
            valid="one of them",
            fix=f"say which with {option} '{names[0]}'",
        )
    return items[0]

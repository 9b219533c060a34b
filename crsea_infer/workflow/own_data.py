"""A folder of one's own: a table of flux points of another format becomes a data set that `check` accepts.

The folder is written beside the place where it shall stand, read as a run would read it, and only then moved there:
what is left is a valid data set, or nothing.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.content.foreign_tables import read_foreign_table
from crsea_infer.content.measurements import STATUSES
from crsea_infer.inference.likelihoods.flux_points_file import COLUMNS
from crsea_infer.inference.likelihoods.foreign_flux_points import ConvertedPoints, convert
from crsea_infer.inference.likelihoods.foreign_profile import ProfileReading, convert_profile
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.physics.regions import parse_region
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.files import atomic_write, file_digest, make_directory
from crsea_infer.support.names import check_name, is_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.content.foreign_columns import ForeignTable
    from crsea_infer.inference.likelihoods.foreign_quantities import Reading

__all__ = ["Described", "WrittenData", "write_own_data"]

_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "energy_min": "lower edge of the bin",
    "energy_max": "upper edge of the bin",
    "energy_reference": "energy of the point",
    "intensity": "differential intensity",
    "error_low": "statistical error downwards, one standard deviation",
    "error_high": "statistical error upwards, one standard deviation",
    "systematic": "systematic error",
    "is_upper_limit": "whether the point is an upper limit",
    "upper_limit": "the upper limit, where the point is one",
    "profile": "intensity, or its shape where it has no unit",
    "longitude_min": "lower edge of the window in Galactic longitude",
    "longitude_max": "upper edge of the window in Galactic longitude",
    "latitude_min": "lower edge of the window in Galactic latitude",
    "latitude_max": "upper edge of the window in Galactic latitude",
}


@dataclass(frozen=True)
class Described:
    """What a data set is called and where it comes from, as far as the user says so.

    Attributes
    ----------
    name
        Of its folder; by default that of the file.
    title, label
        Words for tables and legends.
    messenger
        "gamma" or "neutrino".
    reference, status
        Of the publication; without one the numbers are "unpublished".
    table, column
        Which table of the file, which quantity of the table.
    """

    name: str | None = None
    title: str | None = None
    label: str | None = None
    messenger: str = "gamma"
    reference: str | None = None
    status: str | None = None
    table: str | None = None
    column: str | None = None


@dataclass(frozen=True)
class WrittenData:
    """What was written.

    Attributes
    ----------
    name, folder
        Of the data set.
    files
        Relative to the directory that was given.
    n_data, n_limits
        Points, and upper limits among them.
    notes
        What was done with the numbers, a sentence each.
    """

    name: str
    folder: Path
    files: tuple[str, ...]
    n_data: int
    n_limits: int
    notes: tuple[str, ...]


def write_own_data(
    source: Path, directory: Path, reading: Reading, described: Described, profile: ProfileReading | None = None
) -> WrittenData:
    """Convert a file and write `likelihoods/NAME/` and `runs/NAME.toml` below a directory.

    Parameters
    ----------
    source
        The table.
    directory
        Below which to write.
    reading, described
        What the user says of it.
    profile
        For a profile along the sky: the axis, and what the table does not say of it; None for flux points.

    Raises
    ------
    UserError
        When the file cannot be converted (:func:`crsea_infer.inference.likelihoods.foreign_flux_points.convert` says
        why), what would be written is no valid data set, or it is there already.
    """
    table = read_foreign_table(source, described.table, described.column)
    points = convert(table, reading) if profile is None else convert_profile(table, reading, profile)
    file = "flux.ecsv" if profile is None else "profile.ecsv"
    name = described.name or _name_of(source)
    check_name(name, "--name" if described.name else str(source), "data set")
    metadata = _metadata(table, points, described)
    folder, run = directory / "likelihoods" / name, directory / "runs" / f"{name}.toml"
    for path in (folder, run):
        if path.exists():
            raise UserError(f"{path} is there already", fix="choose another --name, or move it away")
    home = make_directory(folder.parent)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=home))
    try:
        made = unfinished / name
        make_directory(made)
        text = _likelihood_toml(name, table, points, described, reading, metadata, profile)
        atomic_write(made / "likelihood.toml", text)
        _write_table(made / file, points, metadata, profile)
        load_likelihood(f"{made}/")
        made.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    make_directory(run.parent)
    atomic_write(run, _run_toml(name, described))
    limits = points.columns.get("is_upper_limit", np.zeros(1))
    files = (f"likelihoods/{name}/likelihood.toml", f"likelihoods/{name}/{file}", f"runs/{name}.toml")
    return WrittenData(name, folder, files, points.columns["energy_min"].size, int(limits.sum()), points.notes)


def _name_of(source: Path) -> str:
    stem = source.name.partition(".")[0]
    name = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in stem).strip("_").lower()
    if not is_name(name, "data set"):
        raise UserError(f"{source}: its name cannot be that of a data set", fix="say one with --name")
    return name


def _metadata(table: ForeignTable, points: ConvertedPoints, described: Described) -> dict[str, str | float]:
    """Return what the table says of itself; numbers without a publication are unpublished."""
    doi = str(table.metadata.get("table_doi", "")).removeprefix("doi:").strip()
    reference = described.reference or (doi if table.kind == "hepdata" else "")
    status = described.status or ("published-table" if reference else "unpublished")
    if status not in STATUSES:
        raise unknown_name("status", status, STATUSES, where="--status")
    if status != "unpublished" and not reference:
        raise UserError(
            f"--status {status} without a reference", fix="say it with --reference, such as arXiv:2305.05372"
        )
    name = table.path.name
    part = str(table.metadata.get("name", "")).strip() or described.table or ""
    metadata: dict[str, str | float] = {
        "reference": reference or "unpublished",
        "table_or_figure": part or name,
        "status": status,
        "transcribed_from": f"{name}, sha256 {file_digest(table.path)[:16]}, by crsea-infer init --from",
        "conversion": "; ".join(points.notes),
    }
    if points.confidence_level is not None:
        metadata["confidence_level"] = points.confidence_level
    return metadata


def _write_table(
    path: Path, points: ConvertedPoints, metadata: Mapping[str, str | float], profile: ProfileReading | None
) -> None:
    from astropy.table import Column, Table

    units = {column.name: column.unit for column in COLUMNS}
    if profile is not None:
        units |= {f"{profile.axis}_{end}": "deg" for end in ("min", "max")}
        units["profile"] = units["intensity"]
        if profile.shape_only:
            units |= dict.fromkeys(("profile", "error_low", "error_high", "systematic"), "")
    table = Table(meta=dict(metadata))
    for name, values in points.columns.items():
        unit = units[name]
        table[name] = Column(
            values > 0 if unit is None else values, unit=unit, description=_DESCRIPTIONS[name], name=name
        )
    table.write(path, format="ascii.ecsv", delimiter=",")


def _likelihood_toml(
    name: str,
    table: ForeignTable,
    points: ConvertedPoints,
    described: Described,
    reading: Reading,
    metadata: Mapping[str, str | float],
    profile: ProfileReading | None,
) -> str:
    title = (
        described.title or str(table.metadata.get("description", "")).strip()[:100] or f"{name}, from {table.path.name}"
    )
    reference = str(metadata["reference"])
    citations = "[]" if metadata["status"] == "unpublished" else f"[{_quoted(_bibtex(name, title, reference))}]"
    lines = [
        f"# Made by crsea-infer init --from {table.path.name}; the table says in its header how it was converted.",
        f'kind = "{"flux-points" if profile is None else "profile"}"',
        f"title = {_quoted(title)}",
        f"label = {_quoted((described.label or name).replace('$', ''))}  # in legends",
        f"messenger = {_quoted(described.messenger)}",
        f"region = {_quoted(parse_region(reading.region).name)}",  # a mask file counts from here, wherever it was named
        *([] if profile is None else [f'axis = "{profile.axis}"']),
        f'table = "{"flux" if profile is None else "profile"}.ecsv"',
        "",
        "# The systematic errors move all points together (correlated), or add to each (diagonal)."
        if points.has_systematic
        else "# The table has no systematic errors.",
        f'systematics = "{"correlated" if points.has_systematic else "none"}"',
        "",
    ]
    if profile is not None:
        lines += [
            "# Gas columns are wrong by this fraction in every stretch of so many degrees, each by itself.",
            "gas_shape = { fraction = 0.1, stretch = 10.0 }",
            "",
        ]
    if profile is not None and profile.shape_only:
        lines += [
            "# The numbers have no unit: only the shape counts, with a norm of 1 where the means agree.",
            "free_norm = { norm_error = 0.5 }",
        ]
    elif points.reference_index is None:
        lines.append("# The prediction is the plain mean over each bin.")
    else:
        lines += [
            "# The spectral index with which the points are quoted at their energies.",
            f"reference_index = {points.reference_index!r}",
        ]
    return "\n".join([*lines, "", "# BibTeX of what is to be cited.", f"citations = {citations}", ""])


def _bibtex(name: str, title: str, reference: str) -> str:
    plain = title.replace("{", "").replace("}", "")
    if reference.startswith("arXiv:"):
        key = f"  eprint = {{{reference.removeprefix('arXiv:')}}},\n  archivePrefix = {{arXiv}},\n"
    elif reference.startswith("10."):
        key = f"  doi = {{{reference}}},\n"
    else:
        key = f"  note = {{{reference}}},\n"
    return f"@misc{{{name},\n  title = {{{plain}}},\n{key}}}"


def _run_toml(name: str, described: Described) -> str:
    return "\n".join(
        [
            f"# Compares two hypotheses on the data of likelihoods/{name}.",
            f"title = {_quoted('Min against Max, ' + (described.title or name))}",
            f"likelihoods = [{_quoted(name)}]",
            'hypotheses = ["gamma-optimized-min", "gamma-optimized-max"]',
            "seed = 1",
            "",
            "[samplers.importance]",
            "",
        ]
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)

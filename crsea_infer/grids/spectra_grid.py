"""Spectra grids: parameter points of any code, and the spectra that it predicts there.

Where responses are not at hand, as with maps made by HERMES, a model is known only as pairs of (parameters, spectra). A
spectra grid holds such pairs with everything needed to use them later: names, units and ranges of the parameters, which
messenger, region and component each spectrum belongs to, and where the numbers come from. On disk it is an xarray
Dataset (netCDF-4) of kind "spectra".
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from crsea_infer.grids.description import SpectraDescription, described
from crsea_infer.support.array_files import json_object, open_hdf5, refusing
from crsea_infer.support.array_schema import TEXT, ArraySpec, check_headers, check_numbers
from crsea_infer.support.arrays import Array, Float64, array_namespace
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import digest, write_dataset
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from crsea_infer.support.array_files import HierarchicalFile
    from crsea_infer.support.array_schema import AnyArray

__all__ = [
    "INTENSITY_UNITS",
    "Parameter",
    "SpectraGrid",
    "Spectrum",
    "grid_kind",
    "read_spectra_grid",
    "write_spectra_grid",
]

_FIX: Final = "build or copy it again"
INTENSITY_UNITS: Final[Mapping[str, str]] = {
    "gamma": "GeV-1 cm-2 s-1 sr-1",
    "neutrino": "GeV-1 cm-2 s-1 sr-1",
    "proton": "GeV-1 m-2 s-1 sr-1",
    "helium": "GeV-1 m-2 s-1 sr-1",
}
"""Unit of the intensities of each messenger (helium per GeV per nucleon)."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a design: its name, its range, and the scale in which it is spread.

    Attributes
    ----------
    name, unit
        Name as in prior sets, and unit.
    lower, upper
        Range within which an emulator trained on the grid holds.
    scale
        "linear", or "log" when the natural variable is the logarithm.
    """

    name: str
    lower: float
    upper: float
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"

    def __post_init__(self) -> None:
        """Refuse ranges that are none."""
        finite = np.isfinite([self.lower, self.upper]).all()
        if not (finite and self.lower < self.upper) or (self.scale == "log" and self.lower <= 0):
            raise UserError(
                f"parameter {self.name!r} has the range {self.lower:g} to {self.upper:g} ({self.scale})",
                valid="lower < upper, both above 0 for a log scale",
                fix="a parameter that does not vary is no parameter of the grid",
            )

    def to_unit(self, values: Array) -> Array:
        """Map the range to [-1, 1]."""
        if self.scale == "log":
            low, high = float(np.log(self.lower)), float(np.log(self.upper))
            values = array_namespace(values).log(values)
        else:
            low, high = self.lower, self.upper
        return (2.0 * values - (low + high)) / (high - low)

    def from_unit(self, unit: Float64) -> Float64:
        """Map [-1, 1] to the range."""
        if self.scale == "log":
            low, high = np.log(self.lower), np.log(self.upper)
            return np.asarray(np.clip(np.exp((low + high + (high - low) * unit) / 2), self.lower, self.upper))
        return np.asarray((self.lower + self.upper + (self.upper - self.lower) * unit) / 2)


@dataclass(frozen=True)
class Spectrum:
    """What one spectrum of a grid is.

    Attributes
    ----------
    messenger
        "gamma", "neutrino" (per flavour), "proton" or "helium".
    region
        Key of the sky region; None for cosmic rays at the Sun.
    component
        "HI", "H2", "pi0", "inverse_compton", ..., or "total".
    energies
        GeV (per nucleon for helium), increasing.
    """

    messenger: str
    region: str | None
    component: str
    energies: tuple[float, ...]

    @property
    def label(self) -> str:
        """Words for messages."""
        return " ".join(part for part in (self.messenger, self.component, self.region) if part)


@dataclass(frozen=True)
class SpectraGrid:
    """Parameter points and the spectra there.

    Attributes
    ----------
    parameters
        The parameters, in the order of the columns of `points`.
    points
        Shape [n_points, n_parameters].
    spectra
        What is predicted; the columns of `intensities` run through the energies of each in turn.
    intensities
        Shape [n_points, n_outputs], all above zero.
    provenance
        Physics choices, files and versions behind the numbers; anything JSON can hold.
    """

    parameters: tuple[Parameter, ...]
    points: Float64
    spectra: tuple[Spectrum, ...]
    intensities: Float64
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no emulator could use."""
        n_outputs = sum(len(spectrum.energies) for spectrum in self.spectra)
        if self.points.shape != (len(self.intensities), len(self.parameters)) or n_outputs != self.intensities.shape[1]:
            raise UserError(
                f"a spectra grid of {self.points.shape} points and {self.intensities.shape} intensities",
                valid=f"[points, {len(self.parameters)}] and [points, {n_outputs}]",
            )
        self._refuse_bad_points()
        bad = np.argwhere(~(np.isfinite(self.intensities) & (self.intensities > 0)))
        if len(bad):
            row, column = bad[0]
            spectrum, energy = self.output(int(column))
            where = ", ".join(f"{p.name}={v:g}" for p, v in zip(self.parameters, self.points[row], strict=True))
            raise UserError(
                f"{spectrum.label} at {energy:g} GeV is {self.intensities[row, column]:g} at point {row} ({where})",
                valid="finite intensities above 0: spectra are emulated in their logarithm",
                fix="drop that energy or that component, or compute the point again",
            )

    def _refuse_bad_points(self) -> None:
        for i, parameter in enumerate(self.parameters):
            values = self.points[:, i]
            slack = 1e-9 * max(abs(parameter.lower), abs(parameter.upper))
            outside = ~((values >= parameter.lower - slack) & (values <= parameter.upper + slack))
            if outside.any():
                row = int(np.argmax(outside))
                raise UserError(
                    f"point {row} has {parameter.name} = {values[row]:g}",
                    valid=f"{parameter.lower:g} to {parameter.upper:g} {parameter.unit}".rstrip(),
                )
        if len({tuple(point) for point in self.points.tolist()}) != len(self.points):
            raise UserError("two points of the spectra grid have the same parameters", fix="keep one of them")

    def output(self, column: int) -> tuple[Spectrum, float]:
        """Return the spectrum and the energy that a column of `intensities` belongs to."""
        for spectrum in self.spectra:
            if column < len(spectrum.energies):
                return spectrum, spectrum.energies[column]
            column -= len(spectrum.energies)
        raise IndexError(column)

    @property
    def hash(self) -> str:
        """Hash of parameters, outputs and every number."""
        numbers = hashlib.sha256(np.ascontiguousarray(self.points).tobytes())
        numbers.update(np.ascontiguousarray(self.intensities).tobytes())
        return digest({**_description(self), "numbers": numbers.hexdigest()})

    def take(self, rows: np.typing.NDArray[np.integer[Any]] | slice) -> SpectraGrid:
        """Return the grid of some of the points."""
        return SpectraGrid(
            self.parameters, self.points[rows], self.spectra, self.intensities[rows], dict(self.provenance)
        )


def _description(grid: SpectraGrid) -> dict[str, Any]:
    return {
        "parameters": [asdict(parameter) for parameter in grid.parameters],
        "spectra": [asdict(spectrum) for spectrum in grid.spectra],
    }


def write_spectra_grid(grid: SpectraGrid, path: Path) -> None:
    """Write a spectra grid to a netCDF-4 file, whole or not at all."""
    import xarray as xr

    outputs = _outputs(grid)
    energies = outputs.pop("energy")
    dataset = xr.Dataset(
        {
            "intensity": (
                ("point", "output"),
                grid.intensities,
                {"long_name": "intensity in the unit of each output", "units": "see intensity_unit"},
            )
        },
        coords={
            **{
                parameter.name: ("point", grid.points[:, i], {"units": parameter.unit})
                for i, parameter in enumerate(grid.parameters)
            },
            "energy": ("output", energies, {"units": "GeV"}),
            **{name: ("output", words) for name, words in outputs.items()},
        },
        attrs={
            "kind": "spectra",
            "description": json.dumps(_description(grid), sort_keys=True),
            "provenance": json.dumps(dict(grid.provenance), sort_keys=True),
            "hash": grid.hash,
            "crsea_infer_version": __version__,
        },
    )
    write_dataset(dataset, path)


@contextmanager
def _opened(path: Path) -> Iterator[HierarchicalFile]:
    """Open a grid file; whatever goes wrong within is one message."""
    if not path.is_file():
        raise UserError(f"there is no grid file {path}", fix="make one with 'grid build' or 'grid import'")
    with refusing(f"{path} is not a readable netCDF-4 file", fix=_FIX), open_hdf5(path) as file:
        yield file


def grid_kind(path: Path) -> str:
    """Return the kind of a grid file: "response", "spectra", ...; "" when it does not say.

    Raises
    ------
    UserError
        When the file is missing or unreadable.
    """
    with _opened(path) as file:
        kind = file.attribute("kind")
        return kind if isinstance(kind, str) else ""


def _schema(parameters: Iterable[str]) -> dict[str, ArraySpec]:
    """Return what a spectra grid of parameters of these names holds."""
    return {
        "intensity": ArraySpec(("point", "output"), numbers="positive"),
        **{name: ArraySpec(("point",)) for name in parameters},
        "energy": ArraySpec(("output",), numbers="positive"),
        **{name: ArraySpec(("output",), (TEXT,)) for name in ("messenger", "region", "component", "intensity_unit")},
    }


def read_spectra_grid(path: Path) -> SpectraGrid:
    """Read a spectra grid.

    Raises
    ------
    UserError
        When the file is missing, unreadable, no spectra grid, or does not hold what its hash says.
    """
    with _opened(path) as file:
        kind = file.attribute("kind")
        if kind != "spectra":
            raise UserError(
                f"{path} is not a spectra grid (kind {'absent' if kind is None else str(kind)[:60]!r})",
                valid="a file written by: crsea-infer grid import",
            )
        hash_, provenance = file.text("hash"), json_object(file.text("provenance"))
        content = json_object(file.text("description"))
        description = described(SpectraDescription, content, f"{path}: description", _FIX).model_dump()
        parameters = tuple(Parameter(**one) for one in description["parameters"])
        spectra = tuple(Spectrum(**(one | {"energies": tuple(one["energies"])})) for one in description["spectra"])
        schema = _schema(parameter.name for parameter in parameters)
        sizes = {"output": sum(len(spectrum.energies) for spectrum in spectra)}
        check_headers(file.headers, schema, sizes, where=str(path), fix=_FIX, limit=file.limit)
        arrays = check_numbers({name: file.array(name) for name in file.headers}, schema, where=str(path), fix=_FIX)
        grid = SpectraGrid(
            parameters=parameters,
            points=np.array([arrays[parameter.name] for parameter in parameters])
            .reshape(len(parameters), len(arrays["intensity"]))
            .T,
            spectra=spectra,
            intensities=arrays["intensity"],
            provenance=provenance,
        )
    if grid.hash != hash_ or not _outputs_agree(grid, arrays):
        raise UserError(f"{path} was changed: its numbers do not have the hash it states", fix="import or build again")
    return grid


def _outputs(grid: SpectraGrid) -> dict[str, Any]:
    """Return energy and words of each output, as a file holds them."""
    columns = [(spectrum, energy) for spectrum in grid.spectra for energy in spectrum.energies]
    return {
        "energy": np.array([energy for _, energy in columns]),
        "messenger": [spectrum.messenger for spectrum, _ in columns],
        "region": [spectrum.region or "" for spectrum, _ in columns],
        "component": [spectrum.component for spectrum, _ in columns],
        "intensity_unit": [INTENSITY_UNITS[spectrum.messenger] for spectrum, _ in columns],
    }


def _outputs_agree(grid: SpectraGrid, arrays: Mapping[str, AnyArray]) -> bool:
    return all(np.array_equal(arrays[name], values) for name, values in _outputs(grid).items())

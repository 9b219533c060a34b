"""The file of imported DRAGON2 runs: local spectra, radial spectra and responses, signed as a whole.

On disk it is an xarray Dataset (netCDF-4) of kind "dragon": ``local`` (point, species, energy), ``radial`` (point,
species, radius, energy), ``response`` (point, species, region, component, absorption, rigidity), and one coordinate per
parameter that varies.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
from pydantic import Field

from crsea_infer.content.toml_files import Entry
from crsea_infer.grids.description import ParameterEntry, described
from crsea_infer.support.array_files import json_object, open_hdf5, refusing
from crsea_infer.support.array_schema import TEXT, ArraySpec, check_headers, check_numbers, signature
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import arrays_digest, digest
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import xarray as xr

    from crsea_infer.grids.model_table import ModelTable
    from crsea_infer.support.array_schema import AnyArray

__all__ = ["dragon_dataset", "read_dragon_dataset"]

_FIX: Final = "import the runs again with: crsea-infer grid import dragon"
_DIMENSIONS: Final = {
    "local": ("point", "species", "energy"),
    "radial": ("point", "species", "radius", "energy"),
    "response": ("point", "species", "region", "component", "absorption", "rigidity"),
}
_UNITS: Final = {"local": "GeV-1 m-2 s-1 sr-1", "radial": "GeV-1 m-2 s-1 sr-1", "response": "cm-2"}
_NUMBERS: Final = {"energy": "GeV", "radius": "kpc", "absorption": "1/kpc", "rigidity": "GV"}
_WORDS: Final = ("species", "region", "component")
_ATTRIBUTES: Final = ("kind", "parameters", "provenance", "hash", "sha256", "crsea_infer_version")


class _Parameters(Entry):
    """What a file says of its parameters."""

    parameters: Annotated[list[ParameterEntry], Field(max_length=10_000)]


def dragon_dataset(
    arrays: Mapping[str, Any], coordinates: Mapping[str, Any], models: ModelTable | None, provenance: dict[str, Any]
) -> xr.Dataset:
    """Put imported runs together, with everything that says what they are.

    Parameters
    ----------
    arrays
        ``local``, ``radial`` and ``response``.
    coordinates
        Those of all dimensions but "point", as xarray takes them.
    models
        The table that named the runs; None for a single run.
    provenance
        Anything JSON can hold.
    """
    parameters = [] if models is None else list(models.parameters)
    points = np.zeros((1, 0)) if models is None else models.points
    described_ = [
        {"name": p.name, "lower": p.lower, "upper": p.upper, "unit": p.unit, "scale": p.scale} for p in parameters
    ]
    numbers_ = arrays_digest({**arrays, "points": points})
    varied = {p.name: ("point", points[:, i], {"units": p.unit}) for i, p in enumerate(parameters)}
    attributes = {
        "kind": "dragon",
        "parameters": json.dumps(described_),
        "provenance": json.dumps(provenance, sort_keys=True),
        "hash": digest({"parameters": described_, "provenance": provenance, "numbers": numbers_}),
        "crsea_infer_version": __version__,
    }
    grid = _assembled(arrays, {**coordinates, **varied}, attributes)
    numbers = {str(name): array.values for name, array in grid.variables.items()}
    return grid.assign_attrs(sha256=_signature(attributes, numbers))


def _assembled(arrays: Mapping[str, Any], coordinates: Mapping[str, Any], attributes: Mapping[str, str]) -> xr.Dataset:
    import xarray as xr

    return xr.Dataset(
        {
            name: (dimensions, np.asarray(arrays[name], dtype=float), {"units": _UNITS[name]})
            for name, dimensions in _DIMENSIONS.items()
        },
        coords=dict(coordinates),
        attrs=dict(attributes),
    )


def _signature(attributes: Mapping[str, str], arrays: Mapping[str, AnyArray]) -> str:
    return signature([attributes[name] for name in ("parameters", "provenance", "hash")], arrays)


def _schema(names: list[str]) -> dict[str, ArraySpec]:
    """Return what a file of parameters of these names holds."""
    return {
        **{name: ArraySpec(dimensions, numbers="not negative") for name, dimensions in _DIMENSIONS.items()},
        **{name: ArraySpec((name,), numbers="not negative") for name in _NUMBERS},
        **{name: ArraySpec((name,), (TEXT,)) for name in _WORDS},
        **{name: ArraySpec(("point",)) for name in names},
    }


def read_dragon_dataset(path: Path) -> xr.Dataset:
    """Read a file that is known to be there and of kind "dragon".

    Raises
    ------
    UserError
        When it is damaged, does not hold what it should, or was changed since it was written.
    """
    with refusing(f"{path} is not a readable netCDF-4 file", fix=_FIX), open_hdf5(path) as file:
        attributes = {name: file.text(name) for name in _ATTRIBUTES}
        json_object(attributes["provenance"])
        content = json_object(f'{{"parameters": {attributes["parameters"]}}}')
        parameters = described(_Parameters, content, str(path), _FIX).parameters
        schema = _schema([parameter.name for parameter in parameters])
        check_headers(file.headers, schema, {}, where=str(path), fix=_FIX, limit=file.limit)
        arrays = check_numbers({name: file.array(name) for name in file.headers}, schema, where=str(path), fix=_FIX)
    if _signature(attributes, arrays) != attributes["sha256"]:
        raise UserError(f"{path} was changed: it does not hold what its signature says", fix=_FIX)
    coordinates = {
        **{name: (name, arrays[name], {"units": unit}) for name, unit in _NUMBERS.items()},
        **{name: list(arrays[name]) for name in _WORDS},
        **{one.name: ("point", arrays[one.name], {"units": one.unit}) for one in parameters},
    }
    return _assembled(arrays, coordinates, attributes)

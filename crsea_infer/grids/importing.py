"""Grids of models computed elsewhere: ``crsea-infer grid import``.

A table names one model per row, with its parameters and its files (:mod:`crsea_infer.grids.model_table`). Sky maps of
HERMES become a spectra grid; full outputs of DRAGON2 become local and radial spectra and responses of sky regions, from
which the emulator stage folds spectra. Hashes of all files go into the provenance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.grids.dragon_file import dragon_dataset
from crsea_infer.grids.dragon_output import SPECIES, dragon_response, read_dragon
from crsea_infer.grids.hermes_maps import HermesSpectra, average_hermes_map
from crsea_infer.grids.model_table import read_model_table
from crsea_infer.grids.spectra_grid import SpectraGrid, Spectrum
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.files import file_digest, write_dataset
from crsea_infer.support.names import check_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import xarray as xr

    from crsea_infer.grids.dragon_output import DragonOutput
    from crsea_infer.physics.regions import Region

__all__ = ["import_dragon", "import_hermes", "write_dragon_grid"]

_MESSENGERS: Final = ("gamma", "neutrino")
RADII: Final = tuple(float(radius) for radius in range(1, 17))
"""Galactocentric radii of the radial spectra, kpc, as far as a run reaches."""


def import_hermes(
    table: Path,
    regions: Sequence[Region],
    *,
    neutrino_factor: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SpectraGrid:
    """Average the HERMES maps of many models over regions.

    Parameters
    ----------
    table
        Its columns of files are named ``gamma_COMPONENT`` or ``neutrino_COMPONENT``, for example ``gamma_pi0``,
        ``gamma_inverse_compton``, ``gamma_bremsstrahlung``, ``neutrino_pi0``.
    regions
        Sky regions.
    neutrino_factor
        Neutrino maps are multiplied by it, to give neutrinos plus antineutrinos of one flavour: 1/3 for maps of HERMES,
        which hold all flavours. Files do not say it, so a table with neutrino maps needs it.
    progress
        Called with the number of models done and the total.

    Raises
    ------
    UserError
        When the table or a map is not as it should be, models differ in their energies, or it is left open what
        neutrino maps hold.
    """
    models = read_model_table(table)
    for column in models.files:
        messenger, _, component = column.partition("_")
        if messenger not in _MESSENGERS or not component:
            raise unknown_name(
                "column of files",
                column,
                ("gamma_pi0", "gamma_inverse_compton", "gamma_bremsstrahlung", "neutrino_pi0"),
                where=str(table),
                fix="name it gamma_COMPONENT or neutrino_COMPONENT",
            )
        check_name(component, f"{table}: column {column}", "component")
    neutrinos = [column for column in models.files if column.startswith("neutrino_")]
    if neutrinos and neutrino_factor is None:
        raise UserError(
            f"{table} names neutrino maps ({', '.join(neutrinos)}), and HERMES files do not say whether they hold one "
            "flavour or all (PROCESS is the same for gamma rays and for neutrinos)",
            valid="--neutrino-flavours all: nu + nubar of all flavours, as HERMES computes them, divided by 3; "
            "--neutrino-flavours one: of one flavour; or --neutrino-factor F",
            fix="add --neutrino-flavours all for maps that HERMES itself wrote",
        )
    for row in zip(*models.files.values(), strict=True):
        if len(set(row)) < len(row):
            raise UserError(
                f"{table} gives the file {next(path for path in row if row.count(path) > 1)} in two columns",
                valid="a map for each messenger and component",
            )
    rows: list[np.ndarray[Any, np.dtype[np.float64]]] = []
    first: dict[str, HermesSpectra] = {}
    for model in range(len(models.points)):
        parts = []
        for column, paths in models.files.items():
            maps = average_hermes_map(paths[model], regions)
            reference = first.setdefault(column, maps)
            if maps.energies.shape != reference.energies.shape or not np.allclose(
                maps.energies, reference.energies, rtol=1e-6
            ):
                raise UserError(
                    f"{paths[model]} has other energies than {paths[0]}",
                    valid="the same energies for all models of a column",
                    fix="run HERMES with one set of energies",
                )
            scale = neutrino_factor if column in neutrinos and neutrino_factor is not None else 1.0
            parts.append(maps.intensities.ravel() * scale)
        rows.append(np.concatenate(parts))
        if progress is not None:
            progress(model + 1, len(models.points))
    spectra = tuple(
        Spectrum(
            column.partition("_")[0], region.name, column.partition("_")[2], tuple(first[column].energies.tolist())
        )
        for column in models.files
        for region in regions
    )
    provenance = {
        "code": "HERMES " + ", ".join(sorted({maps.version for maps in first.values()})),
        "process": {column: maps.process for column, maps in first.items()},
        "n_side": {column: maps.n_side for column, maps in first.items()},
        **({"neutrino_factor": neutrino_factor} if neutrinos else {}),
        **models.provenance,
    }
    return SpectraGrid(models.parameters, models.points, spectra, np.array(rows), provenance)


def import_dragon(
    source: Path, regions: Sequence[Region], progress: Callable[[int, int], None] | None = None
) -> xr.Dataset:
    """Read DRAGON2 runs into local spectra, radial spectra and responses.

    Parameters
    ----------
    source
        One full output, or a table of models with a column ``dragon`` of such files.
    regions
        Sky regions of the responses.
    progress
        Called with the number of runs done and the total.

    Returns
    -------
    xr.Dataset
        Of kind "dragon": ``local`` (point, species, energy), ``radial`` (point, species, radius, energy), ``response``
        (point, species, region, component, absorption, rigidity).

    Raises
    ------
    UserError
        When a file is not as it should be, or runs differ in their energies.
    """
    from crsea_infer.physics.geometry import COMPONENTS, absorption_nodes

    models = read_model_table(source) if source.suffix in {".ecsv", ".csv"} else None
    if models is not None and set(models.files) != {"dragon"}:
        raise UserError(f"{source} has the columns of files {', '.join(models.files)}", valid="one column, dragon")
    paths = (source,) if models is None else models.files["dragon"]
    first: DragonOutput | None = None
    local, radial, response, rigidities = [], [], [], np.zeros(0)
    radii = np.array(RADII)
    for i, path in enumerate(paths):
        run = read_dragon(path)
        if first is None:
            first = run
            radii = radii[radii < run.radii[-1]]
        elif run.energies.shape != first.energies.shape or not np.allclose(run.energies, first.energies, rtol=1e-6):
            raise UserError(f"{path} has other energies than {paths[0]}", valid="the same energies for all runs")
        seen = dragon_response(run, regions)
        rigidities = seen.rigidities
        local.append([run.local(species) for species in SPECIES])
        radial.append([run.radial(species, radii) for species in SPECIES])
        response.append([seen.responses[species] for species in SPECIES])
        if progress is not None:
            progress(i + 1, len(paths))
    if first is None:
        raise UserError(f"{source} names no runs")
    return dragon_dataset(
        {"local": np.array(local), "radial": np.array(radial), "response": np.array(response)},
        {
            "species": list(SPECIES),
            "energy": ("energy", first.energies, {"units": "GeV", "long_name": "kinetic energy per nucleon"}),
            "radius": ("radius", radii, {"units": "kpc"}),
            "region": [region.name for region in regions],
            "component": list(COMPONENTS),
            "absorption": ("absorption", absorption_nodes(), {"units": "1/kpc"}),
            "rigidity": ("rigidity", rigidities, {"units": "GV"}),
        },
        models,
        {
            "code": "DRAGON2",
            "setup": dict(first.setup),
            "images_summed": {f"Z={z} A={a}": n for (z, a), n in first.n_images.items()},
            **({"file": f"{source.name} {file_digest(source)}"} if models is None else models.provenance),
        },
    )


def write_dragon_grid(grid: xr.Dataset, path: Path) -> None:
    """Write an imported DRAGON2 grid to a netCDF-4 file, whole or not at all."""
    write_dataset(grid, path)

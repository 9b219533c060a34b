"""The command line of grids: build, import, info, and the compact gas table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crsea_infer.cli import physics_arguments
from crsea_infer.cli.arguments import place, whole_number

if TYPE_CHECKING:
    import argparse

    from crsea_infer.support.schedule import Schedule

__all__ = ["add_arguments", "execute"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands of ``crsea-infer grid``."""
    from crsea_infer.cli import import_commands

    commands = parser.add_subparsers(dest="grid_command", required=True, metavar="COMMAND")
    build = commands.add_parser(
        "build",
        help="solve transport on a tensor of parameters and store the responses of sky regions",
        allow_abbrev=False,
    )
    build.add_argument(
        "--output", type=place("--output"), default=Path("grid.nc"), help="file to write (default: %(default)s)"
    )
    build.add_argument(
        "--region",
        action="append",
        metavar="REGION",
        help="region name or box such as l=25..100,b=-5..5; may be repeated (default: all named regions)",
    )
    physics_arguments.add_transport(build)
    physics_arguments.add_ranges(build)
    physics_arguments.add_emission(build)
    _add_schedule(build)
    importer = commands.add_parser(
        "import", help="make a grid of models from HERMES maps or DRAGON2 output", allow_abbrev=False
    )
    import_commands.add_arguments(importer)
    info = commands.add_parser("info", help="say what a grid holds and how it was made", allow_abbrev=False)
    info.add_argument("grid", type=place("GRID"), help="file written by grid build")
    gas = commands.add_parser("gas", help="make the compact gas table from full ring maps", allow_abbrev=False)
    gas.add_argument(
        "maps",
        type=place("MAPS"),
        nargs="+",
        help="FITS file with the extensions N_HI and W_CO, or HERMES's two files NHrings_... and WCOrings_...",
    )
    gas.add_argument(
        "--output", type=place("--output"), default=Path("gas_columns.nc"), help="file to write (default: %(default)s)"
    )


def execute(arguments: argparse.Namespace) -> None:
    """Run the sub-command that was parsed."""
    {"build": _build, "import": _import, "info": _info, "gas": _gas}[arguments.grid_command](arguments)


def _build(arguments: argparse.Namespace) -> None:
    from crsea_infer.grids.response_build import build_response_grid
    from crsea_infer.grids.response_grid import DEFAULT_REGIONS, GridSettings
    from crsea_infer.physics.regions import region_key
    from crsea_infer.support.files import make_directory
    from crsea_infer.support.progress import counter

    choices = physics_arguments.choices(arguments)
    regions = tuple(dict.fromkeys(region_key(name) for name in arguments.region or DEFAULT_REGIONS))
    settings = choices.apply(GridSettings(regions=regions))
    make_directory(arguments.output.resolve().parent)
    with counter("transport points") as progress:
        grid = build_response_grid(settings, arguments.output, _schedule_of(arguments), progress)
    print(f"wrote {arguments.output}: {grid.sizes['point']} points x {len(regions)} regions, hash {grid.attrs['hash']}")


def _import(arguments: argparse.Namespace) -> None:
    from crsea_infer.cli import import_commands

    print(import_commands.execute(arguments))


def _info(arguments: argparse.Namespace) -> None:
    from crsea_infer.grids.spectra_grid import grid_kind

    if grid_kind(arguments.grid) == "response":
        _response_info(arguments)
        return
    from crsea_infer.emulator.spectra.any_grid import read_any_spectra_grid

    grid = read_any_spectra_grid(arguments.grid)
    print(f"{arguments.grid}: {grid_kind(arguments.grid)} grid, hash {grid.hash}, {len(grid.points)} points")
    for parameter in grid.parameters:
        print(f"  {parameter.name:<16} {parameter.lower:g} to {parameter.upper:g} {parameter.unit}")
    for spectrum in grid.spectra:
        low, high = min(spectrum.energies), max(spectrum.energies)
        print(f"  {spectrum.label}: {low:.3g} to {high:.3g} GeV, {len(spectrum.energies)} energies")


def _response_info(arguments: argparse.Namespace) -> None:
    import json

    from crsea_infer.grids.physics_choices import describe_physics
    from crsea_infer.grids.response_grid import GridSettings, read_grid

    grid = read_grid(arguments.grid)
    settings = json.loads(grid.attrs["settings"])
    version = grid.attrs["crsea_infer_version"]
    print(f"{arguments.grid}: response grid, hash {grid.attrs['hash']}, by crsea_infer {version}")
    print(f"  points       {grid.sizes['point']}")
    for axis in settings["axes"]:
        print(f"  {axis['name']:<12} {axis['lower']:g} to {axis['upper']:g} {axis['unit']}, {axis['n_nodes']} nodes")
    print(f"  regions      {', '.join(settings['regions'])}")
    print(f"  rigidity     {float(grid['rigidity'].min()):.3g} to {float(grid['rigidity'].max()):.3g} GV")
    for name, text in describe_physics(GridSettings.from_json(settings)).items():
        print(f"  {name:<12} {text}")
    enhancement = settings["nuclear_enhancement"]
    print(f"  pions        {settings['cross_section']}, enhancement for heavier nuclei {enhancement:g}")
    print(f"  leptons      {'none' if settings['electrons'] is None else 'inverse Compton and bremsstrahlung'}")
    print(f"  gas          {settings['gas']}")


def _gas(arguments: argparse.Namespace) -> None:
    from crsea_infer.physics.gas_maps import compact_gas_table
    from crsea_infer.support.files import make_directory

    make_directory(arguments.output.resolve().parent)
    n_pixels = compact_gas_table(arguments.maps, arguments.output)
    print(f"wrote {arguments.output}: {n_pixels} pixels, {arguments.output.stat().st_size / 1e6:.2f} MB")


def _add_schedule(parser: argparse.ArgumentParser) -> None:
    """Add the options of a build on many workers."""
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="dask scheduler that hands out the points, such as tcp://host:8786 (default: processes on this machine)",
    )
    for option, default, what in (("--workers", 2, "local processes"), ("--chunk", 64, "points per hand-out")):
        parser.add_argument(
            option,
            type=whole_number(option, 1),
            default=default,
            metavar="N",
            help=f"{what} (default: %(default)s)",
        )


def _schedule_of(arguments: argparse.Namespace) -> Schedule:
    """Return the schedule that the options ask for."""
    from crsea_infer.support.schedule import Schedule

    return Schedule(scheduler=arguments.scheduler, workers=arguments.workers, chunk=arguments.chunk)

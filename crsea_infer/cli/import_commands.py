"""The command line of ``crsea-infer grid import``: its arguments, and what it says when it is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crsea_infer.cli.arguments import number, one_of, place
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import make_directory

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "execute"]

_FACTORS: Final = {"all": 1.0 / 3.0, "one": 1.0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``crsea-infer grid import``."""
    codes = parser.add_subparsers(dest="import_code", required=True, metavar="CODE")
    hermes = codes.add_parser("hermes", help="HEALPix maps of HERMES, averaged over regions", allow_abbrev=False)
    hermes.add_argument(
        "table",
        type=place("TABLE"),
        help="ECSV or CSV: one row per model, parameters and gamma_..., neutrino_... files",
    )
    hermes.add_argument(
        "--neutrino-flavours",
        type=one_of("--neutrino-flavours", tuple(_FACTORS)),
        metavar="all|one",
        help="what neutrino maps hold: nu + nubar of all flavours, as HERMES writes them (divided by 3), or of one. "
        "Files do not say it: this or --neutrino-factor is needed for neutrino maps",
    )
    hermes.add_argument(
        "--neutrino-factor",
        type=number("--neutrino-factor"),
        metavar="F",
        help="instead: what turns neutrino maps of another convention into nu + nubar of one flavour",
    )
    dragon = codes.add_parser("dragon", help="full outputs of DRAGON2", allow_abbrev=False)
    dragon.add_argument(
        "table", type=place("TABLE"), help="a FITS file, or ECSV or CSV with parameters and a column dragon"
    )
    for code in (hermes, dragon):
        code.add_argument("--region", action="append", metavar="REGION", help="name or box; may be repeated")
        code.add_argument(
            "--output", type=place("--output"), default=Path("grid.nc"), help="file to write (default: %(default)s)"
        )


def _neutrino_factor(arguments: argparse.Namespace) -> float | None:
    """Return what neutrino maps are multiplied by, None if nothing was said."""
    factor: float | None = arguments.neutrino_factor
    if factor is None:
        return _FACTORS.get(arguments.neutrino_flavours)
    if arguments.neutrino_flavours is not None:
        raise UserError("--neutrino-flavours and --neutrino-factor are both given", valid="one of them")
    if factor <= 0:
        raise UserError(f"--neutrino-factor {factor:g}", valid="a number above 0")
    return factor


def execute(arguments: argparse.Namespace) -> str:
    """Run ``crsea-infer grid import`` and return what to print."""
    from crsea_infer.grids.importing import import_dragon, import_hermes, write_dragon_grid
    from crsea_infer.grids.response_grid import DEFAULT_REGIONS
    from crsea_infer.grids.spectra_grid import write_spectra_grid
    from crsea_infer.physics.regions import parse_region
    from crsea_infer.support.progress import counter

    regions = list({region.name: region for region in map(parse_region, arguments.region or DEFAULT_REGIONS)}.values())
    make_directory(arguments.output.resolve().parent)
    with counter("models") as progress:
        if arguments.import_code == "hermes":
            factor = _neutrino_factor(arguments)
            grid = import_hermes(arguments.table, regions, neutrino_factor=factor, progress=progress)
            write_spectra_grid(grid, arguments.output)
            n_points, hash_ = len(grid.points), grid.hash
            varied = [parameter.name for parameter in grid.parameters]
        else:
            dataset = import_dragon(arguments.table, regions, progress)
            write_dragon_grid(dataset, arguments.output)
            n_points, hash_ = dataset.sizes["point"], dataset.attrs["hash"]
            varied = [parameter["name"] for parameter in json.loads(dataset.attrs["parameters"])]
    return (
        f"wrote {arguments.output}: {n_points} models x {len(regions)} regions, hash {hash_}\n"
        f"  parameters {', '.join(varied) or 'none: one model'}"
    )

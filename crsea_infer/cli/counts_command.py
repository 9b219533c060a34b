"""The command line of ``crsea-infer counts``: a compact table of counts and exposure from cubes of the whole sky."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from crsea_infer.cli.arguments import number, place
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "execute"]

_EPILOG = """\
Writes counts.ecsv, and for each region the pixels that were counted as a mask NAME.fits.gz, and prints the lines of a
likelihood.toml that go with them (kind = "counts-table"). With --high-latitudes the table has a
column of that name: the counts that the mean intensity of the sky beyond a latitude would give. With --components the
columns named by --column are turned into expected counts.

example:
  crsea-infer counts ccube.fits expcube.fits --region inner=lhaaso_inner --energy-max 310 --high-latitudes 60 \\
      --components inner=sources.ecsv --column point_sources_4fgl --reference "arXiv:1702.00664" --output my_counts"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``crsea-infer counts``."""
    parser.epilog = _EPILOG
    parser.add_argument("counts", metavar="COUNTS", type=place("COUNTS"), help="counts cube, as gtbin writes it")
    parser.add_argument(
        "exposure", metavar="EXPOSURE", type=place("EXPOSURE"), help="exposure, as gtexpcube2 writes it"
    )
    parser.add_argument(
        "--region",
        action="append",
        required=True,
        metavar="NAME=REGION",
        help="a region by name or as a box, and how its mask is called; may be repeated",
    )
    parser.add_argument("--energy-min", metavar="GEV", type=number("--energy-min"), default=0.0, help="first bin")
    parser.add_argument("--energy-max", metavar="GEV", type=number("--energy-max"), default=math.inf, help="last bin")
    parser.add_argument(
        "--high-latitudes", metavar="DEG", type=number("--high-latitudes"), help="latitude beyond which it is averaged"
    )
    parser.add_argument(
        "--components",
        action="append",
        default=[],
        metavar="NAME=TABLE",
        help="ECSV table of energy and intensities in a region; may be repeated",
    )
    parser.add_argument(
        "--column", action="append", default=[], metavar="NAME", help="of these tables; may be repeated"
    )
    parser.add_argument("--reference", required=True, metavar="TEXT", help="where the selection is described")
    parser.add_argument("--selection", default="", metavar="TEXT", help="of events, in words")
    parser.add_argument("--output", required=True, metavar="DIR", type=place("--output"), help="folder to write to")


def execute(arguments: argparse.Namespace) -> None:
    """Run the command that was parsed."""
    from crsea_infer.inference.likelihoods import counts_reduction as reduction
    from crsea_infer.physics.regions import parse_region
    from crsea_infer.support.files import absolute
    from crsea_infer.support.names import check_name

    cubes = reduction.read_cubes(arguments.counts, arguments.exposure, arguments.energy_min, arguments.energy_max)
    regions = {}
    for name, text in _pairs("--region", arguments.region).items():
        check_name(name, "--region", "data set")
        regions[name] = reduction.reduce_region(cubes, parse_region(text))
    given = _pairs("--components", arguments.components)
    unknown = sorted(set(given) - set(regions))
    if unknown:
        raise UserError(f"--components names the region {unknown[0]!r}", valid=", ".join(regions))
    if bool(given) != bool(arguments.column):
        raise UserError("--components and --column go together", valid="both, or neither")
    spectra = {name: reduction.spectra_of(absolute(path), arguments.column) for name, path in given.items()}
    components, descriptions = {}, {}
    for column in arguments.column:
        components[column] = [
            reduction.expected_counts(cubes.edges, one.exposure, *spectra[name][column])
            if column in spectra.get(name, {})
            else 0.0 * one.counts
            for name, one in regions.items()
        ]
        descriptions[column] = f"counts expected from {column} at norm 1, continued as power laws beyond their table"
    if arguments.high_latitudes is not None:
        intensity = reduction.high_latitude_intensity(cubes, arguments.high_latitudes)
        middle = (cubes.edges[1:] * cubes.edges[:-1]) ** 0.5
        name = reduction.HIGH_LATITUDES
        components[name] = [
            reduction.expected_counts(cubes.edges, one.exposure, middle, intensity) for one in regions.values()
        ]
        descriptions[name] = (
            f"counts expected from the mean intensity at latitudes beyond {arguments.high_latitudes:g} deg of the same "
            "cubes, nothing taken off"
        )
    metadata = {"reference": arguments.reference, "table_or_figure": "counts and exposure cubes"}
    if arguments.selection:
        metadata["selection"] = arguments.selection
    for path in cubes.write(arguments.output, regions, components, descriptions, metadata):
        print(f"wrote {path}")
    print('kind = "counts-table"\ntable = "counts.ecsv"\nregions = [')
    margin = 2.0 * math.degrees(math.sqrt(cubes.counts.sky.solid_angle))
    for name, one in regions.items():
        west, east = one.region.longitude
        south, north = (max(one.region.latitude[0] - margin, -90), min(one.region.latitude[1] + margin, 90))
        box = f"l={west:g}..{east:g},b={south:.0f}..{north:.0f}"
        if east - west < 360 - 2 * margin:
            box = f"l={west - margin:.0f}..{east + margin:.0f},b={south:.0f}..{north:.0f}"
        print(f'    "{box},mask={name}.fits.gz",')
    print("]")


def _pairs(option: str, texts: list[str]) -> dict[str, str]:
    """Return what stands behind the names of NAME=VALUE, each name once."""
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name and sign and value) or name in found:
            raise UserError(f"{option} {text!r}", valid=f"{option} NAME=VALUE, each name once")
        found[name] = value
    return found

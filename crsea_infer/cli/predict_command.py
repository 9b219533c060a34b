"""The command line of ``crsea-infer predict``: its arguments, and the table that it prints as ECSV or JSON.

Intensities are those of a hypothesis at its published values or, with ``--run``, bands of the posterior of a run.
"""

from __future__ import annotations

import json
import math
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.cli import physics_arguments
from crsea_infer.cli.arguments import number, one_of, whole_number
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from astropy.table import QTable

__all__ = ["add_arguments", "execute"]

_EXAMPLES = """\
Prints energy_gev and intensity in GeV^-1 cm^-2 s^-1 sr^-1 (neutrinos per flavour), total and per component; protons and
helium in GeV^-1 m^-2 s^-1 sr^-1 (helium per GeV per nucleon). Parameters have their published values unless --set; with
--run the columns are median, 68 and 95 % bands of the posterior. --map writes HEALPix maps of the whole sky to a file.

examples:
  crsea-infer predict base-max --region l=50..200,b=-5..5 --energies 10,100,1000
  crsea-infer predict gamma-optimized-min --region lhaaso_inner --messenger neutrino --set halo_height=6 --format json
  crsea-infer predict gamma-optimized-min --messenger proton --radius 6
  crsea-infer predict base-min --messenger proton --radius 11 --rim 12
  crsea-infer predict gamma-optimized-min --run out/min_vs_max --region l=25..100,b=-5..5
  crsea-infer predict base-min --run out/min_vs_max --map nside=64 --energies 1e3,1e5 --output sky.fits"""

_DEFAULT_ENERGIES = tuple(10.0 ** (1 + step / 4) for step in range(21))  # 10 GeV to 1 PeV, four per decade
_MESSENGERS = ("gamma", "neutrino", "proton", "helium")
_AXES = ("longitude", "latitude")
_FORMATS = ("ecsv", "json")


def add_arguments(predict: argparse.ArgumentParser) -> None:
    """Add the arguments of ``crsea-infer predict``."""
    predict.epilog = _EXAMPLES
    predict.add_argument(
        "hypothesis",
        metavar="HYPOTHESIS",
        nargs="?",
        help="see 'crsea-infer list hypotheses'; with --run one of the run's, if it has several",
    )
    predict.add_argument("--run", metavar="DIR", help="bands of the posterior of this finished run")
    predict.add_argument("--region", metavar="REGION", help="a name (see 'list regions') or a box, l=50..200,b=-5..5")
    predict.add_argument("--energies", metavar="E,E,...", help="in GeV (default: 10 GeV to 1 PeV, four per decade)")
    predict.add_argument("--messenger", choices=_MESSENGERS, type=one_of("messenger", _MESSENGERS), default="gamma")
    predict.add_argument(
        "--radius", metavar="KPC", type=number("--radius"), help="protons and helium: where (default: at the Sun)"
    )
    predict.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="change a parameter")
    physics_arguments.add_transport(predict)
    predict.add_argument("--exact", action="store_true", help="use the transport solver, not the emulator")
    predict.add_argument(
        "--all-flavours", action="store_true", help="neutrinos of all flavours (default: one of three)"
    )
    predict.add_argument("--no-absorption", action="store_true", help="gamma rays as they were emitted")
    predict.add_argument(
        "--profile", choices=_AXES, type=one_of("profile", _AXES), help="cut the region into bins along this axis"
    )
    predict.add_argument(
        "--bins",
        metavar="N",
        type=whole_number("--bins", 1, 360),
        default=10,
        help="bins of --profile (default: %(default)s)",
    )
    predict.add_argument(
        "--map",
        metavar="nside=N[,KEY=VALUE...]",
        help="write maps of the whole sky to --output: also format=healpix|mapcube|icecube, frame=galactic|icrs, "
        "order=ring|nested, component=NAME",
    )
    predict.add_argument("--output", metavar="FILE.fits", help="file of --map; one that is there is replaced")
    predict.add_argument("--format", choices=_FORMATS, type=one_of("format", _FORMATS), default="ecsv")


def execute(options: argparse.Namespace) -> str:
    """Return the text that the command prints.

    Raises
    ------
    UserError
        When options do not go together, or name what does not exist.
    """
    is_cosmic_ray = options.messenger in {"proton", "helium"}
    if is_cosmic_ray and options.region is not None:
        raise UserError(
            f"--region {options.region} with --messenger {options.messenger}",
            valid="--region for gamma and neutrino, --radius for proton and helium",
            fix="drop --region; --radius says where in the disc",
        )
    if not is_cosmic_ray and options.radius is not None:
        raise UserError(f"--radius with --messenger {options.messenger}", valid="--radius for proton and helium")
    if not is_cosmic_ray and options.region is None and options.map is None:
        raise UserError(
            f"no --region for --messenger {options.messenger}",
            valid="a name (see 'crsea-infer list regions') or a box, such as l=50..200,b=-5..5",
            fix="add --region lhaaso_inner, for example",
        )
    if options.all_flavours and options.messenger != "neutrino":
        raise UserError(f"--all-flavours with --messenger {options.messenger}", valid="--messenger neutrino")
    if options.profile is not None and is_cosmic_ray:
        raise UserError(f"--profile with --messenger {options.messenger}", valid="--profile for gamma and neutrino")
    if options.radius is not None and options.radius < 0:
        raise UserError(f"--radius {options.radius:g}", valid="a distance from the Galactic centre in kpc, not below 0")
    _check_run(options)
    changes = _settings(options.set)
    if options.map is not None:
        return _map(options, changes)
    try:
        table = _posterior(options) if options.run is not None else _published(options, changes)
    except UserError as error:
        # what Python calls a change is --set here
        named = next((name for name in changes if error.given.startswith((f"{name} = ", f"{name} is "))), None)
        if named is None:
            raise
        fix = error.fix.replace(f"{named} = ", f"--set {named}=")
        raise UserError(f"--set: {error.given}", valid=error.valid, fix=fix) from error
    return _json(table) if options.format == "json" else _ecsv(table)


def _check_run(options: argparse.Namespace) -> None:
    """Refuse what does not go with --run, with --map, or without either."""
    if options.run is None and options.hypothesis is None:
        raise UserError("no HYPOTHESIS", valid="a name (see 'crsea-infer list hypotheses'), or --run DIR")
    physics = physics_arguments.demanded(options)
    if options.run is not None:
        given = ["--set"] * bool(options.set) + ["--exact"] * options.exact
        given += ["--no-absorption"] * options.no_absorption + ["an option of physics"] * bool(physics)
        if given:
            raise UserError(
                f"{given[0]} with --run", valid="parameters and physics of the run", fix="leave it, or --run, out"
            )
    if options.output is not None and options.map is None:
        raise UserError("--output without --map", valid="--output for maps", fix="tables are printed: ... > FILE")
    if options.map is not None:
        given = ["--region"] * (options.region is not None) + ["--profile"] * (options.profile is not None)
        given += ["--exact"] * options.exact + ["--no-absorption"] * options.no_absorption
        given += ["--all-flavours"] * options.all_flavours
        if given:
            raise UserError(f"{given[0]} with --map", valid="maps of the whole sky, by the emulator")
        if options.output is None:
            raise UserError("--map without --output", valid="--output FILE.fits")


def _published(options: argparse.Namespace, changes: dict[str, float]) -> QTable:
    """Return the table at published values."""
    from astropy import units as u

    from crsea_infer.interface.predict import predict

    return predict(
        options.hypothesis,
        options.region,
        u.Quantity(_energies(options.energies), "GeV"),
        messenger=options.messenger,
        radius=None if options.radius is None else u.Quantity(options.radius, "kpc"),
        changes=changes,
        profile=(options.profile, options.bins) if options.profile else None,
        all_flavours=options.all_flavours,
        absorption=not options.no_absorption,
        exact=options.exact,
        physics=physics_arguments.demanded(options),
    )


def _posterior(options: argparse.Namespace) -> QTable:
    """Return the bands of a finished run."""
    from astropy import units as u

    from crsea_infer.interface.finished_run import open_run

    return (
        open_run(options.run)
        .one(options.hypothesis)
        .predict(
            region=options.region,
            energies=u.Quantity(_energies(options.energies), "GeV"),
            messenger=options.messenger,
            radius=None if options.radius is None else u.Quantity(options.radius, "kpc"),
            profile=(options.profile, options.bins) if options.profile else None,
            all_flavours=options.all_flavours,
        )
    )


def _map(options: argparse.Namespace, changes: dict[str, float]) -> str:
    """Write a map, of the posterior or at published values, and return what is said of it."""
    from astropy import units as u

    from crsea_infer.cli.map_arguments import MapArguments, write_map
    from crsea_infer.interface.finished_run import open_run
    from crsea_infer.interface.sky_map import published_map

    wanted = MapArguments.read(options.map)
    request: dict[str, Any] = {
        **wanted.request,
        "energies": u.Quantity(_energies(options.energies), "GeV"),
        "messenger": options.messenger,
    }
    if options.run is not None:
        found = open_run(options.run).sky_map(options.hypothesis, **request)
    else:
        found = published_map(options.hypothesis, changes, physics=physics_arguments.demanded(options), **request)
    return write_map(found, wanted, options.output)


def _name(column: str) -> str:
    """Return what a column is called in a file, where units are not part of the numbers."""
    if column == "energy":
        return "energy_gev"
    return f"{column}_deg" if column.startswith(("longitude_", "latitude_")) else column


def _json(table: QTable) -> str:
    # a step that the mask covers has no intensity: null, which JSON has, rather than NaN, which it has not
    columns: dict[str, Any] = {
        _name(name): [None if np.isnan(value) else value for value in table[name].value.tolist()]
        for name in table.colnames
    }
    units = {_name(name): str(table[name].unit) for name in table.colnames}
    return json.dumps({**columns, "units": units, "meta": dict(table.meta)})


def _ecsv(table: QTable) -> str:
    from astropy.table import Column, Table

    plain = Table(meta=dict(table.meta))
    for name in table.colnames:
        column = table[name]
        plain[_name(name)] = Column(column.value, unit=column.unit, description=column.info.description, format="%.6g")
    stream = StringIO()
    plain.write(stream, format="ascii.ecsv")
    return stream.getvalue().rstrip("\n")


def _energies(text: str | None) -> tuple[float, ...]:
    """Read "10,100,1e3": energies in GeV."""
    if text is None:
        return _DEFAULT_ENERGIES
    valid = "energies in GeV above 0, separated by commas: 10,100,1e3"
    energies = []
    for part in text.split(","):
        try:
            energy = float(part)
        except ValueError as error:
            raise UserError(f"--energies {text}: {part.strip()!r} is not a number", valid=valid) from error
        if not (math.isfinite(energy) and energy > 0):
            raise UserError(f"--energies {text}: {part.strip()} is not an energy", valid=valid)
        energies.append(energy)
    return tuple(energies)


def _settings(given: Sequence[str]) -> dict[str, float]:
    """Read the "name=value" of every --set."""
    settings: dict[str, float] = {}
    for text in given:
        name, equals, value = (part.strip() for part in text.partition("="))
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (name and equals and math.isfinite(number)):
            raise UserError(f"--set {text}", valid="--set NAME=VALUE with a finite number, such as --set halo_height=6")
        if name in settings:
            raise UserError(f"--set {name} is given twice", valid="each parameter once")
        settings[name] = number
    return settings

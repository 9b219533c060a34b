"""Options of the physics of a grid: one list for every command that takes them, and what they say together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.cli.arguments import number, number_range, one_of

if TYPE_CHECKING:
    import argparse

    from crsea_infer.grids.physics_choices import PhysicsChoices

__all__ = ["add_emission", "add_ranges", "add_transport", "choices", "demanded"]

_CROSS_SECTIONS = ("kelner-aharonian", "aafrag")
_GAS = ("rings", "analytic")
_FIELDS = ("discs", "uniform")


def add_transport(parser: argparse.ArgumentParser) -> None:
    """Add what decides where cosmic rays are: sources, rim, saturation, the Sun; and what they meet."""
    parser.add_argument("--sources", metavar="NAME", help="source distribution (default: ferriere)")
    for option, default, what in (
        ("--rim", "20", "radius of free escape"),
        ("--saturation-radius", "the Sun's", "radius beyond which the exponent of diffusion is constant"),
        ("--sun-radius", "8.122", "distance of the Sun from the Galactic centre, in transport"),
    ):
        parser.add_argument(option, metavar="KPC", type=number(option), help=f"{what} (default: {default})")
    for option, words, kind, what in (
        ("--gas", _GAS, "gas model", "columns in rings, or a smooth model of the Galaxy"),
        (
            "--radiation-field",
            _FIELDS,
            "radiation field",
            "infrared and starlight fade with their emitters, or not",
        ),
    ):
        parser.add_argument(option, choices=words, type=one_of(kind, words), help=f"{what} (default: {words[0]})")


def add_ranges(parser: argparse.ArgumentParser) -> None:
    """Add the ranges of the transport parameters that a grid covers."""
    for option, unit, default, example in (
        ("--halo-height", "kpc", "2..12", "2..15"),
        ("--delta-slope", "1/kpc", "0..0.1", "0..0.15"),
    ):
        parser.add_argument(
            option,
            metavar="LOW..HIGH",
            type=number_range(option, example),
            help=f"range that the grid covers, {unit} (default: {default}); nodes as dense as by default",
        )


def add_emission(parser: argparse.ArgumentParser) -> None:
    """Add what decides the light of cosmic rays."""
    parser.add_argument(
        "--cross-section",
        choices=_CROSS_SECTIONS,
        type=one_of("cross-section", _CROSS_SECTIONS),
        help="pion production (default: kelner-aharonian)",
    )
    parser.add_argument(
        "--nuclear-enhancement",
        metavar="FACTOR",
        type=number("--nuclear-enhancement"),
        help="factor for nuclei heavier than helium (default: 1, as the published maps)",
    )
    parser.add_argument("--no-leptons", action="store_true", help="leave the gamma rays of electrons out")


def demanded(arguments: argparse.Namespace) -> dict[str, float | str]:
    """Return what the options of :func:`add_transport` demand of a sky model, by the keys of a table `[physics]`."""
    names = ("sources", "rim", "saturation_radius", "sun_radius", "gas", "radiation_field")
    return {name: value for name in names if (value := getattr(arguments, name)) is not None}


def choices(arguments: argparse.Namespace) -> PhysicsChoices:
    """Return what the options that were given say; the others leave things as shipped."""
    from crsea_infer.grids.physics_choices import PhysicsChoices

    given = {
        name: getattr(arguments, name, None)
        for name in (
            "sources",
            "rim",
            "saturation_radius",
            "sun_radius",
            "halo_height",
            "delta_slope",
            "cross_section",
            "nuclear_enhancement",
            "gas",
            "radiation_field",
        )
    }
    return PhysicsChoices(**given, leptons=False if getattr(arguments, "no_leptons", False) else None)

"""What the command `init` does: a folder to start from, or a data set made of a table of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.cli.arguments import number, number_range, one_of, place
from crsea_infer.cli.printing import shown_text
from crsea_infer.cli.tables import count_words, new_console
from crsea_infer.content.measurements import STATUSES
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    import argparse

    from crsea_infer.inference.likelihoods.foreign_profile import ProfileReading

__all__ = ["add_arguments", "execute"]

_EXAMPLES = """\
With --from the folder gets likelihoods/NAME, which holds the points of a table, and runs/NAME.toml, which compares
two hypotheses on them. Tables are those of gammapy (GADF: ECSV, FITS), of HEPData (CSV, YAML), and any CSV with a line
of names.

examples:
  crsea-infer init analysis
  crsea-infer init analysis --from flux_points.fits --region l=25..100,b=-5..5 --reference-index 2.7
  crsea-infer init analysis --from HEPData-ins1-v1-Table_1.csv --region lhaaso_inner --reference-index mean
  crsea-infer init analysis --from profile.csv --kind profile --region l=15..235,b=-5..5,mask=lhaaso --shape-only \\
      --band 10..63 --energy-unit TeV
  crsea-infer init analysis --from mine.csv --region tibet_inner --reference-index 2.6 --confidence-level 0.95"""

_QUANTITIES = ("dnde", "e2dnde", "flux", "eflux", "norm")
_KINDS = ("flux-points", "profile")
_AXES = ("longitude", "latitude")
_OF_PROFILE = ("axis", "band", "window_degrees", "shape_only")
_SYSTEMATIC = ("mean", "larger", "none")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options with which a table of one's own is read."""
    parser.epilog = _EXAMPLES
    parser.add_argument("--from", dest="source", metavar="FILE", type=place("--from"), help="a table of flux points")
    own = parser.add_argument_group("with --from")
    own.add_argument("--region", metavar="REGION", help="what was measured: a name, or a box such as l=25..100,b=-5..5")
    own.add_argument(
        "--kind",
        choices=_KINDS,
        type=one_of("kind of data set", _KINDS),
        help="what the table holds: flux-points of one region, or a profile along the sky (default: flux-points)",
    )
    own.add_argument("--axis", choices=_AXES, type=one_of("axis", _AXES), help="of a profile (default: longitude)")
    own.add_argument(
        "--band",
        metavar="LOW..HIGH",
        type=number_range("--band", "10..63"),
        help="of energy, for a profile without a column of energies; its unit: --energy-unit (default: GeV)",
    )
    own.add_argument(
        "--window-degrees",
        metavar="W",
        type=number("--window-degrees"),
        help="width of the windows of a profile, for a column of their middles",
    )
    own.add_argument(
        "--shape-only", action="store_true", default=None, help="a profile without a unit: only its shape counts"
    )
    own.add_argument("--name", metavar="NAME", help="of the data set (default: that of the file)")
    own.add_argument("--messenger", choices=("gamma", "neutrino"), default="gamma", help="(default: gamma)")
    own.add_argument(
        "--reference-index",
        metavar="G",
        help="index of E^-G with which the points are quoted at their energies; 'mean': they are means over their bins",
    )
    own.add_argument("--limit-column", metavar="COLUMN", help="which column has the upper limits (GADF: dnde_ul)")
    own.add_argument(
        "--confidence-level",
        metavar="C",
        type=number("--confidence-level"),
        help="of the upper limits, of one side: 0.95, or 0.9772 for two standard deviations (GADF: from UL_CONF)",
    )
    own.add_argument(
        "--quantity",
        choices=_QUANTITIES,
        type=one_of("quantity", _QUANTITIES),
        help="what the fluxes are, if the file does not say",
    )
    own.add_argument("--energy-unit", metavar="UNIT", help="of energies without a unit")
    own.add_argument("--flux-unit", metavar="UNIT", help="of fluxes without a unit")
    own.add_argument(
        "--bin-dex",
        metavar="W",
        type=number("--bin-dex"),
        help="width of the bins in decades, for points without edges",
    )
    own.add_argument(
        "--systematic",
        choices=_SYSTEMATIC,
        type=one_of("word for a systematic error", _SYSTEMATIC),
        help="what to take of systematic errors that differ up and down; none leaves them out",
    )
    own.add_argument("--table", metavar="NAME", help="which table of a FITS or YAML file")
    own.add_argument("--column", metavar="NAME", help="which quantity of a table of HEPData")
    own.add_argument("--title", metavar="TEXT", help="of the data set")
    own.add_argument("--label", metavar="TEXT", help="of the data set in legends")
    own.add_argument("--reference", metavar="TEXT", help="bibcode, DOI or arXiv identifier (default: HEPData's DOI)")
    own.add_argument(
        "--status",
        choices=STATUSES,
        type=one_of("status", STATUSES),
        help="of the numbers (default: published-table with a reference, else unpublished)",
    )


def execute(options: argparse.Namespace) -> None:
    """Do what the options say.

    Raises
    ------
    UserError
        When the table cannot be converted, or files are there already.
    """
    if options.source is None:
        given = next((one for one in _OWN if getattr(options, one) is not None), None)
        if given is not None:
            raise UserError(f"--{given.replace('_', '-')} without --from", fix="name the table: --from FILE")
        from crsea_infer.cli import commands

        commands.init(options.directory)
        return
    if options.region is None:
        raise UserError(
            "--from without --region",
            valid="a name of 'crsea-infer list regions', or a box such as l=25..100,b=-5..5",
            fix="say what was measured with --region; fluxes of a region are divided by its solid angle",
        )
    _write_own(options)


_OWN = (
    *("region", "name", "reference_index", "limit_column", "confidence_level", "quantity", "energy_unit", "flux_unit"),
    *("bin_dex", "systematic", "table", "column", "title", "label", "reference", "status", "kind"),
    *_OF_PROFILE,
)


def _write_own(options: argparse.Namespace) -> None:
    from crsea_infer.inference.likelihoods.foreign_quantities import Reading
    from crsea_infer.workflow.own_data import Described, write_own_data

    level = options.confidence_level
    if level is not None and not 0.5 < level < 1.0:
        raise UserError(f"--confidence-level {level:g}", valid="a number between 0.5 and 1, such as 0.95")
    if options.bin_dex is not None and not 0.0 < options.bin_dex <= 2.0:
        raise UserError(f"--bin-dex {options.bin_dex:g}", valid="a number above 0 and up to 2")
    reading = Reading(
        region=options.region,
        quantity=options.quantity,
        energy_unit=options.energy_unit,
        flux_unit=options.flux_unit,
        limit_column=options.limit_column,
        confidence_level=level,
        bin_dex=options.bin_dex,
        reference_index=_index(options.reference_index),
        systematic=options.systematic,
    )
    described = Described(
        name=options.name,
        title=options.title,
        label=options.label,
        messenger=options.messenger,
        reference=options.reference,
        status=options.status,
        table=options.table,
        column=options.column,
    )
    written = write_own_data(options.source, options.directory, reading, described, _profile(options))
    console = new_console()
    limits = f", {written.n_limits} of them upper limits" if written.n_limits else ""
    console.print(
        f"wrote to {shown_text(str(options.directory))}, a data set of {count_words(written.n_data, 'point')}{limits}:",
        soft_wrap=True,
    )
    for name in written.files:
        console.print(f"  {shown_text(name)}", soft_wrap=True)
    console.print("what was done:")
    for note in written.notes:
        console.print(f"  {shown_text(note)}", soft_wrap=True)
    console.print(f"next: cd {shown_text(str(options.directory))} && crsea-infer check {written.name}", soft_wrap=True)


def _profile(options: argparse.Namespace) -> ProfileReading | None:
    """Return what is said of a profile; None for flux points."""
    from crsea_infer.inference.likelihoods.foreign_profile import ProfileReading
    from crsea_infer.inference.likelihoods.foreign_quantities import unit_factor

    if options.kind != "profile":
        given = next((one for one in _OF_PROFILE if getattr(options, one) is not None), None)
        if given is not None:
            raise UserError(f"--{given.replace('_', '-')} without --kind profile", fix="add --kind profile")
        return None
    width = options.window_degrees
    if width is not None and not 0.0 < width <= 360.0:
        raise UserError(f"--window-degrees {width:g}", valid="a number above 0 and up to 360")
    band = options.band
    if band is not None:
        factor = unit_factor(options.energy_unit or "GeV", "GeV", "--energy-unit")
        band = (band[0] * factor, band[1] * factor)
        if band[0] <= 0.0:
            raise UserError(f"--band {options.band[0]:g}..{options.band[1]:g}", valid="energies above 0")
    return ProfileReading(options.axis or "longitude", band, width, bool(options.shape_only))


def _index(text: str | None) -> float | str | None:
    if text is None or text == "mean":
        return text
    value = number("--reference-index")(text)
    if not -10.0 <= value <= 10.0:
        raise UserError(f"--reference-index {text}", valid="a number from -10 to 10, such as 2.7, or mean")
    return value

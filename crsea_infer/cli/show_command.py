"""What the command `show` does: a prior set, data set, hypothesis or region, as a summary and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.cli.arguments import one_of, place
from crsea_infer.cli.printing import shown_text
from crsea_infer.cli.tables import count_words, new_console, show_table
from crsea_infer.content import finding
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.files import make_directory

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure
    from rich.console import Console

    from crsea_infer.hypotheses.prior_sets import Parameter

__all__ = ["add_arguments", "execute"]

_KINDS = ("priors", "likelihoods", "hypotheses", "regions")
_SUFFIXES = (".pdf", ".png", ".svg")
_EXAMPLES = """\
NAME is that of a prior set, a data set, a hypothesis or a region, as 'crsea-infer list' has them, the path of a prior
set or of a data set's folder, or a box such as l=25..100,b=-5..5.

examples:
  crsea-infer show min --output min.pdf              its parameters, and protons and helium against the data
  crsea-infer show lhaaso_km2a_inner                 its points with their errors
  crsea-infer show lhaaso_inner --output mask.png    what the mask leaves, and the solid angle"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what to show and where to draw it."""
    parser.epilog = _EXAMPLES
    parser.add_argument("name", metavar="NAME", help="what to show")
    parser.add_argument(
        "--kind",
        choices=_KINDS,
        type=one_of("kind of content", _KINDS),
        help="what NAME is, if it could be two things",
    )
    parser.add_argument(
        "--output", metavar="FILE", type=place("--output"), help="draw it there: a name that ends in .pdf, .png or .svg"
    )


def execute(options: argparse.Namespace) -> None:
    """Print a summary, and draw the picture if one is asked for.

    Raises
    ------
    UserError
        When nothing is called so, with the nearest name; when what is found is not valid or cannot be drawn.
    """
    output: Path | None = options.output
    if output is not None and output.suffix.lower() not in _SUFFIXES:
        raise UserError(f"--output {output}", valid="a name that ends in .pdf, .png or .svg")
    kind = options.kind or _kind_of(options.name)
    draw = _SHOWN[kind](new_console(), options.name)
    if output is not None:
        from crsea_infer.report.layout.style import save, styled

        figure = draw()
        with styled():  # fonts are looked up when a figure is drawn
            save(figure, make_directory(output.parent), output.stem, (output.suffix.lower(),))
        print(f"drawn: {output.with_suffix(output.suffix.lower())}")


def _kind_of(name: str) -> str:
    """Return the only kind of content that has a name."""
    if "=" in name and ".." in name:
        return "regions"
    if "/" in name or name.endswith(".toml"):
        path = Path(name).expanduser()
        return "likelihoods" if path.is_dir() or path.name == "likelihood.toml" else "priors"
    names = _names()
    found = [kind for kind in _KINDS if name in names[kind]]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(
            f"{name!r} is the name of things of several kinds: {', '.join(found)}",
            valid="one of them",
            fix=f"say which with --kind {found[0]}",
        )
    everything = [one for kind in _KINDS for one in names[kind]]
    error = unknown_name("prior set, data set, hypothesis or region", name, everything)
    raise UserError(
        error.given, valid="a name that 'crsea-infer list' prints, a path, or a box l=25..100,b=-5..5", fix=error.fix
    )


def _names() -> dict[str, list[str]]:
    from crsea_infer.hypotheses.hypothesis import available_hypotheses
    from crsea_infer.physics.regions import REGIONS

    return {
        "priors": [item.name for item in finding.available("priors")],
        "likelihoods": [item.name for item in finding.available("likelihoods")],
        "hypotheses": list(available_hypotheses()),
        "regions": list(REGIONS),
    }


def _show_prior_set(console: Console, name: str) -> Callable[[], Figure]:
    from crsea_infer.hypotheses.prior_sets import load_prior_set

    prior_set = load_prior_set(name)
    _head(console, prior_set.title, prior_set.description)
    if prior_set.parameters:
        _show_parameters(console, f"Prior set {prior_set.name}", prior_set.parameters)
    if prior_set.physics:
        console.print(f"[bold]Physics[/bold]  {shown_text(prior_set.physics.words())}")
    _references(console, prior_set.references)

    def draw() -> Figure:
        from crsea_infer import emulator
        from crsea_infer.report.figures.prior_figures import prior_set_figure

        return prior_set_figure(prior_set, emulator.load())

    return draw


def _show_hypothesis(console: Console, name: str) -> Callable[[], Figure]:
    from crsea_infer import emulator
    from crsea_infer.hypotheses.hypothesis import load_hypothesis

    hypothesis = load_hypothesis(name)
    _head(console, hypothesis.title, f"Prior sets: {', '.join(hypothesis.prior_sets)}")
    title = f"Hypothesis {hypothesis.name}: {len(hypothesis.free)} free parameters, {len(hypothesis.fixed)} fixed"
    _show_parameters(console, title, hypothesis.parameters, prior_sets=True)
    if hypothesis.physics:
        console.print(f"[bold]Physics[/bold]  {shown_text(hypothesis.physics.words())}")
    model = emulator.load()
    words = "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in model.description.items())
    console.print(f"[bold]Sky model[/bold]  {shown_text(words)}")
    if hypothesis.morphology:
        console.print(f"[bold]Template that it resembles[/bold]  {shown_text(hypothesis.morphology)}")
    _references(console, tuple(hypothesis.references))

    def draw() -> Figure:
        from crsea_infer.report.figures.prior_figures import hypothesis_figure

        return hypothesis_figure(hypothesis, model)

    return draw


def _show_likelihood(console: Console, name: str) -> Callable[[], Figure]:
    from crsea_infer.inference.likelihoods.likelihood import load_likelihood

    likelihood = load_likelihood(name)
    provenance = likelihood.provenance
    _head(console, likelihood.title, "")
    console.print(f"[bold]Kind[/bold]  {shown_text(str(likelihood.settings.get('kind', '')))}")
    if likelihood.region is not None:
        console.print(f"[bold]Region[/bold]  {shown_text(likelihood.region)}")
    source = f"{provenance.reference}, {provenance.table_or_figure}; {provenance.status}; {provenance.transcribed_from}"
    console.print(f"[bold]Source[/bold]  {shown_text(source)}")
    columns = getattr(likelihood, "columns", {})
    shown = {
        key: one for key, one in columns.items() if one.values.shape == (likelihood.n_data,) and np.any(one.values)
    }
    order = [key for key in ("energy_min", "energy_reference", "energy_max") if key in shown]
    order += [key for key in shown if key not in order]
    heads = ["value" if key == "values" else key.replace("_", " ") for key in order]
    units = [f"[{shown[key].unit}]" if shown[key].unit else "" for key in order]
    rows = [[f"{shown[key].values[row]:.5g}" for key in order] for row in range(likelihood.n_data)]
    if any(units):
        rows.insert(0, units)
    show_table(console, count_words(likelihood.n_data, "point"), heads, rows)
    if likelihood.nuisances:
        _show_parameters(console, "Nuisances", likelihood.nuisances)

    def draw() -> Figure:
        from crsea_infer.report.figures.data_figure import data_figure

        return data_figure(likelihood)

    return draw


def _show_region(console: Console, name: str) -> Callable[[], Figure]:
    from crsea_infer.physics.regions import Region, parse_region

    region = parse_region(name)
    whole = Region("", region.longitude, region.latitude).solid_angle
    angle = region.solid_angle
    _head(console, region.name, region.description)
    console.print(f"longitude    {region.longitude[0]:g} to {region.longitude[1]:g} deg")
    console.print(f"latitude     {region.latitude[0]:g} to {region.latitude[1]:g} deg")
    console.print(f"mask         {shown_text(region.mask or 'none')}")
    console.print(f"solid angle  {angle:.5g} sr, {100 * angle / whole:.3g} % of the box")

    def draw() -> Figure:
        from crsea_infer.report.figures.region_figure import region_figure

        return region_figure(region)

    return draw


def _head(console: Console, title: str, description: str) -> None:
    console.print(f"[bold]{shown_text(title)}[/bold]")
    if description:
        console.print(shown_text(description))


def _references(console: Console, references: Sequence[str]) -> None:
    if references:
        console.print(f"[bold]References[/bold]  {shown_text(', '.join(references))}")


def _show_parameters(
    console: Console, title: str, parameters: Sequence[Parameter], *, prior_sets: bool = False
) -> None:
    """Print a table of parameters; columns in which nothing would stand are left out."""
    columns = {
        "parameter": [one.name for one in parameters],
        "published": [f"{one.fiducial:g}" for one in parameters],
        "prior": [one.distribution.describe() for one in parameters],
        "68 % of it": [_middle(one) for one in parameters],
        "unit": [one.unit for one in parameters],
        "prior set": [one.prior_set if prior_sets else "" for one in parameters],
        "description": [one.description for one in parameters],
    }
    filled = {head: cells for head, cells in columns.items() if any(cells)}
    show_table(console, title, list(filled), list(zip(*filled.values(), strict=True)))
    console.print()


def _middle(parameter: Parameter) -> str:
    """Return the range that holds 68 % of a prior, "" for a fixed parameter."""
    if parameter.is_fixed:
        return ""
    low, high = np.asarray(parameter.distribution.prior_transform(np.array([0.16, 0.84])))
    return f"{low:.4g} to {high:.4g}"


_SHOWN = {
    "priors": _show_prior_set,
    "likelihoods": _show_likelihood,
    "hypotheses": _show_hypothesis,
    "regions": _show_region,
}

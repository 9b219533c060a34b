"""The prior sets and regions that come with the package, as tables and pictures for the documentation.

    python benchmarks/prior_pictures.py --output docs/figures/priors

writes for each prior set NAME.png, what it allows against the data, and tables.inc, its parameters; and for each named
region its picture. They are those of `crsea-infer show NAME --output FILE`. Prior sets that demand physics of their own
have their sky model built first, which takes a minute each; --only NAME draws one.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer import emulator
from crsea_infer.content import finding
from crsea_infer.hypotheses.prior_sets import load_prior_set
from crsea_infer.physics.regions import REGIONS
from crsea_infer.report.figures.prior_figures import prior_set_figure
from crsea_infer.report.figures.region_figure import region_figure
from crsea_infer.report.layout.style import styled
from crsea_infer.report.results.prior_bands import hypothesis_with
from crsea_infer.support.files import atomic_path, atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from crsea_infer.hypotheses.prior_sets import Parameter, PriorSet

_DPI = 110


def section(prior_set: PriorSet) -> str:
    """Return title, picture and table of a prior set in Markdown."""
    beside = hypothesis_with(prior_set)
    rows = "\n".join(row(one) for one in prior_set.parameters)
    physics = f"\n\nDemands: {prior_set.physics.words()}." if prior_set.physics else ""
    where = (
        f"`{beside.name}`"
        if beside.name != "shown"
        else " + ".join(f"`{name}`" for name in ("gamma_optimized", "min", "gas"))
    )
    return (
        f"### `{prior_set.name}`\n\n**{prior_set.title}.** {prior_set.description}{physics}\n\n"
        f"| parameter | published | prior | 68 % of it | unit | meaning |\n|---|---|---|---|---|---|\n{rows}\n\n"
        f"![{prior_set.title} against the data](figures/priors/{prior_set.name}.png)\n\n"
        f"*In {where}; all other parameters at their published values.*\n"
    )


def row(one: Parameter) -> str:
    """Return a parameter as a row of a table."""
    middle = ""
    if not one.is_fixed:
        low, high = np.asarray(one.distribution.prior_transform(np.array([0.16, 0.84])))
        middle = f"{low:.4g} to {high:.4g}"
    prior = one.distribution.describe().replace("+-", "±")
    cells = (f"`{one.name}`", f"{one.fiducial:g}", prior, middle, one.unit, one.description.replace("|", r"\|"))
    return "| " + " | ".join(cells) + " |"


def draw(figure: Figure, path: Path) -> None:
    """Write a picture, whole or not at all."""
    with styled(), atomic_path(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=_DPI, metadata={"Software": None})


def main() -> None:
    """Write what the head of this file says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", metavar="NAME", action="append", help="only the picture of this prior set or region")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    sets = [load_prior_set(item.name) for item in finding.available("priors") if item.origin == "package"]
    if options.only is None:
        atomic_write(options.output / "tables.inc", "\n".join(section(one) for one in sets))
    model = emulator.load()
    for one in sets:
        if options.only is None or one.name in options.only:
            draw(prior_set_figure(one, model), options.output / f"{one.name}.png")
            print(one.name, flush=True)
    for region in REGIONS.values():
        if options.only is None or region.name in options.only:
            draw(region_figure(region), options.output / f"region_{region.name}.png")
            print(region.name, flush=True)


if __name__ == "__main__":
    main()

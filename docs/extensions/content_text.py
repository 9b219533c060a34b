"""Reference pages of the content that ships: prior sets, hypotheses, regions, data sets and runs, from their files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crsea_infer.content import finding
from crsea_infer.content.toml_files import read_toml
from crsea_infer.hypotheses.hypothesis import available_hypotheses
from crsea_infer.hypotheses.prior_sets import load_prior_set
from crsea_infer.physics.regions import REGIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from crsea_infer.hypotheses.prior_sets import Parameter

_ARXIV = re.compile(r"arXiv:(\S+)")
_DOI = re.compile(r"(?<!/)\b(10\.\d{4,}/\S+)")


def prior_sets(_folder: Path) -> str:
    """Return a section for each prior set, with a table of its parameters."""
    lines: list[str] = []
    for item in finding.available("priors"):
        prior_set = load_prior_set(item.name)
        used = [name for name, (_, sets, _) in available_hypotheses().items() if item.name in sets]
        lines += [f"## {item.name}", "", f"**{_plain(prior_set.title)}.** {_plain(prior_set.description)}", ""]
        if prior_set.physics:
            lines += [f"Physics: {_physics(item.path)}", ""]
        lines += _table(("parameter", "symbol", "prior", "published value", "unit", "what it is"), _rows(prior_set))
        lines += [""]
        if prior_set.references:
            lines += [f"References: {', '.join(map(_linked, prior_set.references))}.", ""]
        if used:
            lines += [f"In the hypotheses {', '.join(f'`{name}`' for name in used)}.", ""]
        lines += list(_sources(prior_set.parameters))
    return "\n".join(lines)


def _rows(prior_set: object) -> Iterator[Sequence[str]]:
    for one in prior_set.parameters:  # type: ignore[attr-defined]
        yield (
            f"`{one.name}`",
            f"${one.label}$",
            one.distribution.describe().replace("+-", "±"),
            f"{one.fiducial:g}",
            _unit(one.unit),
            _plain(one.description),
        )


def _sources(parameters: Iterable[Parameter]) -> Iterator[str]:
    """Yield where the published values and widths come from, folded away."""
    yield "<details><summary>Where the numbers come from</summary>"
    yield ""
    for one in parameters:
        yield f"`{one.name}`"
        yield f": {_plain(one.source)}"
        yield ""
    yield "</details>"
    yield ""


def hypotheses(_folder: Path) -> str:
    """Return a table of the named hypotheses and the prior sets of each."""
    rows = [
        (f"`{name}`", _plain(title), ", ".join(f"[{one}](#{_anchor(one)})" for one in sets))
        for name, (title, sets, _) in available_hypotheses().items()
    ]
    return "\n".join(_table(("hypothesis", "what it says", "prior sets"), rows))


def regions(folder: Path) -> str:
    """Return a table of the named regions, and a picture of each on the sky."""
    import region_picture

    rows, lines = [], []
    for name, region in REGIONS.items():
        west, east = region.longitude
        south, north = region.latitude
        box = f"l={west:g}..{east:g},b={south:g}..{north:g}" + (f",mask={region.mask}" if region.mask else "")
        rows.append((f"`{name}`", _plain(region.description), f"`{box}`", f"{region.solid_angle:.4f}"))
    lines += _table(("region", "what it is", "as a box", "solid angle [sr]"), rows)
    picture = region_picture.draw(folder / "_generated")
    lines += ["", f"```{{figure}} _generated/{picture}", ":alt: The named regions on the sky, with their masks", ""]
    lines += ["The named regions along the Galactic plane (`full_sky` left out); discs: masked sources.", "```", ""]
    return "\n".join(lines)


def data_sets(_folder: Path) -> str:
    """Return a table of the data sets that ship."""
    rows = []
    for item in finding.available("likelihoods"):
        entry = read_toml(item.path)
        rows.append((f"`{item.name}`", _plain(str(entry.get("title", ""))), str(entry.get("kind", ""))))
    return "\n".join(_table(("data set", "what it is", "kind"), rows))


def runs(_folder: Path) -> str:
    """Return a table of the runs that ship."""
    rows = [
        (f"`{item.name}`", _plain(str(entry.get("title", ""))), _plain(str(entry.get("description", ""))))
        for item in finding.available("runs")
        for entry in [read_toml(item.path)]
    ]
    return "\n".join(_table(("run", "title", "what it asks"), rows))


def _physics(path: Path) -> str:
    return ", ".join(f"`{key} = {value}`" for key, value in read_toml(path)["physics"].items())


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(cell.replace("\n", " ") or " " for cell in row) + " |" for row in rows),
    ]


def _unit(text: str) -> str:
    return re.sub(r"\^(-?[\d.]+)", r"$^{\1}$", text)


def _linked(reference: str) -> str:
    if match := _ARXIV.fullmatch(reference):
        return f"[{reference}](https://arxiv.org/abs/{match[1]})"
    if match := _DOI.fullmatch(reference.removeprefix("doi:")):
        return f"[{reference}](https://doi.org/{match[1]})"
    return _plain(reference)


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def _plain(text: str) -> str:
    """Return text as Markdown that shows it as it is, in a table too."""
    return re.sub(r"([\\`*_{}\[\]<>$|~])", r"\\\1", text)

"""A run file of seconds, and what tests of whole runs ask of its output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import Table

from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.report import products
from crsea_infer.workflow import run_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

QUICK = """
title = "Quick & dirty <test>"
hypotheses = ["gamma-optimized-min", "gamma-optimized-max"]
likelihoods = ["lhaaso_km2a_inner", "lhaaso_km2a_outer"]
seed = 3
[exact_check]
samples = 100
[samplers.emcee]
block = 100
max_steps = 100
[samplers.dynesty]
subruns = {subruns}
live_points = 30
walks = {walks}
walkers = 10
remaining = 1.0
"""


def write_run(folder: Path, subruns: int = 2, walks: int = 10) -> Path:
    path = folder / "quick.toml"
    path.write_text(QUICK.format(subruns=subruns, walks=walks))
    return path


def evidences(directory: Path, data: str = "all") -> dict[tuple[str, str], tuple[float, float, int]]:
    return {
        (str(row["hypothesis"]), str(row["sampler"])): (float(row["lnz"]), float(row["lnz_err"]), int(row["n_calls"]))
        for row in Table.read(directory / "evidence.ecsv")
        if np.isfinite(row["lnz"]) and row["data"] == data
    }


def without_figures(patch: pytest.MonkeyPatch) -> None:
    """Leave out the slow figures, which other tests look at."""
    _keep(patch, [one for one in products.PRODUCTS if one.name not in {"corners", "spectra"}])


def hold_all_but(free: tuple[str, ...], hypothesis: str, path: Path) -> None:
    """Write a prior set that fixes all parameters of a hypothesis but some.

    What is drawn of a posterior grows with the square of the number of those that are free.
    """
    lines = ['title = "T"', 'description = "D"', "references = []"]
    for one in load_hypothesis(hypothesis).parameters:
        words = 'label = "x"\ndescription = "D"\nsource = "S"\noverride = true\ndistribution = { kind = "fixed" }'
        if one.name not in free:
            lines.append(f"[parameters.{one.name}]\nfiducial = {float(one.fiducial)!r}\n{words}")
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines))


def numbers_alone(patch: pytest.MonkeyPatch, *more: str) -> None:
    """Let runs make posteriors, tables of evidences, the page, and of their other products those named only.

    All products cost more than the samplings of a quick run, and the tests of the finished run look at them.
    """
    kept = [one for one in products.PRODUCTS if one.name in {"posteriors", "tables", *more}]
    assert len(kept) == 2 + len(more)
    _keep(patch, kept)


def _keep(patch: pytest.MonkeyPatch, kept: Sequence[products.Product]) -> None:
    for module in (products, run_steps):
        patch.setattr(module, "PRODUCTS", tuple(kept))


def living(group: int) -> list[str]:
    """Return the states of the processes of a group that are more than entries in the process table."""
    states = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_group) == group and state != "Z":
            states.append(f"{stat.parent.name} {state}")
    return states

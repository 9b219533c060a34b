"""A run file of seconds, and what tests of whole runs ask of its output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import Table

from crsea_infer.report.figures import corner_figures, spectrum_figures

if TYPE_CHECKING:
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
    for module, write in ((corner_figures, "write_corners"), (spectrum_figures, "write_spectra")):
        patch.setattr(module, write, lambda _folder, _summary: None)


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

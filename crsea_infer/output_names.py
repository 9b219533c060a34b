"""Names that runs, calibrations and studies give to what they write.

They stand here once, because three things hang on them: what a user may not call a hypothesis or a combination, whose
folder would lie among these files; whether a directory is free; and what may be deleted when a run starts anew, which
is what a run wrote and never a file that only lies beside it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "CALIBRATION_FILES",
    "DATA_SETS",
    "FIGURES",
    "OVERLAY",
    "OWN_NAMES",
    "RECORD",
    "RESULTS",
    "RUN_FILES",
    "run_figures",
    "sampling_files",
]

RECORD: Final = "run.toml"
"""What was run: written first, and what makes a directory that of a run."""

RUN_FILES: Final = (
    "evidence.ecsv",
    "bayes_factors.ecsv",
    "chi2.ecsv",
    "savage_dickey.ecsv",
    "tension.ecsv",
    "data_sets.ecsv",
    "pulls.ecsv",
    "loo.ecsv",
    "exact_check.ecsv",
    "prior_sensitivity.ecsv",
    "prior_sensitivity_bayes_factors.ecsv",
    "files.sha256",
    "index.html",
)
"""Tables, their checksums and page of a run."""

CALIBRATION_FILES: Final = (
    "calibration.ecsv",
    "calibration_bayes_factors.ecsv",
    "calibration_data_sets.ecsv",
    "calibration.html",
)
"""Tables and page of a calibration."""

FIGURES: Final = "figures"
"""Folder of figures of either."""

DATA_SETS: Final = "data_sets"
"""Folder of the simulated data sets of a calibration."""

RESULTS: Final = "results.md"
"""Page of a study."""

OVERLAY: Final = "overlay"
"""What the figure of all hypotheses is called, where others have the name of one: corner_overlay."""

OWN_NAMES: Final = (RECORD, *RUN_FILES, *CALIBRATION_FILES, FIGURES, DATA_SETS, RESULTS)
"""Every name in an output directory that is not one of the user's."""


def run_figures(resolved: Mapping[str, Any]) -> list[str]:
    """Return the names that figures of a run have, whichever of them it drew, from the resolved run file."""
    corners = [f"corner_{name}{more}" for name in resolved["hypotheses"] for more in ("", "_all")]
    spectra = [f"spectrum_{name}" for name in resolved["likelihoods"]]
    stems = ["spectra", *spectra, "pulls", *corners, f"corner_{OVERLAY}", "prior_sensitivity"]
    return [f"{stem}{suffix}" for stem in stems for suffix in (".pdf", ".png")]


def sampling_files(samplers: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of the files in a hypothesis' folder: posteriors, results and checkpoints of samplers.

    The parts of the data that were sampled alone do not stand in the resolved run file for good (groups may be taken
    away again), so that any is matched.
    """
    names = "|".join(re.escape(name) for name in samplers)
    return re.compile(rf"posterior(_emcee)?\.nc|({names})(_on_.+)?(\.checkpoint)?\.h5")

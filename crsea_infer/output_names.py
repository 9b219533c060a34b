"""Names that runs, calibrations and studies give to what they write.

They stand here once, because three things hang on them: what a user may not call a hypothesis or a combination, whose
folder would lie among these files; whether a directory is free; and what may be deleted when a run starts anew, which
is what a run wrote and never a file that only lies beside it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "CALIBRATION_FILES",
    "DATA_SETS",
    "FIGURES",
    "RECORD",
    "RESULTS",
    "RUN_FILES",
    "SKY_REGIONS",
    "SKY_REGION_FILE",
    "check_name",
    "is_name",
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

SKY_REGIONS: Final = "sky_regions"
"""Folder of trained sky regions that the emulator lacks: of runs and calibrations, and in the user's cache."""

SKY_REGION_FILE: Final = re.compile(r"region-[0-9a-f]{32}\.npz")
"""What the files in it are called."""

RESULTS: Final = "results.md"
"""Page of a study."""

_OVERLAY: Final = "overlay"  # corner_NAME would be the figure of all hypotheses
_RESERVED: Final = frozenset(
    {RECORD, *RUN_FILES, *CALIBRATION_FILES, FIGURES, DATA_SETS, SKY_REGIONS, RESULTS, _OVERLAY}
)
_LONGEST: Final = 100
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def is_name(name: str) -> bool:
    """Tell whether a text can be the name of one folder in an output directory, and of nothing else there."""
    # folded: file systems that take Figures and figures for one folder are in use
    return bool(_NAME.fullmatch(name)) and len(name) <= _LONGEST and name.casefold() not in _RESERVED


def check_name(name: str, where: str, kind: str = "hypothesis") -> None:
    """Refuse a name of a hypothesis or of a combination that could not be the name of its folder in the output.

    Raises
    ------
    UserError
        When it is a path, is too long, has other characters, or is what a run, calibration or study writes.
    """
    if is_name(name):
        return
    if name.casefold() in _RESERVED:
        raise UserError(
            f"{where}: {name!r} cannot name a {kind}: a file or folder of the output is called so",
            valid=f"any name but {', '.join(sorted(_RESERVED))}",
            fix="choose another name",
        )
    raise UserError(
        f"{where}: {name[: 2 * _LONGEST]!r} cannot name a {kind}",
        valid=f"at most {_LONGEST} letters, digits and . _ + -, beginning with a letter or digit",
        fix="choose another name: it becomes the name of a folder in the output",
    )


def run_figures(resolved: Mapping[str, Any]) -> list[str]:
    """Return the names that figures of a run have, whichever of them it drew, from the resolved run file."""
    corners = [f"corner_{name}{more}" for name in resolved["hypotheses"] for more in ("", "_all")]
    spectra = [f"spectrum_{name}" for name in resolved["likelihoods"]]
    stems = ["spectra", *spectra, "pulls", *corners, f"corner_{_OVERLAY}", "prior_sensitivity"]
    return [f"{stem}{suffix}" for stem in stems for suffix in (".pdf", ".png")]


def sampling_files(samplers: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of the files in a hypothesis' folder: posteriors, results and checkpoints of samplers.

    The parts of the data that were sampled alone do not stand in the resolved run file for good (groups may be taken
    away again), so that any is matched.
    """
    names = "|".join(re.escape(name) for name in samplers)
    return re.compile(rf"posterior(_emcee)?\.nc|({names})(_on_.+)?(\.checkpoint)?\.h5")

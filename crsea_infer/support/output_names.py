"""Names that runs, calibrations, atlases, forecasts and studies give to what they write.

They stand here once, because four things hang on them: what makes each file (:data:`PRODUCTS` names the products, and
:mod:`crsea_infer.report.products` what makes each of them); what a user may not call a hypothesis or a combination,
whose folder would lie among these files; whether a directory is free; and what may be deleted when a run starts anew,
which is what a run wrote and never a file that only lies beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "ATLAS",
    "ATLAS_FILES",
    "BESIDE",
    "CALIBRATION_FILES",
    "CHECKSUMS",
    "DATA_SETS",
    "EVIDENCES",
    "FACTORS",
    "FIGURES",
    "FORECAST_DATA",
    "FORECAST_FILES",
    "OVERLAY",
    "OWN_NAMES",
    "PAGE",
    "PRODUCTS",
    "RECORD",
    "REFERENCES",
    "RESULTS",
    "RUN_FILES",
    "SKY_REGIONS",
    "SKY_REGION_FILE",
    "TORNADO",
    "ProductNames",
    "run_figures",
    "sampling_files",
]

RECORD: Final = "run.toml"
"""What was run: written first, and what makes a directory that of a run."""

CHECKSUMS: Final = "files.sha256"
"""Checksums of the products of a run."""

PAGE: Final = "index.html"
"""Page of a run."""


FACTORS: Final = "bayes_factors.ecsv"
"""Bayes factors of a run."""

REFERENCES: Final = "references.bib"
"""What a run used, to cite."""


@dataclass(frozen=True)
class ProductNames:
    """The names that the files of one product of a run have, whichever of them the run has.

    Attributes
    ----------
    tables
        In the run's directory.
    figures
        In its folder of figures, without suffix; {hypothesis} and {likelihood} stand for the name of each.
    posteriors
        In the folder of each hypothesis.
    """

    tables: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    posteriors: tuple[str, ...] = ()


PRODUCTS: Final[Mapping[str, ProductNames]] = {
    "posteriors": ProductNames(posteriors=("posterior.nc", "posterior_emcee.nc")),
    "goodness of fit": ProductNames(("goodness_of_fit.ecsv",)),
    "tables": ProductNames(("evidence.ecsv", FACTORS, "chi2.ecsv")),
    "variants": ProductNames(("variants.ecsv",)),
    "nested hypotheses": ProductNames(("savage_dickey.ecsv",)),
    "runs beside": ProductNames(("beside.ecsv",)),
    "tension": ProductNames(("tension.ecsv",)),
    "data sets": ProductNames(("data_sets.ecsv", "pulls.ecsv"), ("pulls",)),
    "leave-one-out": ProductNames(("loo.ecsv",)),
    "pile-ups": ProductNames(("pile_ups.ecsv",)),
    "parameters": ProductNames(("parameters.ecsv", "parameters.tex")),
    "tables of spectra": ProductNames(("spectra.ecsv",)),
    "spectra": ProductNames(figures=("spectra", "spectrum_{likelihood}")),
    "components": ProductNames(figures=("components_{hypothesis}",)),
    "local spectra": ProductNames(figures=("local_spectra",)),
    "profiles": ProductNames(figures=("profile_{likelihood}",)),
    "corners": ProductNames(figures=("corner_{hypothesis}", "corner_{hypothesis}_all", "corner_overlay")),
    "exact check": ProductNames(("exact_check.ecsv",)),
    "prior sensitivity": ProductNames(
        ("prior_sensitivity.ecsv", "prior_sensitivity_bayes_factors.ecsv"), ("prior_sensitivity",)
    ),
    "references": ProductNames((REFERENCES,)),
}
"""All that is made from the kept results of a run, in the order in which it is made and shown."""

RUN_FILES: Final = (*(name for product in PRODUCTS.values() for name in product.tables), CHECKSUMS, PAGE)
"""Tables, their checksums and page of a run."""

CALIBRATION_FILES: Final = (
    "calibration.ecsv",
    "calibration_bayes_factors.ecsv",
    "calibration_data_sets.ecsv",
    "calibration.html",
)
"""Tables and page of a calibration."""

ATLAS: Final = "robustness"
"""Folder of the atlas of a run, in that of the run."""

ATLAS_FILES: Final = ("evidence.ecsv", "bayes_factors.ecsv", "choices.ecsv", PAGE)
"""Tables and page of an atlas."""

EVIDENCES: Final = "evidences"
"""Folder of the finished evidences of an atlas."""

TORNADO: Final = "tornado"
"""Figure of an atlas; that of another pair of hypotheses has their names after it."""

BESIDE: Final = "beside"
"""Folder of the runs that are shown beside a run, in that of the run."""

FIGURES: Final = "figures"
"""Folder of figures of either."""

FORECAST_FILES: Final = ("forecast.ecsv", "forecast.json", "forecast_data_sets.ecsv")
"""Tables of a forecast."""

FORECAST_DATA: Final = "simulated"
"""Folder of the simulated data sets of a forecast."""

DATA_SETS: Final = "data_sets"
"""Folder of the simulated data sets of a calibration."""

SKY_REGIONS: Final = "sky_regions"
"""Folder of trained sky regions that the emulator lacks: of runs and calibrations, and in the user's cache."""

SKY_REGION_FILE: Final = re.compile(r"(?:region|sky-nuclei|sky-electrons)-[0-9a-f]{32}\.npz")
"""What the files in it are called."""

RESULTS: Final = "results.md"
"""Page of a study."""

OVERLAY: Final = "overlay"
"""What the figure of all hypotheses is called, where others have the name of one: corner_overlay."""

OWN_NAMES: Final = tuple(
    dict.fromkeys(
        (
            *(RECORD, *RUN_FILES, *CALIBRATION_FILES, *ATLAS_FILES, *FORECAST_FILES),
            *(FIGURES, DATA_SETS, SKY_REGIONS, RESULTS, ATLAS, EVIDENCES, BESIDE, FORECAST_DATA),
        )
    )
)
"""Every name in an output directory that is not one of the user's."""


def run_figures(resolved: Mapping[str, Any]) -> list[str]:
    """Return the names that figures of a run have, whichever of them it drew, from the resolved run file."""
    stems: list[str] = []
    for pattern in (pattern for product in PRODUCTS.values() for pattern in product.figures):
        for key in ("hypothesis", "likelihood"):
            if f"{{{key}}}" in pattern:
                named = resolved["hypotheses" if key == "hypothesis" else "likelihoods"]
                stems += [pattern.replace(f"{{{key}}}", name) for name in named]
                break
        else:
            stems.append(pattern)
    return [f"{stem}{suffix}" for stem in stems for suffix in (".pdf", ".png")]


def sampling_files(samplers: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of the files in a hypothesis' folder: posteriors, results and checkpoints of samplers.

    The parts of the data that were sampled alone do not stand in the resolved run file for good (groups may be taken
    away again), so that any is matched.
    """
    names = "|".join(re.escape(name) for name in samplers)
    posteriors = "|".join(re.escape(name) for product in PRODUCTS.values() for name in product.posteriors)
    return re.compile(rf"({posteriors})|({names})(_with_.+)?(_on_.+)?(\.checkpoint)?\.h5")

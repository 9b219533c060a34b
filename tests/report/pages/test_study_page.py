"""The page of a study says what its tables say, withholds what they withhold, and judges claims by their rule."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from atlas_folders import write_atlas

from crsea_infer.inference.samplers.sampler import CONVERGED
from crsea_infer.plan.choices import Axis, ChoiceList, Option
from crsea_infer.plan.study_file import load_study
from crsea_infer.report.pages.study_page import write_results
from crsea_infer.report.tables.finished_combination import read_finished
from crsea_infer.report.tables.robustness_tables import AtlasEvidence, AtlasReport
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.plan.study_file import Study

STUDY = """
title = "Which sea"
description = "A small study."
hypotheses = ["base-min", "base-max"]
seed = 7
remarks = ["Nothing else."]

[samplers.importance]

[[comparisons]]
title = "Min against Max"
pairs = [["base-min", "base-max"]]

[[claims]]
statement = "Min is favoured"
source = "abstract"
quantity = "ln_b"
combination = "usual"
hypothesis = "base-min"
against = "base-max"
at_least = 3.0

[[claims]]
statement = "Max fits three times worse"
source = "section 4"
quantity = "reduced_chi2_published"
combination = "usual"
hypothesis = "base-max"
against = "base-min"
likelihood = "lhaaso_km2a_inner"
at_least = 3.0

[combinations.usual]
title = "KM2A"
likelihoods = ["lhaaso_km2a_inner", "lhaaso_km2a_outer"]
"""
EVIDENCE = """# %ECSV 1.0
# ---
# datatype:
# - {name: hypothesis, datatype: string}
# - {name: sampler, datatype: string}
# - {name: lnz, datatype: float64}
# - {name: lnz_err, datatype: float64}
# - {name: method, datatype: string}
# - {name: status, datatype: string}
hypothesis sampler lnz lnz_err method status
base-min importance 612.8 0.03 "importance sampling" converged
base-min dynesty 612.7 0.1 "nested sampling" converged
base-max importance MAX 0.04 METHOD STATUS
"""
CHI2 = """# %ECSV 1.0
# ---
# datatype:
# - {name: hypothesis, datatype: string}
# - {name: likelihood, datatype: string}
# - {name: n_data, datatype: int64}
# - {name: reduced_chi2_published, datatype: float64}
# - {name: reduced_chi2_best_fit, datatype: float64}
# - {name: prior_pull, datatype: float64}
hypothesis likelihood n_data reduced_chi2_published reduced_chi2_best_fit prior_pull
base-min lhaaso_km2a_inner 10 3.5 2.9 nan
base-min lhaaso_km2a_outer 5 2.0 1.7 nan
base-min all 15 3.0 2.5 6.1
base-max lhaaso_km2a_inner 10 7.0 6.6 nan
base-max lhaaso_km2a_outer 5 4.7 3.5 nan
base-max all 15 6.2 5.6 17.6
"""
FITS = """# %ECSV 1.0
# ---
# datatype:
# - {name: hypothesis, datatype: string}
# - {name: likelihood, datatype: string}
# - {name: p_posterior, datatype: float64}
# - {name: p_posterior_err, datatype: float64}
# - {name: p_runs_posterior, datatype: float64}
# - {name: p_runs_posterior_err, datatype: float64}
# - {name: n_replicates, datatype: int64}
hypothesis likelihood p_posterior p_posterior_err p_runs_posterior p_runs_posterior_err n_replicates
base-min lhaaso_km2a_inner 0.001 0.0003 0.007 0.001 10000
base-min all 0.0011 0.0003 0.0077 0.001 10000
base-max all 0.0021 0.0003 0.00009999 0.0001 10000
"""


def _study(folder: Path, lnz: str, method: str, status: str) -> Study:
    (folder / "small.toml").write_text(STUDY)
    (folder / "usual").mkdir()
    rows = EVIDENCE.replace("MAX", lnz).replace("METHOD", method).replace("STATUS", status)
    (folder / "usual" / "evidence.ecsv").write_text(rows)
    (folder / "usual" / "chi2.ecsv").write_text(CHI2)
    return load_study(folder / "small.toml")


def test_numbers_and_verdicts_come_from_the_tables(tmp_path: Path) -> None:
    study = _study(tmp_path, "583.7", '"importance sampling"', "converged")
    text = write_results(study, tmp_path).read_text()
    assert "| ln B | base-min : base-max |" in text
    assert "| KM2A | 29.100 ± 0.050 |" in text
    favoured, worse = (line for line in text.splitlines() if line.startswith(("| Min is", "| Max fits")))
    assert favoured.endswith("| 29.100 ± 0.050 | not measured | base-min: –; base-max: – | – | 15 σ | agrees |")
    assert re.search(r"\| 2\.00 \| – \| – \| – \| 1\d σ \| \*\*does not agree\*\* \|$", worse)
    assert "| lhaaso_km2a_inner | 10 | 3.50 → 2.90 | 7.00 → 6.60 |" in text
    assert "None: every sampler" in text
    assert text.rstrip().endswith("Nothing else.")


def test_what_is_withheld_is_said_to_be(tmp_path: Path) -> None:
    study = _study(tmp_path, "nan", "none", '"the effective sample is 12, below 500"')
    text = write_results(study, tmp_path).read_text()
    assert "| KM2A | – |" in text
    assert "withheld: no number" in text
    assert "| base-max | 15 | 6.20 | 5.60 | 17.6 | – | withheld | – |" in text
    assert "* KM2A: base-max with importance: the effective sample is 12, below 500" in text


def test_numbers_of_samplers_that_did_not_converge_are_marked_and_decide_nothing(tmp_path: Path) -> None:
    study = _study(tmp_path, "583.7", '"importance sampling"', '"the chain is short"')
    text = write_results(study, tmp_path).read_text()
    assert "| KM2A | 29.100 ± 0.050 (not converged) |" in text
    favoured, worse = (line for line in text.splitlines() if line.startswith(("| Min is", "| Max fits")))
    assert "| 29.100 ± 0.050 (not converged) | not measured |" in favoured
    assert favoured.endswith("| – | 15 σ | not decided: base-max not converged |")
    assert re.search(r"\| 2\.00 \| – \| – \| – \| 1\d σ \| \*\*does not agree\*\* \|$", worse), (
        "no sampling in a chi2 at the published parameters"
    )
    assert "| 583.700 ± 0.040 (not converged) | importance sampling |" in text
    assert "| 612.800 ± 0.030 | importance sampling |" in text


def test_a_favoured_hypothesis_that_does_not_describe_the_data_is_marked(tmp_path: Path) -> None:
    study = _study(tmp_path, "583.7", '"importance sampling"', "converged")
    (tmp_path / "usual" / "goodness_of_fit.ecsv").write_text(FITS)
    text = write_results(study, tmp_path).read_text()
    assert "| KM2A | 29.100 ± 0.050 † |" in text
    assert (
        "Errors are numerical. Spread over choices: not measured (crsea-infer robustness RUN). †: the favoured" in text
    )
    assert "| base-min | 15 | 3.00 | 2.50 | 6.1 | p = 0.0011 | 612.800 ± 0.030 |" in text
    assert "| base-max | 15 | 6.20 | 5.60 | 17.6 | p < 0.0001 for the runs of its residuals |" in text


SPREAD = """# %ECSV 1.0
# ---
# datatype:
# - {name: hypothesis_1, datatype: string}
# - {name: hypothesis_2, datatype: string}
# - {name: ln_b_averaged, datatype: float64}
# - {name: ln_b_low, datatype: float64}
# - {name: ln_b_high, datatype: float64}
hypothesis_1 hypothesis_2 ln_b_averaged ln_b_low ln_b_high
FIRST OTHER
"""


@pytest.mark.parametrize(
    ("row", "span", "average", "said"),
    [
        ("base-min base-max 7.4 5.2 31.0", "5.2 to 31.0", "7.4", "base-min, very strong evidence"),
        ("base-max base-min -7.4 -31.0 -1.2", "1.2 to 31.0", "7.4", "base-min, at least positive evidence"),
        ("base-min base-max 7.4 0.4 31.0", "0.4 to 31.0", "7.4", "base-min, but for some choice barely"),
        ("base-min base-max 7.4 -0.4 31.0", "-0.4 to 31.0", "7.4", "no: the sign depends on it"),
    ],
)
def test_a_bayes_factor_whose_choices_were_varied_has_its_spread_and_p_values(
    tmp_path: Path, row: str, span: str, average: str, said: str
) -> None:
    study = _study(tmp_path, "583.7", '"importance sampling"', "converged")
    (tmp_path / "usual" / "goodness_of_fit.ecsv").write_text(FITS)
    (tmp_path / "usual" / "bayes_factors.ecsv").write_text(SPREAD.replace("FIRST OTHER", row))

    text = write_results(study, tmp_path).read_text()

    fits = ("p = 0.0011", "p < 0.0001 for the runs of its residuals")
    assert f"| KM2A | base-min : base-max | 29.100 ± 0.050 | {span} | {average} | " in text
    assert f"| {average} | {fits[0]} | {fits[1]} | {said} |" in text
    assert f"| KM2A | 29.100 ± 0.050 † [{span}] |" in text
    assert f"| {span} | base-min: {fits[0]}; base-max: {fits[1]} |" in text
    assert "not measured (`crsea-infer robustness small`" in text


@pytest.mark.parametrize("lost", [False, True])
def test_an_evidence_that_a_spread_lacks_is_said_to_be_withheld(tmp_path: Path, *, lost: bool) -> None:
    study = _study(tmp_path, "583.7", '"importance sampling"', "converged")
    widths = tuple(Option(name, f"{name} as wide", "experiments differ", 1.0 / 3.0) for name in ("half", "double"))
    choices = ChoiceList(
        tmp_path, "Made up", "", pairs=False, axes=(Axis("widths", "Slopes", "usual", 1.0 / 3.0, widths),)
    )
    found = AtlasEvidence(600.0, 0.02, "warm start", 0.3, 1500.0, 40_000, 2.5, CONVERGED)
    evidences = {name: dict.fromkeys(choices.declared, found) for name in ("base-min", "base-max")}
    evidences["base-min"][choices.declared[1]] = replace(found, lnz=603.0)
    if lost:
        status = "particles remember where they started (correlation 0.49)"
        evidences["base-max"][choices.declared[-1]] = replace(found, lnz=math.nan, lnz_err=math.nan, status=status)
    atlas = AtlasReport("KM2A", choices, evidences, (), {"run": "a", "atlas": "b"}, {})
    write_atlas(tmp_path / "usual", atlas)

    text = write_results(study, tmp_path).read_text()

    said = (
        "* KM2A: spreads over choices lack one, as there is no evidence of base-max (Slopes: double as wide): "
        "particles remember where they started (correlation 0.49)"
    )
    assert (said in text.splitlines()) == lost
    counted = "Of 4 evidences under these choices 1 is withheld (Cautions, below), and no spread has it."
    assert (counted in text) == lost
    assert "None: every sampler" in text, "what the study itself sampled has converged"


def test_an_unfinished_combination_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no .*evidence\.ecsv"):
        read_finished(tmp_path)


def test_a_combination_that_was_added_since_is_named_in_place_of_its_numbers(tmp_path: Path) -> None:
    study = _study(tmp_path, "583.7", '"importance sampling"', "converged")
    later = replace(study, runs={**study.runs, "later": study.runs["usual"]})

    text = write_results(later, tmp_path).read_text()

    known = write_results(study, tmp_path).read_text()
    left_out = "\n* Not carried out, and so not on this page: `later`."
    assert left_out in text
    assert text.replace(left_out, "") == known

"""What a calibration found, as tables: calibration.ecsv, calibration_bayes_factors.ecsv, calibration_data_sets.ecsv.

The first has one row per hypothesis and parameter, with the tests of its ranks; the second, per pair of hypotheses and
threshold, how often ln B misled; the third every simulated data set, for whoever wants to look closer. Refused
estimates are counted in all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.analysis.calibration_statistics import (
    Misleading,
    RankTest,
    Reliability,
    look_elsewhere,
    misleading,
    prior_p,
    rank_test,
    reliability,
)
from crsea_infer.report.layout.ecsv import Column, write_table
from crsea_infer.support.output_names import CALIBRATION_FILES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.analysis.calibration import Calibration
    from crsea_infer.plan.run_file import RunFile
    from crsea_infer.support.arrays import Float64

__all__ = ["FILES", "CalibrationReport", "summary_words", "write_calibration_tables"]

_FEW_REFUSED = 0.05
"""Share of refused estimates up to which what is left stands for all data sets."""

FILES = CALIBRATION_FILES[:3]

_RANK_COLUMNS = {
    "hypothesis": Column("hypothesis under which data were simulated and analysed", str),
    "parameter": Column("parameter, or ln L", str),
    "n_ranks": Column("data sets with a rank", int),
    "n_refused": Column("data sets whose estimate was refused", int),
    "mean": Column("mean of (rank + 1/2) / (L + 1); 0.5 is expected"),
    "mean_err": Column("its standard deviation when the posterior is right"),
    "chi2_p": Column("p-value of chi2 of the rank histogram against a flat one"),
    "ks_p": Column("p-value of Kolmogorov-Smirnov of the ranks against uniform ones"),
    "truth_p": Column("p-value of the true values against their prior; nan for ln L, and where not all of it is kept"),
}
_FACTOR_COLUMNS = {
    "truth": Column("hypothesis under which data were simulated", str),
    "other": Column("hypothesis against which it was compared", str),
    "threshold": Column("t"),
    "n_data_sets": Column("data sets with a Bayes factor", int),
    "n_refused": Column("data sets for which an evidence was refused", int),
    "misled": Column("data sets with ln B(truth : other) < -t", int),
    "supported": Column("data sets with ln B(truth : other) > t", int),
    "misled_share": Column("misled / n_data_sets"),
    "misled_upper": Column("upper limit at 95 % confidence on the probability of being misled"),
    "bound": Column("exp(-t), which that probability cannot exceed for any pair of hypotheses"),
    "median_ln_b": Column("median of ln B(truth : other)"),
    "lowest_ln_b": Column("smallest ln B(truth : other)"),
}
_DATA_SET_COLUMNS = {
    "truth": Column("hypothesis under which the data were simulated", str),
    "number": Column("of the data set", int),
    "hypothesis": Column("hypothesis whose evidence is given", str),
    "lnz": Column("natural log of the evidence; nan when refused or not asked for"),
    "lnz_err": Column("one-sigma error of lnz"),
    "tries": Column("1: light settings; 2: full settings; -1: refused by both; 0: not asked for", int),
}


@dataclass(frozen=True, eq=False)
class CalibrationReport:
    """A calibration with all that a report says of it.

    Attributes
    ----------
    run, identity, versions
        What was calibrated, and with what.
    found
        What came out.
    log_kept
        ln C of each hypothesis (see :mod:`crsea_infer.analysis.simulate`).
    labels
        Name of each parameter -> LaTeX.
    not_comparable
        Why there are no Bayes factors; empty when there are.
    """

    run: RunFile
    identity: Mapping[str, str]
    versions: Mapping[str, str]
    found: Calibration
    log_kept: Float64
    labels: Mapping[str, str]
    not_comparable: str = ""

    @property
    def n_data_sets(self) -> int:
        """Number of data sets simulated under each hypothesis."""
        return int(self.found.tries.shape[1])

    def n_refused(self, truth: int, other: int | None = None) -> int:
        """Return how many data sets of a hypothesis lack its own evidence, or that of another one."""
        wanted = [truth] if other is None else [truth, other]
        return int(np.sum(np.any(self.found.tries[truth][:, wanted] < 0, axis=-1)))

    @cached_property
    def tests(self) -> tuple[dict[str, RankTest], ...]:
        """Of each hypothesis: parameter -> test of its ranks."""
        generator = np.random.default_rng(np.random.SeedSequence(self.run.seed, spawn_key=(1,)))
        return tuple(
            {
                name: rank_test(ranks[:, column], self.found.draws, generator)
                for column, name in enumerate(self.found.parameters[truth])
            }
            for truth, ranks in enumerate(self.found.ranks)
        )

    @cached_property
    def smallest(self) -> tuple[float, float, int, tuple[int, str] | None]:
        """Smallest p-value of all ranks, its look-elsewhere probability, the number of tests, and where it is."""
        named = {
            (truth, name): test.p
            for truth, tests in enumerate(self.tests)
            for name, test in tests.items()
            if np.isfinite(test.p)
        }
        if not named:
            return float("nan"), float("nan"), 0, None
        where = min(named, key=lambda key: named[key])
        return named[where], *look_elsewhere(list(named.values())), where

    def truth_p(self, truth: int, name: str) -> float:
        """Return the p-value of the true values of a parameter against its prior; nan where the prior was cut."""
        column = self.found.parameters[truth].index(name)
        places = self.found.truths[truth]
        return prior_p(places[:, column]) if column < places.shape[1] and self.log_kept[truth] == 0.0 else float("nan")

    def ln_b(self, truth: int, one: int, other: int) -> Float64:
        """Return ln B of hypothesis `one` over `other` [number], for the data simulated under `truth`."""
        lnz = self.found.lnz[truth] - self.log_kept
        return np.asarray(lnz[:, one] - lnz[:, other])

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of hypotheses between which data were compared."""
        return () if self.not_comparable else tuple(combinations(range(len(self.found.hypotheses)), 2))

    def misleading(self, truth: int, other: int) -> tuple[Misleading, ...]:
        """Count how often ln B of the truth over another points the wrong way."""
        return misleading(self.ln_b(truth, truth, other))

    def reliability(self, one: int, other: int) -> Reliability:
        """Compare the probabilities of a pair of hypotheses with the truth."""
        return reliability(self.ln_b(one, one, other), self.ln_b(other, one, other))


def write_calibration_tables(directory: Path, report: CalibrationReport) -> None:
    """Write the three tables."""
    meta = {
        "title": report.run.title,
        "run_name": report.run.name,
        **report.identity,
        "data_sets_per_hypothesis": str(report.n_data_sets),
        "posterior_draws": str(report.found.draws),
    }
    write_table(directory / FILES[0], _RANK_COLUMNS, _rank_rows(report), meta)
    write_table(directory / FILES[1], _FACTOR_COLUMNS, _factor_rows(report), meta)
    write_table(directory / FILES[2], _DATA_SET_COLUMNS, _data_set_rows(report), meta)


def _rank_rows(report: CalibrationReport) -> list[dict[str, Any]]:
    return [
        {
            "hypothesis": report.found.hypotheses[truth],
            "parameter": name,
            "n_ranks": test.n,
            "n_refused": report.n_refused(truth),
            "mean": test.mean,
            "mean_err": test.mean_err,
            "chi2_p": test.chi2_p,
            "ks_p": test.ks_p,
            "truth_p": report.truth_p(truth, name),
        }
        for truth, tests in enumerate(report.tests)
        for name, test in tests.items()
    ]


def _factor_rows(report: CalibrationReport) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for truth, other in permutations(range(len(report.found.hypotheses)), 2):
        if report.not_comparable:
            break
        ln_b = report.ln_b(truth, truth, other)
        known = ln_b[np.isfinite(ln_b)]
        rows += [
            {
                "truth": report.found.hypotheses[truth],
                "other": report.found.hypotheses[other],
                "threshold": count.threshold,
                "n_data_sets": count.n,
                "n_refused": report.n_refused(truth, other),
                "misled": count.against,
                "supported": count.supporting,
                "misled_share": count.against / count.n if count.n else np.nan,
                "misled_upper": count.share_upper,
                "bound": count.bound,
                "median_ln_b": float(np.median(known)) if known.size else np.nan,
                "lowest_ln_b": float(np.min(known)) if known.size else np.nan,
            }
            for count in report.misleading(truth, other)
        ]
    return rows


def _data_set_rows(report: CalibrationReport) -> list[dict[str, Any]]:
    found = report.found
    return [
        {
            "truth": found.hypotheses[truth],
            "number": number,
            "hypothesis": name,
            "lnz": found.lnz[truth, number, index],
            "lnz_err": found.lnz_err[truth, number, index],
            "tries": found.tries[truth, number, index],
        }
        for truth in range(len(found.hypotheses))
        for number in range(report.n_data_sets)
        for index, name in enumerate(found.hypotheses)
    ]


def summary_words(report: CalibrationReport) -> list[str]:
    """Return the findings in sentences, for the console and the page."""
    found, words = report.found, []
    for truth, name in enumerate(found.hypotheses):
        refused = report.n_refused(truth)
        words.append(
            f"{name}: {report.n_data_sets} data sets simulated, {refused} estimates of its own posterior refused."
        )
    p, anywhere, n_tests, where = report.smallest
    if where is not None:
        verdict = (
            "no sign of a wrong posterior" if anywhere > 0.05 else "so small by chance in fewer than one in twenty"
        )
        of_truths = report.truth_p(*where)
        luck = (
            f" Its true values, drawn from the prior, are unevenly spread themselves (p = {of_truths:.2g})."
            if of_truths < 0.05
            else ""
        )
        words.append(
            f"Ranks: the smallest of {n_tests} p-values is {p:.2g} ({where[1]} of {found.hypotheses[where[0]]}); among "
            f"so many, one as small is found with probability {anywhere:.2g}: {verdict}.{luck}"
        )
    else:
        words.append("Ranks: too few for a test.")
    if report.not_comparable:
        words.append(f"Bayes factors are not calibrated: {report.not_comparable}.")
    for one, other in report.pairs:
        words.append(_pair_words(report, one, other))
    return words + _selection_words(report)


def _selection_words(report: CalibrationReport) -> list[str]:
    """Warn where more than a few data sets lack a rank or ln B: they are refused for what they are, not by chance."""
    names, n = report.found.hypotheses, report.n_data_sets
    lacking = [(truth, "the ranks", report.n_refused(truth)) for truth in range(len(names))]
    lacking += [
        (truth, f"ln B against {names[other]}", report.n_refused(truth, other))
        for pair in report.pairs
        for truth, other in (pair, pair[::-1])
    ]
    return [
        f"Caution: {refused} of {n} data sets ({100 * refused / n:.0f} %) from {names[truth]} are left out of {what}, "
        "their estimates refused. What is left is a selection, and need not be like all of them."
        for truth, what, refused in lacking
        if refused > _FEW_REFUSED * n
    ]


def _pair_words(report: CalibrationReport, one: int, other: int) -> str:
    names = report.found.hypotheses
    parts, known = [], []
    for truth, false in ((one, other), (other, one)):
        counts = report.misleading(truth, false)
        known.append(counts[0].n)
        told = ", ".join(f"{count.against} below −{count.threshold:g}" for count in counts[1:])
        parts.append(
            f"of {counts[0].n} data sets from {names[truth]} ({report.n_refused(truth, false)} refused), ln B has the "
            f"wrong sign in {counts[0].against}, {told}"
        )
    result = report.reliability(one, other)
    if np.isfinite(result.deviation):
        tail = (
            f"; probabilities deviate from what was true by {result.deviation:+.1f} standard deviations "
            f"(worth {result.effective:.0f} data sets at even odds)"
        )
    elif min(known) < 2:
        tail = "; too few data sets to judge their probabilities"
    else:
        tail = "; all are decided, so that their probabilities say nothing about calibration"
    return f"{names[one]} against {names[other]}: {'; '.join(parts)}{tail}."

"""The exact check in the report: exact_check.ecsv, and what it says on the page.

The table is in long form: for each hypothesis the shift of ln Z, then the shift of each posterior mean in units of its
posterior standard deviation, with everything that says whether they can be believed.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.analysis.exact_check import check_with_solver, solver_of
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.report.layout.ecsv import Column, read_table, write_table
from crsea_infer.report.layout.sections import Section, SectionTable
from crsea_infer.report.results.summary import effective_samples
from crsea_infer.support.jobs import jobs_beside
from crsea_infer.support.local import available_cores
from crsea_infer.support.output_names import PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crsea_infer.analysis.exact_check import ExactCheck
    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.report.results.summary import HypothesisSummary, RunSummary
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.packed import Tell

__all__ = ["FILE", "exact_section", "files", "is_current", "write_exact_check"]

(FILE,) = PRODUCTS["exact check"].tables
_EVIDENCE = "ln Z"
_PAYS: Final = 500
"""Samples for each process: solving takes 3 to 40 ms each, and a process needs seconds for its start and geometry."""
_ABSENT = "absent: no solver for this sky model"
_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "quantity": Column("ln Z, or the parameter whose posterior mean is meant", str),
    "shift": Column("solver minus emulator; of parameters in units of the posterior standard deviation"),
    "shift_err": Column("one-sigma Monte-Carlo error of shift"),
    "n_samples": Column("posterior samples that were evaluated with the solver", int),
    "effective_samples": Column("independent samples that they are worth after reweighting"),
    "largest_change": Column("largest absolute change of ln L among them"),
    "k_hat": Column("Pareto k-hat of the weights; -inf when they do not vary"),
    "wall_s": Column("time that the solver took, for all samples of the hypothesis", unit="s"),
    "status": Column("passed, or why the shifts cannot be believed", str),
}


def files(summary: RunSummary) -> list[str]:
    """Return the files of the check; none when the run file turned it off."""
    return [FILE] if summary.run.exact_samples else []


def is_current(directory: Path, summary: RunSummary) -> bool:
    """Return whether the table that is there answers for the number of samples that the run file asks for."""
    rows = read_table(directory / FILE)
    wanted = {item.name: _n_samples(item, summary) for item in summary.hypotheses}
    found = {row["hypothesis"]: row["n_samples"] for row in rows}
    return found.keys() == wanted.keys() and all(count in {0, wanted[name]} for name, count in found.items())


def write_exact_check(directory: Path, summary: RunSummary, workers: int | None = 1) -> None:
    """Check every hypothesis with the solver and write the table.

    Parameters
    ----------
    directory, summary
        Of the run.
    workers
        How many processes may be at work, this one among them; None: one per core. No number depends on it.
    """
    rows: list[dict[str, Any]] = []
    if solver_of(summary.model) is None:
        rows += [_absent(item.name) for item in summary.hypotheses]
    else:
        questions = [_question(item, summary) for item in summary.hypotheses]
        rows += [row for check in _answers(summary.model, questions, workers) for row in _rows(check)]
    write_table(directory / FILE, _COLUMNS, rows, summary.table_meta)


@dataclass(frozen=True, eq=False)
class _Question:
    """What it takes to check one hypothesis, in whatever process."""

    hypothesis: Hypothesis
    likelihoods: Sequence[Likelihood]
    samples: Float64
    independent: float


def _question(item: HypothesisSummary, summary: RunSummary) -> _Question:
    names = {likelihood.name for likelihood in item.posterior.likelihoods}
    own = [likelihood for likelihood in summary.run.likelihoods if likelihood.name in names]
    n_samples = _n_samples(item, summary)
    return _Question(item.posterior.hypothesis, own, item.draws[:n_samples], _independent(item, n_samples))


def _answers(model: SkyModel, questions: Sequence[_Question], workers: int | None) -> list[ExactCheck]:
    """Check all, in other processes too where there are cores for them; what these leave undone is done here."""
    cores = available_cores() if workers is None else workers
    n = max(1, min(cores, len(questions), sum(len(one.samples) for one in questions) // _PAYS))
    shares = [questions[first::n] for first in range(n)]
    with ExitStack() as stack:
        wait = None
        with suppress(Exception):  # what cannot be sent to another process is done here
            wait = stack.enter_context(jobs_beside(_check, [(model, share) for share in shares[1:]]))
        found: list[list[ExactCheck] | None] = [_check((model, shares[0]))]
        found += [None] * (n - 1) if wait is None else wait()
    missing = [question for share, made in zip(shares, found, strict=True) if made is None for question in share]
    answers = {check.hypothesis: check for made in [*found, _check((model, missing))] for check in made or ()}
    return [answers[one.hypothesis.name] for one in questions]


def _check(task: tuple[SkyModel, Sequence[_Question]], _tell: Tell | None = None) -> list[ExactCheck]:
    model, questions = task
    solver = solver_of(model)
    checks = []
    for one in questions:
        if solver is None:
            raise AssertionError("asked only of sky models that stand for a solver")
        emulated, exact = (posterior_for(one.hypothesis, one.likelihoods, sky) for sky in (model, solver))
        checks.append(check_with_solver(emulated, exact, one.samples, one.independent))
    return checks


def _n_samples(item: HypothesisSummary, summary: RunSummary) -> int:
    return min(summary.run.exact_samples, len(item.draws))


def _independent(item: HypothesisSummary, n_samples: int) -> float:
    """Return how many independent samples the first `n_samples` of the draws, which are in random order, are worth.

    A mean over all N draws is as good as that over the E that the sampler's result is worth; a part of them adds the
    variance of drawing without replacement: 1/E + 1/n - 1/N.
    """
    n_draws = len(item.draws)
    worth = effective_samples(item.results[item.shown])
    worth = min(worth, n_draws) if worth >= 1.0 else 1.0
    return 1.0 / (1.0 / worth + 1.0 / n_samples - 1.0 / n_draws)


def _rows(check: ExactCheck) -> list[dict[str, Any]]:
    common = {
        "hypothesis": check.hypothesis,
        "n_samples": check.n_samples,
        "effective_samples": round(check.effective_samples, 1),
        "largest_change": check.largest,
        "k_hat": check.k_hat,
        "wall_s": round(check.wall_s, 2),
        "status": check.status,
    }
    shifts = [
        (_EVIDENCE, check.lnz_shift, check.lnz_shift_err),
        *zip(check.names, check.mean_shifts.tolist(), check.mean_shift_errs.tolist(), strict=True),
    ]
    return [{**common, "quantity": name, "shift": shift, "shift_err": error} for name, shift, error in shifts]


def _absent(hypothesis: str) -> dict[str, Any]:
    numbers = dict.fromkeys(("shift", "shift_err", "effective_samples", "largest_change", "k_hat", "wall_s"), np.nan)
    return {"hypothesis": hypothesis, "quantity": _EVIDENCE, "n_samples": 0, "status": _ABSENT, **numbers}


def exact_section(directory: Path, summary: RunSummary) -> Section:
    """Return what the page says of the check: per hypothesis the shift of ln Z and the largest of a mean."""
    rows = read_table(directory / FILE)
    shown, cautions = [], []
    for row in rows:
        if row["quantity"] != _EVIDENCE:
            continue
        if row["status"] == _ABSENT:
            shown.append((row["hypothesis"], "–", "–", "0", "–", _ABSENT))
            continue
        means = [other for other in rows if other["hypothesis"] == row["hypothesis"] and other is not row]
        worst = max(means, key=lambda other: abs(other["shift"]), default=None)
        shown.append(
            (
                row["hypothesis"],
                f"{row['shift']:+.1e} ± {row['shift_err']:.0e}",
                "–" if worst is None else f"{worst['shift']:+.1e} ({worst['quantity']})",
                str(row["n_samples"]),
                f"{row['effective_samples']:.0f}",
                row["status"],
            )
        )
        if row["status"] != "passed":
            cautions.append(f"{row['hypothesis']}: the exact check is {row['status']}")
        elif abs(row["shift"]) > max(0.1, 3.0 * row["shift_err"]):
            cautions.append(f"{row['hypothesis']}: emulation shifts ln Z by {-row['shift']:+.2f}")
    columns = ("hypothesis", "shift of ln Z", "largest shift of a mean / σ", "samples", "effective", "status")
    table = SectionTable(columns, tuple(shown), frozenset({"samples", "effective"}))
    text = (
        "Posterior samples evaluated again with the transport solver in place of the emulator: what emulation did to "
        "ln Z and to the posterior means, in units of the posterior standard deviations. Effective: independent "
        f"samples that they are worth. Every parameter is in {FILE}.{summary.unconverged_shown}"
    )
    return Section("Exact check", (table,), (text,), cautions=tuple(cautions))

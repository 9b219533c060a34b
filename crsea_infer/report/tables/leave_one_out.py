"""How well each hypothesis predicts a data point that it has not seen: loo.ecsv, and what the page says of it.

Leave-one-out asks less of the priors than evidence does: it weighs the posterior, not the prior. Points are left out
one at a time, with the systematic nuisances as the others leave them. Training sets are not left out, because they are
not predicted.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.plan.used_references import leaves_one_out
from crsea_infer.report.layout.arviz_versions import psis_loo
from crsea_infer.report.layout.ecsv import Column, read_table, write_table
from crsea_infer.report.layout.sections import Section, SectionTable
from crsea_infer.report.results.summary import effective_samples
from crsea_infer.support.output_names import PRODUCTS

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.report.layout.arviz_versions import PsisLoo
    from crsea_infer.report.results.summary import HypothesisSummary, RunSummary

__all__ = ["FILE", "LARGEST_K", "files", "loo_section", "write_loo"]

(FILE,) = PRODUCTS["leave-one-out"].tables
LARGEST_K = 0.7
_N_DRAWS = 4000

_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "elpd_loo": Column("sum of the natural logs of the predictive density of each data point, given the others"),
    "elpd_loo_err": Column("its standard error, from the scatter between points"),
    "p_loo": Column("effective number of parameters"),
    "n_data": Column("data points that were left out, one at a time", int),
    "n_large_k": Column(f"points with Pareto k-hat above {LARGEST_K}: what they contribute cannot be believed", int),
    "largest_k": Column("largest Pareto k-hat"),
    "elpd_difference": Column("elpd_loo less that of the best hypothesis"),
    "elpd_difference_err": Column("its standard error, from the scatter of the differences between points"),
    "sampler": Column("whose posterior was used", str),
}


def files(summary: RunSummary) -> list[str]:
    """Return the file; none when there are fewer than two points to leave out."""
    return [FILE] if leaves_one_out(summary.run) else []


def write_loo(directory: Path, summary: RunSummary) -> None:
    """Compute and write the table."""
    found = {item.name: _loo(item, summary) for item in summary.hypotheses}
    best = max(found.values(), key=lambda loo: float(loo.elpd.sum()))
    rows = [_row(item, found[item.name], best) for item in summary.hypotheses]
    write_table(directory / FILE, _COLUMNS, rows, summary.table_meta)


def _loo(item: HypothesisSummary, summary: RunSummary) -> PsisLoo:
    draws = item.draws[:_N_DRAWS]
    by_data_set = item.posterior.log_likelihood_pointwise(draws)
    predicted = np.concatenate([by_data_set[name] for name in summary.run.subsets.predicted], axis=-1)
    efficiency = min(1.0, effective_samples(item.results[item.shown]) / len(draws))
    return psis_loo(predicted, efficiency)


def _row(item: HypothesisSummary, loo: PsisLoo, best: PsisLoo) -> dict[str, Any]:
    difference = loo.elpd - best.elpd
    return {
        "hypothesis": item.name,
        "elpd_loo": float(loo.elpd.sum()),
        "elpd_loo_err": _error_of_sum(loo.elpd),
        "p_loo": loo.effective_parameters,
        "n_data": len(loo.elpd),
        "n_large_k": int(np.sum(loo.pareto_k > LARGEST_K)),
        "largest_k": float(np.max(loo.pareto_k)),
        "elpd_difference": float(difference.sum()),
        "elpd_difference_err": _error_of_sum(difference),
        "sampler": item.shown,
    }


def _error_of_sum(values: np.typing.NDArray[np.float64]) -> float:
    """Return the standard error of a sum over points (Vehtari, Gelman and Gabry 2017, eq. 23 and 24)."""
    return math.sqrt(len(values)) * float(np.std(values, ddof=1))


def loo_section(directory: Path, summary: RunSummary) -> Section:
    """Return what the page says."""
    rows = read_table(directory / FILE)
    table = SectionTable(
        ("hypothesis", "elpd", "difference", "effective parameters", "points", "k-hat > 0.7"),
        tuple(
            (
                row["hypothesis"],
                f"{row['elpd_loo']:.1f} ± {row['elpd_loo_err']:.1f}",
                "best"
                if row["elpd_difference"] == 0.0
                else f"{row['elpd_difference']:.2f} ± {row['elpd_difference_err']:.2f}",
                f"{row['p_loo']:.1f}",
                str(row["n_data"]),
                str(row["n_large_k"]),
            )
            for row in rows
        ),
        frozenset({"elpd", "difference", "effective parameters", "points", "k-hat > 0.7"}),
    )
    words = (
        (
            "Leave-one-out (PSIS-LOO): ln of the probability of each data point given all others, summed over points. "
            "The posterior counts here, not the width of the prior, so hypotheses may differ less than in evidence; "
            "errors are the scatter between points, too small when there are few of them."
            f"{summary.unconverged_shown}"
        ),
    )
    cautions = tuple(
        f"{row['hypothesis']}: leave-one-out cannot be believed for {row['n_large_k']} of {row['n_data']} points "
        f"(Pareto k-hat up to {row['largest_k']:.2f})"
        for row in rows
        if row["n_large_k"]
    )
    return Section("Leave-one-out", (table,), words, cautions=cautions)

"""Bayes factors of nested hypotheses from one posterior: savage_dickey.ecsv, and what page and console say of it.

A hypothesis contains another when they differ in one parameter alone, free in the one and fixed in the other. Base is
contained in every hypothesis with a free delta_slope, at 0, and is looked for whether or not the run has it. A prior
whose density at the value is below a hundredth of its largest is left out: the posterior has no samples there, and what
a fit says of its tail is no measurement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.analysis.savage_dickey import savage_dickey
from crsea_infer.inference.evidence import bayes_factor, marked
from crsea_infer.plan.subsets import ALL, TRAINING
from crsea_infer.plan.tasks import generator_for
from crsea_infer.report.layout.ecsv import Column, read_table, write_table
from crsea_infer.report.layout.number_words import number_with_error
from crsea_infer.report.layout.sections import Section, SectionTable
from crsea_infer.report.results.summary import effective_samples
from crsea_infer.report.tables.quoted_factors import NO_SPREAD, spread_words
from crsea_infer.support.errors import UserError
from crsea_infer.support.output_names import PRODUCTS

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.analysis.savage_dickey import SavageDickey
    from crsea_infer.hypotheses.distributions import Distribution
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.inference.samplers.sampler import SamplerResult
    from crsea_infer.report.results.summary import HypothesisSummary, RunSummary, Sampling

__all__ = ["FILE", "Nesting", "files", "nested_section", "nestings", "write_savage_dickey"]

(FILE,) = PRODUCTS["nested hypotheses"].tables
_ALWAYS = {"delta_slope": 0.0}
_LEAST_DENSITY = 0.01
_ONE_FUNCTION = 1e-3
_AGREEMENT_SIGMA = 3.0

_COLUMNS = {
    "hypothesis_1": Column("the hypothesis that is contained: its name, or the other at the value", str),
    "hypothesis_2": Column("the hypothesis that contains it", str),
    "parameter": Column("the parameter that the first fixes", str),
    "value": Column("at this value"),
    "sampler": Column("whose posterior was used", str),
    "ln_b": Column("natural log of the Bayes factor of the first over the second: the Savage-Dickey ratio"),
    "ln_b_err": Column("one-sigma error of ln_b"),
    "ln_b_direct": Column("the same from both evidences; nan when the run does not have the first"),
    "ln_b_direct_err": Column("one-sigma error of ln_b_direct"),
    "effective_samples": Column("effective number of posterior samples"),
    "share_near": Column("share of the posterior near the value; 0 makes ln_b an extrapolation"),
    "degree": Column("of the polynomial fitted to the log of the posterior density", int),
    "remark": Column("why there is no number, or why the two need not agree; empty otherwise", str),
}


@dataclass(frozen=True)
class Nesting:
    """A hypothesis of the run that contains another at a value of one parameter."""

    wide: HypothesisSummary
    parameter: str
    value: float
    narrow: HypothesisSummary | None

    @property
    def name(self) -> str:
        """What to call the hypothesis that is contained."""
        return self.narrow.name if self.narrow is not None else f"{self.wide.name} at {self.parameter} = {self.value:g}"

    @property
    def prior(self) -> Distribution:
        """Of the parameter, in the hypothesis that contains."""
        return next(
            parameter.distribution for parameter in self.wide.posterior.parameters if parameter.name == self.parameter
        )


def nestings(summary: RunSummary) -> list[Nesting]:
    """Return the hypotheses that contain another for which the posterior has something to say."""
    found = []
    for wide in summary.hypotheses:
        at: dict[tuple[str, float], HypothesisSummary | None] = {
            (name, value): None for name, value in _ALWAYS.items() if name in wide.posterior.names
        }
        for narrow in summary.hypotheses:
            difference = _difference(wide.posterior.hypothesis, narrow.posterior.hypothesis)
            training = summary.run.subsets.training
            if difference is not None and training.get(wide.name) == training.get(narrow.name):
                at[difference] = narrow
        found += [Nesting(wide, name, value, narrow) for (name, value), narrow in at.items()]
    return [nesting for nesting in found if _is_covered(nesting.prior, nesting.value)]


def _difference(wide: Hypothesis, narrow: Hypothesis) -> tuple[str, float] | None:
    """Return the one parameter that is free in `wide` and fixed in `narrow`, and its value there."""
    ours, theirs = ({one.name: one for one in hypothesis.parameters} for hypothesis in (wide, narrow))
    if ours.keys() != theirs.keys() or wide.physics != narrow.physics:
        return None
    different = [
        name
        for name, one in ours.items()
        if one.distribution != theirs[name].distribution or (one.is_fixed and one.fiducial != theirs[name].fiducial)
    ]
    if len(different) != 1 or ours[different[0]].is_fixed or not theirs[different[0]].is_fixed:
        return None
    return different[0], theirs[different[0]].fiducial


def _is_covered(prior: Distribution, value: float) -> bool:
    if not (math.isfinite(prior.lower) and math.isfinite(prior.upper) and prior.contains(value)):
        return False
    density = np.asarray(prior.log_pdf(np.linspace(prior.lower, prior.upper, 1001)))
    return float(prior.log_pdf(np.asarray(value))) > float(density.max()) + math.log(_LEAST_DENSITY)


def files(summary: RunSummary) -> list[str]:
    """Return the file; none when no hypothesis contains another."""
    return [FILE] if nestings(summary) else []


def write_savage_dickey(directory: Path, summary: RunSummary) -> None:
    """Compute and write the table: one row per nesting and sampler."""
    rows = [
        _row(nesting, sampler, summary)
        for nesting in nestings(summary)
        for sampler in nesting.wide.results
        if not nesting.wide.is_trained or sampler in nesting.wide.others[TRAINING].results
    ]
    write_table(directory / FILE, _COLUMNS, rows, summary.table_meta)


def _row(nesting: Nesting, sampler: str, summary: RunSummary) -> dict[str, Any]:
    wide, narrow = nesting.wide, nesting.narrow
    direct = None
    if narrow is not None and narrow.evidence is not None and wide.evidence is not None:
        direct = bayes_factor(narrow.name, narrow.evidence, wide.name, wide.evidence)
    row = {
        "hypothesis_1": nesting.name,
        "hypothesis_2": wide.name,
        "parameter": nesting.parameter,
        "value": nesting.value,
        "sampler": sampler,
        "ln_b_direct": direct.ln_b if direct else math.nan,
        "ln_b_direct_err": direct.ln_b_err if direct else math.nan,
        "remark": _other_function(nesting),
    }
    rng = generator_for(summary.run, wide.name, "savage-dickey", sampler)
    try:
        joint = _ratio(nesting, wide.samplings[ALL], sampler, rng)
        training = _ratio(nesting, wide.others[TRAINING], sampler, rng) if wide.is_trained else None
    except UserError as error:
        numbers = dict.fromkeys(("ln_b", "ln_b_err", "effective_samples", "share_near"), math.nan)
        return {**row, **numbers, "degree": 0, "remark": error.given}
    return {
        **row,
        "ln_b": joint.ln_b - (training.ln_b if training else 0.0),
        "ln_b_err": math.hypot(joint.ln_b_err, training.ln_b_err if training else 0.0),
        "effective_samples": round(joint.effective_samples, 1),
        "share_near": joint.share_near,
        "degree": joint.degree,
    }


def _ratio(nesting: Nesting, sampling: Sampling, sampler: str, rng: np.random.Generator) -> SavageDickey:
    result = sampling.results[sampler]
    values = result.samples[:, result.names.index(nesting.parameter)]
    log_weights = result.log_weights
    if log_weights is None:
        values = rng.permutation(values)[: _independent(result)]
    return savage_dickey(values, log_weights, nesting.prior, nesting.value, rng=rng)


def _independent(result: SamplerResult) -> int:
    """Return how many draws of chains are worth as many independent ones."""
    return max(1, min(len(result.samples), int(effective_samples(result))))


def _other_function(nesting: Nesting) -> str:
    """Say so when the likelihood of the wide hypothesis at the value is not that of the one contained."""
    if nesting.narrow is None:
        return ""
    theta = nesting.narrow.best_fit.parameters
    values = dict(zip(nesting.narrow.posterior.names, theta, strict=True)) | {nesting.parameter: nesting.value}
    same_point = np.array([values[name] for name in nesting.wide.posterior.names])
    here = nesting.wide.posterior.log_likelihood_per_data_set(same_point)
    there = nesting.narrow.posterior.log_likelihood_per_data_set(theta)
    unlike = [name for name in here if abs(float(here[name]) - float(there[name])) > _ONE_FUNCTION]
    if not unlike:
        return ""
    return (
        f"not nested in {', '.join(unlike)}, whose likelihood takes another template for {nesting.narrow.name}: the "
        "ratio leaves this difference out"
    )


def nested_section(directory: Path, summary: RunSummary) -> Section:
    """Return what page and console say."""
    rows = read_table(directory / FILE)
    converged = {
        (item.name, sampler)
        for item in summary.hypotheses
        for sampler in item.results
        if all(sampler in sampling.converged for data, sampling in item.samplings.items() if data in {ALL, TRAINING})
    }
    table = SectionTable(
        ("hypotheses", "from the posterior of", "Savage-Dickey ln B", "direct ln B", "difference / σ", "remark"),
        tuple(
            (
                f"{row['hypothesis_1']} : {row['hypothesis_2']}",
                marked(row["sampler"], converged=(row["hypothesis_2"], row["sampler"]) in converged),
                number_with_error(row["ln_b"], row["ln_b_err"]),
                number_with_error(row["ln_b_direct"], row["ln_b_direct_err"]),
                f"{_pull(row):+.1f}" if np.isfinite(_pull(row)) else "–",
                _remark(row),
            )
            for row in rows
        ),
        frozenset({"Savage-Dickey ln B", "direct ln B", "difference / σ"}),
        title="Nested hypotheses (Savage-Dickey)",
    )
    words = (
        (
            "Savage-Dickey: ln B = ln of the posterior over the prior density of the parameter at the value that the "
            "first hypothesis fixes. It needs the posterior of the second alone, and checks the direct ln B from both "
            f"evidences. Errors are numerical; {spread_words(NO_SPREAD)}."
        ),
    )
    cautions = tuple(
        f"{row['hypothesis_1']} : {row['hypothesis_2']}: Savage-Dickey ({row['sampler']}) and the evidences differ by "
        f"{abs(_pull(row)):.1f} sigma"
        for row in rows
        if abs(_pull(row)) > _AGREEMENT_SIGMA and not row["remark"]
    )
    return Section("Nested hypotheses", (table,), words, cautions=cautions, on_console=True)


def _pull(row: dict[str, Any]) -> float:
    return float((row["ln_b"] - row["ln_b_direct"]) / math.hypot(row["ln_b_err"], row["ln_b_direct_err"]))


def _remark(row: dict[str, Any]) -> str:
    if row["remark"]:
        return str(row["remark"])
    return "extrapolated: no samples near the value" if row["share_near"] == 0.0 else ""

"""Variants in the report: the mixture of their samplings, their shares (variants.ecsv), and the range of ln B.

All that a run says of a hypothesis with variants (posterior.nc, evidences, figures) is of the mixture. Here stands what
each variant contributes to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.inference.evidence import Evidence, Spread, combine, conditional, quotable
from crsea_infer.inference.variant_mixture import average, mix
from crsea_infer.plan.subsets import ALL, TRAINING
from crsea_infer.report.layout.ecsv import Column, read_table, write_table
from crsea_infer.report.layout.sections import Section, SectionTable
from crsea_infer.report.results.summary import Sampling
from crsea_infer.support.output_names import PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.hypotheses.variants import Variant
    from crsea_infer.inference.evidence import BayesFactor
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.inference.samplers.sampler import SamplerResult
    from crsea_infer.report.results.summary import HypothesisSummary, RunSummary

__all__ = ["FILE", "files", "mixed_sampling", "spread_over_variants", "variants_section", "write_variants"]

(FILE,) = PRODUCTS["variants"].tables

_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "variant": Column("name of the variant", str),
    "weight": Column("prior probability of the variant"),
    "lnz": Column("natural log of the evidence of the hypothesis with the physics of the variant"),
    "lnz_err": Column("one-sigma error of lnz"),
    "share": Column("posterior probability of the variant: weight exp(lnz) / sum"),
    "share_err": Column("one-sigma error of share, from the errors of lnz"),
    "sampler": Column("whose evidences they are", str),
    "data": Column("all: all data of the hypothesis; training: its training set; else the name of a group", str),
    "number": Column("value of the parameter 'variant' in posterior.nc", int),
    "title": Column("what the variant is", str),
    "physics": Column("what it changes", str),
}


def mixed_sampling(
    posterior: Posterior, each: Mapping[str, Mapping[str, SamplerResult]], variants: Sequence[Variant]
) -> Sampling:
    """Mix what the samplers found for each variant.

    Parameters
    ----------
    posterior
        Of all variants together.
    each
        Variant -> sampler -> result.
    variants
        With their prior weights.
    """
    quoted = [_quoted(each[variant.name]) for variant in variants]
    known = [evidence for evidence in quoted if evidence is not None]
    # a variant without any evidence has no share that could be known: the prior's say is all there is
    weights = np.array([variant.weight for variant in variants])
    shares = average(known, variants).shares if len(known) == len(variants) else weights
    results = {}
    for sampler in each[variants[0].name]:
        own = [each[variant.name][sampler] for variant in variants]
        evidences = [result.evidence for result in own if result.evidence is not None]
        found = average(evidences, variants) if len(evidences) == len(variants) else None
        mixed = mix(own, variants, shares, None) if found is None else mix(own, variants, found.shares, found.evidence)
        results[sampler] = mixed.in_order(posterior.names)
    return Sampling(posterior, results, each)


def _quoted(results: Mapping[str, SamplerResult]) -> Evidence | None:
    """Return the evidence to quote for one variant."""
    found = {name: result.evidence for name, result in results.items() if result.evidence is not None}
    return combine(quotable(found, [name for name, result in results.items() if result.converged]))


def spread_over_variants(summary: RunSummary, factor: BayesFactor) -> Spread:
    """Return the spread of a Bayes factor over the variants of the run; NaN without any."""
    if not summary.run.variants:
        return Spread(np.nan, np.nan, np.nan)
    items = {item.name: item for item in summary.hypotheses}
    one, other = (_by_variant(items[name]) for name in (factor.hypothesis_1, factor.hypothesis_2))
    each = [one[name].lnz - other[name].lnz for name in one if name in other]
    return Spread(factor.ln_b, min(each, default=np.nan), max(each, default=np.nan))


def _by_variant(item: HypothesisSummary) -> dict[str, Evidence]:
    """Return the evidence to quote for each variant, conditional where the hypothesis is trained."""
    if not item.is_trained:
        quoted = {name: _quoted(results) for name, results in item.variants.items()}
        return {name: evidence for name, evidence in quoted.items() if evidence is not None}
    found = {}
    for name, joint in item.variants.items():
        training = item.others[TRAINING].variants[name]
        pairs = {sampler: (joint[sampler].evidence, training[sampler].evidence) for sampler in training}
        both = {
            sampler: conditional(first, second)
            for sampler, (first, second) in pairs.items()
            if first is not None and second is not None
        }
        good = [sampler for sampler in both if joint[sampler].converged and training[sampler].converged]
        evidence = combine(quotable(both, good))
        if evidence is not None:
            found[name] = evidence
    return found


def files(summary: RunSummary) -> list[str]:
    """Return the file; none when the run has no variants."""
    return [FILE] if summary.run.variants else []


def write_variants(directory: Path, summary: RunSummary) -> None:
    """Write the table: one row per hypothesis, data, sampler that gives evidences, and variant."""
    rows = [row for item in summary.hypotheses for row in _rows(item, summary.run.variants)]
    write_table(directory / FILE, _COLUMNS, rows, summary.table_meta)


def _rows(item: HypothesisSummary, variants: Sequence[Variant]) -> list[dict[str, Any]]:
    rows = []
    for data, sampling in item.samplings.items():
        for sampler in sampling.results:
            evidences = [sampling.variants[variant.name][sampler].evidence for variant in variants]
            known = [evidence for evidence in evidences if evidence is not None]
            if not known:
                continue
            complete = len(known) == len(variants)
            found = average(known, variants) if complete else None
            for index, (variant, evidence) in enumerate(zip(variants, evidences, strict=True)):
                rows.append(
                    {
                        "hypothesis": item.name,
                        "variant": variant.name,
                        "weight": variant.weight,
                        "lnz": np.nan if evidence is None else evidence.lnz,
                        "lnz_err": np.nan if evidence is None else evidence.lnz_err,
                        "share": np.nan if found is None else float(found.shares[index]),
                        "share_err": np.nan if found is None else float(found.share_errs[index]),
                        "sampler": sampler,
                        "data": data,
                        "number": index + 1,
                        "title": variant.title,
                        "physics": variant.physics.words() or "as the sky model",
                    }
                )
    return rows


def variants_section(directory: Path, summary: RunSummary) -> Section:
    """Return what page and console say: shares of all data, of the samplers in the order of the run file."""
    rows = [row for row in read_table(directory / FILE) if row["data"] == ALL]
    several = len({row["sampler"] for row in rows}) > 1
    table = SectionTable(
        ("hypothesis", *(("sampler",) if several else ()), "variant", "physics", "prior", "ln Z", "share"),
        tuple(
            (
                row["hypothesis"],
                *((row["sampler"],) if several else ()),
                row["variant"],
                row["physics"],
                f"{row['weight']:.3f}",
                f"{row['lnz']:.3f} ± {row['lnz_err']:.3f}",
                f"{row['share']:.3f} ± {row['share_err']:.3f}",
            )
            for row in rows
        ),
        frozenset({"prior", "ln Z", "share"}),
        title="Variants",
    )
    ranges = [
        f"ln B ({factor.hypothesis_1} : {factor.hypothesis_2}) = {spread.averaged:.2f} averaged over "
        f"{len(summary.run.variants)} variants; {spread.low:.2f} to {spread.high:.2f} for each of them alone."
        for factor in summary.bayes_factors
        for spread in [spread_over_variants(summary, factor)]
    ]
    words = (
        (
            "Evidences and posteriors of this run are averages over physics variants with the prior weights shown "
            "(Bayesian model averaging); the share of a variant is its posterior probability."
        ),
        *ranges,
    )
    lost = [f"{row['hypothesis']}, {row['variant']} ({row['sampler']})" for row in rows if np.isnan(row["lnz"])]
    cautions = (f"Variants without an evidence, so that nothing is averaged: {', '.join(lost)}",) if lost else ()
    return Section("Physics variants", (table,), words, cautions=cautions, on_console=True)

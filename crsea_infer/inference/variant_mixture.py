"""Bayesian model averaging over variants: one evidence, one posterior.

With prior weights w_v and evidences Z_v, the evidence of "one of the variants" is Z = sum_v w_v Z_v, the posterior
share of a variant w_v Z_v / Z, and the posterior the mixture of the variants' posteriors with these shares. Errors of
the Z_v are independent: sigma(ln Z)^2 = sum_v (share_v sigma(ln Z_v))^2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.hypotheses.variants import VARIANT
from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.sampler import CONVERGED, SamplerResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.hypotheses.variants import Variant
    from crsea_infer.support.arrays import Float64

__all__ = ["Averaged", "average", "mix"]


@dataclass(frozen=True, eq=False)
class Averaged:
    """An evidence averaged over variants.

    Attributes
    ----------
    evidence
        Of all variants together.
    shares, share_errs
        Posterior probability of each variant, and its one-sigma error [n_variants].
    """

    evidence: Evidence
    shares: Float64
    share_errs: Float64


def average(evidences: Sequence[Evidence], variants: Sequence[Variant]) -> Averaged:
    """Average evidences [n_variants] with the prior weights of the variants."""
    log_weights = np.log([variant.weight for variant in variants])
    log_terms = log_weights + np.array([evidence.lnz for evidence in evidences])
    lnz = float(np.logaddexp.reduce(log_terms))
    shares = np.exp(log_terms - lnz)
    errors = np.array([evidence.lnz_err for evidence in evidences])
    error = float(np.sqrt(np.sum((shares * errors) ** 2)))
    # d share_v / d ln Z_u = share_v (delta_vu - share_u)
    slopes = shares[:, None] * (np.eye(len(shares)) - shares)
    methods = " and ".join(dict.fromkeys(evidence.method for evidence in evidences))
    return Averaged(
        evidence=Evidence(lnz, error, f"{methods}, averaged over {len(evidences)} variants"),
        shares=shares,
        share_errs=np.sqrt(np.sum((slopes * errors) ** 2, axis=1)),
    )


def mix(
    results: Sequence[SamplerResult], variants: Sequence[Variant], shares: Float64, evidence: Evidence | None
) -> SamplerResult:
    """Mix the samples of one sampler, one result per variant.

    Parameters
    ----------
    results
        With the same parameters, in the order of the variants.
    variants
        The variants.
    shares
        Posterior probability of each variant.
    evidence
        Of all together; None when the sampler gives none.

    Returns
    -------
    SamplerResult
        Weighted samples with one parameter more, the number of the variant. Chains are no longer chains.
    """
    ends = np.cumsum([0.0, *(variant.weight for variant in variants)])
    samples, unit_samples, log_weights = [], [], []
    for number, (result, share) in enumerate(zip(results, shares, strict=True), start=1):
        ones = np.ones((len(result.samples), 1))
        samples.append(np.concatenate([result.samples, number * ones], axis=1))
        middle = 0.5 * (ends[number - 1] + ends[number])
        unit_samples.append(np.concatenate([result.unit_samples, middle * ones], axis=1))
        with np.errstate(divide="ignore"):  # of a share, or of a weight, that is nothing
            log_weights.append(np.log(result.weights) + np.log(share))
    return SamplerResult(
        sampler=results[0].sampler,
        names=(*results[0].names, VARIANT),
        samples=np.concatenate(samples),
        unit_samples=np.concatenate(unit_samples),
        log_weights=np.concatenate(log_weights),
        log_likelihood=np.concatenate([result.log_likelihood for result in results]),
        evidence=evidence,
        n_calls=sum(result.n_calls for result in results),
        wall_s=sum(result.wall_s for result in results),
        diagnostics=_diagnostics(results, variants, shares),
    )


def _diagnostics(
    results: Sequence[SamplerResult], variants: Sequence[Variant], shares: Float64
) -> Mapping[str, float | str]:
    """Return the status of all, the independent samples that the mixture is worth, and the shares."""
    wrong = [
        f"{variant.name}: {result.diagnostics.get('status', 'convergence unknown')}"
        for result, variant in zip(results, variants, strict=True)
        if not result.converged
    ]
    known = [result.diagnostics.get("effective_samples") for result in results]
    worth = [
        float(number) if isinstance(number, int | float) else 1.0 / float(np.sum(result.weights**2))
        for number, result in zip(known, results, strict=True)
    ]
    variance = math.fsum(share**2 / max(number, 1.0) for share, number in zip(shares, worth, strict=True))
    return {
        "status": "; ".join(wrong) or CONVERGED,
        "effective_samples": 1.0 / variance,
        **{f"share of {variant.name}": float(share) for variant, share in zip(variants, shares, strict=True)},
    }

"""What commands print with ``--json``: one object each, of a form that stays.

Every object names its form, a word and a number: ``"form": "crsea-infer list 1"``. Keys may be added within a form;
none changes its name or meaning without a new number. Numbers that are not finite are null.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.content.bibliography import Cited
    from crsea_infer.inference.evidence import Spread
    from crsea_infer.workflow.comparison import Comparison

__all__ = ["check_json", "cite_json", "compare_json", "list_json"]


def list_json(kinds: Sequence[str]) -> str:
    """Return what there is of each kind: kind -> list of records, of which one that is not valid has an "error"."""
    from crsea_infer.cli.listings import records

    return _text("list", {kind: records(kind) for kind in kinds})


def check_json(run: str) -> str:
    """Return what a run or study file would do.

    Raises
    ------
    UserError
        When it is not valid.
    """
    from crsea_infer.cli.check_command import checked_record

    return _text("check", checked_record(run))


def compare_json(comparison: Comparison) -> str:
    """Return evidences, Bayes factors (natural logarithms) and what to know of them."""
    from crsea_infer.report.tables.quoted_factors import spread_of, spread_words, verdict_words

    evidences = []
    for name, evidence in comparison.evidences.items():
        fit = comparison.fits.get(name)
        evidences.append(
            {
                "hypothesis": name,
                "lnz": evidence.lnz,
                "lnz_err": evidence.lnz_err,
                "method": evidence.method,
                "converged": name not in comparison.unconverged,
                "describes_data": None if fit is None else fit.describes,
                "fit": None if fit is None else fit.words(name),
            }
        )
    factors = [
        {
            "hypothesis_1": factor.hypothesis_1,
            "hypothesis_2": factor.hypothesis_2,
            "ln_b": factor.ln_b,
            "ln_b_err": factor.ln_b_err,
            **_spread(spread_of(factor, comparison.spreads)),
            "spread": spread_words(spread_of(factor, comparison.spreads)),
            "resolved": factor.resolved,
            "verdict": verdict_words(factor, comparison.fits),
            "method": factor.method,
        }
        for factor in comparison.factors
    ]
    content = {"evidences": evidences, "bayes_factors": factors, "conditional": list(comparison.beside)}
    return _text("compare", {**content, "notes": list(comparison.notes)})


def cite_json(cited: Sequence[Cited]) -> str:
    """Return the entries of a bibliography; a reference without an entry has no key and no BibTeX."""
    entries = [
        {
            "key": None if one.work is None else one.work.key,
            "kind": None if one.work is None else one.work.kind,
            "bibtex": None if one.work is None else one.work.text,
            "note": one.note or None,
            "used_for": list(one.uses),
        }
        for one in cited
    ]
    return _text("cite", {"entries": entries}) + "\n"


def _spread(spread: Spread) -> dict[str, float]:
    return {"ln_b_averaged": spread.averaged, "ln_b_low": spread.low, "ln_b_high": spread.high}


def _text(command: str, content: dict[str, Any]) -> str:
    return json.dumps(_finite({"form": f"crsea-infer {command} 1", **content}), indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    """Return a value that JSON has, with None for numbers that it has not."""
    if isinstance(value, dict):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    if isinstance(value, bool) or value is None or isinstance(value, (int, str)):
        return value
    number = float(value)
    return number if math.isfinite(number) else None

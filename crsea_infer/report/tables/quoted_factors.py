"""How a Bayes factor is quoted: with the error that is meant, the spread over choices, and whether the winner fits.

The error of ln B that sampling gives is numerical: it says how well an integral is known, not how well the question is.
So it is called so wherever it is shown, beside it stands what ln B becomes with other choices of physics, priors and
statistics where those were varied, and the verdict says whether the favoured hypothesis describes the data at all.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from crsea_infer.inference.evidence import Spread
from crsea_infer.report.layout.ecsv import read_table
from crsea_infer.report.layout.number_words import number_with_error
from crsea_infer.report.tables.atlas_record import atlas_beside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.inference.evidence import BayesFactor
    from crsea_infer.report.tables.goodness_of_fit_table import Fit

__all__ = [
    "NO_SPREAD",
    "Spreads",
    "factor_line",
    "factor_value",
    "fit_words",
    "read_spreads",
    "spread_of",
    "spread_words",
    "unmeasured_line",
    "verdict_words",
]

Spreads = dict[tuple[str, str], Spread]
"""By the names of two hypotheses."""

NO_SPREAD = Spread(math.nan, math.nan, math.nan)

_NOT_MEASURED = "not measured (crsea-infer robustness RUN)"


def factor_value(factor: BayesFactor) -> str:
    """Return ln B with its numerical error, which is called so."""
    return f"{number_with_error(factor.ln_b, factor.ln_b_err)} (numerical)"


def spread_of(factor: BayesFactor, spreads: Spreads) -> Spread:
    """Return the spread of a Bayes factor over choices, in either order of its hypotheses; nan where unknown."""
    one, other = factor.hypothesis_1, factor.hypothesis_2
    if (one, other) in spreads:
        return spreads[one, other]
    turned = spreads.get((other, one), NO_SPREAD)
    return Spread(-turned.averaged, -turned.high, -turned.low)


def spread_words(spread: Spread) -> str:
    """Return the spread over choices in words; that it was not measured, where it was not."""
    if not spread.is_known:
        return f"spread over choices: {_NOT_MEASURED}"
    return f"over choices: {spread.low:.1f} to {spread.high:.1f}, averaged {spread.averaged:.1f}"


def verdict_words(factor: BayesFactor, fits: Mapping[str, Fit]) -> str:
    """Return the verdict: what is favoured, and whether it describes the data, as far as that is known."""
    return factor.marked(f"{factor.words}{_fit_tail(factor, fits)}")


def _fit_tail(factor: BayesFactor, fits: Mapping[str, Fit]) -> str:
    favoured, other = factor.in_order
    first, second = fits.get(favoured), fits.get(other)
    if first is None or second is None:
        return "" if first is None else f"; {'' if first.describes else 'but '}{first.words(favoured)}"
    if factor.resolved and first.describes:
        return f"; {first.words(favoured)}"
    if not first.describes and not second.describes:
        return f"; but {first.words(favoured)}, nor does {other} ({second.p_words})"
    if not first.describes:
        return f"; but {first.words(favoured)}"
    return f"; {first.words(favoured)}, {'and' if second.describes else 'but'} {second.words(other)}"


def factor_line(factor: BayesFactor, fits: Mapping[str, Fit], spreads: Spreads) -> str:
    """Return a Bayes factor in a line: value, spread over choices where it is known, verdict."""
    spread = spread_of(factor, spreads)
    known = f"   {spread_words(spread)}" if spread.is_known else ""
    names = f"{factor.hypothesis_1} : {factor.hypothesis_2}"
    return f"ln B ({names}) = {factor_value(factor)}{known}   {verdict_words(factor, fits)}"


def unmeasured_line(factors: Sequence[BayesFactor], spreads: Spreads) -> list[str]:
    """Return a line that says that the spread over choices is not known, when it is not known of a Bayes factor."""
    if all(spread_of(factor, spreads).is_known for factor in factors):
        return []
    return [f"Errors of ln B are numerical alone; {spread_words(NO_SPREAD)}."]


def fit_words(fits: Mapping[str, Fit]) -> list[str]:
    """Return a sentence for each hypothesis: whether it describes the data."""
    return [f"{fit.words(name)}." for name, fit in fits.items()]


def read_spreads(path: Path) -> Spreads:
    """Read the spreads over choices from a bayes_factors.ecsv; empty where there is none, or choices were not varied.

    The finished atlas of a run that lies beside its table is asked first.

    Raises
    ------
    UserError
        When the table is damaged.
    """
    beside = atlas_beside(path.parent)
    if beside is not None:
        path = beside / path.name
    if not path.exists():
        return {}
    found = {
        (row["hypothesis_1"], row["hypothesis_2"]): Spread(
            *(float(row.get(f"ln_b_{name}", math.nan)) for name in ("averaged", "low", "high"))
        )
        for row in read_table(path)
    }
    return {pair: spread for pair, spread in found.items() if spread.is_known}

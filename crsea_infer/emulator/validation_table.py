"""What an emulator file says about its error: one table for all kinds of emulators.

Errors are |emulated / exact - 1| of intensities at points that the emulator was not trained on. Two numbers sum them
up, for two uses. The *root-mean-square* is what a covariance is made of: errors have no sign that could be known
beforehand, and their second moment is all that a normal density keeps of them. The *99.9 per cent quantile* says what
to expect of a bad point, and is what targets are set for; as a standard deviation it would be three times too wide for
normal errors, and more for errors that grow toward the corners of the box.

What enters likelihoods is the root-mean-square error of the spectrum that has the largest, rounded up to two digits:
the mean over all spectra would be too small for data on the worst of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.support.arrays import Float64

__all__ = ["error_text", "stated_relative_error", "validation_table"]


def _summary(errors: Float64) -> dict[str, float]:
    median, high, highest = (float(q) for q in np.quantile(errors, [0.5, 0.99, 0.999]))
    return {
        "median": median,
        "root_mean_square": float(np.sqrt(np.mean(errors**2))),
        "quantile_99": high,
        "quantile_99.9": highest,
        "maximum": float(errors.max()),
    }


def _rounded_up(value: float) -> float:
    """Round up to two significant digits."""
    if value == 0.0:
        return 0.0
    digit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / digit - 1e-9) * digit:.1e}")


def validation_table(spectra: Mapping[str, Float64]) -> dict[str, Any]:
    """Sum up held-out errors for an emulator file.

    Parameters
    ----------
    spectra
        Relative errors, not negative, of each spectrum by its label; shape [n_points, ...] with the same n_points.

    Returns
    -------
    dict
        ``n_points``; ``median``, ``root_mean_square``, ``quantile_99``, ``quantile_99.9`` and ``maximum`` over all
        spectra together; the same for each under ``spectra``; and ``relative_error``, one standard deviation, for
        likelihoods.
    """
    each = {label: _summary(errors) for label, errors in spectra.items()}
    return {
        "n_points": len(next(iter(spectra.values()))),
        **_summary(np.concatenate([errors.ravel() for errors in spectra.values()])),
        "spectra": each,
        "relative_error": _rounded_up(max(row["root_mean_square"] for row in each.values())),
    }


def stated_relative_error(metadata: Mapping[str, Any]) -> float:
    """Return the relative error of the intensities, one standard deviation, that an emulator's metadata states.

    Raises
    ------
    UserError
        When the emulator was never validated: an error that is not known may not count as none.
    """
    validation: Mapping[str, Any] = metadata.get("validation", {})
    # a table without it has the quantile, which is larger
    stated = validation.get("relative_error", validation.get("quantile_99.9"))
    if stated is None:
        raise UserError(
            "the emulator does not state its error, so that no likelihood can allow for it",
            valid="an emulator with a validation table inside, as written by: crsea-infer emulator train",
            fix="train it again with: crsea-infer emulator train GRID --output FILE",
        )
    return float(stated)


def error_text(table: Mapping[str, Any]) -> str:
    """Return a validation table in words and columns, in per cent."""
    keys = ("median", "root_mean_square", "quantile_99.9", "maximum")
    rows = {**table["spectra"], f"all, {table['n_points']} held-out points": table}
    width = max(len(label) for label in rows)
    lines = [f"{'relative error in per cent':<{width}}      median         rms      99.9 %     largest"]
    lines += [f"{label:<{width}} " + " ".join(f"{100 * row[key]:11.2e}" for key in keys) for label, row in rows.items()]
    return "\n".join(lines)

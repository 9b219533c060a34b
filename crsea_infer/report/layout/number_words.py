"""Numbers as they are read: with as many figures as their errors allow."""

from __future__ import annotations

import numpy as np

__all__ = ["lnz_text", "number_with_error"]


def number_with_error(value: float, error: float) -> str:
    """Write a number and its error with two figures of the error: 29.86 ± 0.13; exact ones with two decimals."""
    if not np.isfinite(value):
        return "–"
    if error == 0.0:  # exact
        return f"{value:.2f}"
    if not (np.isfinite(error) and error > 0.0):
        return f"{value:.4g}"
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def lnz_text(lnz: float, error: float) -> str:
    """Write ln Z, or a dash when the sampler gives none."""
    return number_with_error(lnz, error)

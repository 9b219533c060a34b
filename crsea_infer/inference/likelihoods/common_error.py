"""An error of the sky model that moves all points of a data set together.

An emulator's error is smooth in energy: where one point is too high its neighbours are too. As an error that is
independent from point to point it would average out over n points, and a posterior would be biased by up to sqrt(n)
times the width that the error gives it. How far the correlation reaches is not known, so both extremes are allowed for
in full: an error eps m that all points have in common, beside one that is independent. With S the independent
variances, r the residuals and m the predictions, the covariance S + eps^2 m m^T gives (Sherman and Morrison 1950)

    chi2 = r^T S^-1 r - eps^2 A^2 / (1 + eps^2 B),      A = m^T S^-1 r,
    ln det = ln det S + ln(1 + eps^2 B),                B = m^T S^-1 m,

exact for symmetric errors; with errors that differ on the two sides, those of the side on which each datum lies. The
independent part is eps times the published datum, not the prediction: a variance that falls with the prediction rewards
predictions that are too low wherever the errors turn out smaller than stated (D'Agostini 1994, NIM A 346, 306, has the
same effect from the other side: it is why the common part is taken from the prediction).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Array, Float64

__all__ = ["chi2_change", "is_noticeable", "log_likelihood_change"]

_NEGLIGIBLE: Final = 1e-3
"""Errors of the model below this fraction of those of the data change no posterior, and cost nothing."""


def is_noticeable(relative_error: float, values: Float64, errors: Float64) -> bool:
    """Return whether a relative error of the model matters beside the errors [n] of data values [n]."""
    return bool(np.any(relative_error * np.abs(values) > _NEGLIGIBLE * errors))


def chi2_change(xp: Any, residual: Array, variance: Array, model: Array, relative_error: float) -> Array:
    """Return what the common part adds to chi2 [...], never positive.

    Parameters
    ----------
    xp
        Array namespace.
    residual, variance, model
        Datum - prediction, independent variance, and the sky model's part of the prediction [..., n]; variance is
        infinite for points that do not take part.
    relative_error
        eps of the module's formula.
    """
    square, a, b = _sums(xp, residual, variance, model, relative_error)
    return -square * a**2 / (1.0 + square * b)


def log_likelihood_change(xp: Any, residual: Array, variance: Array, model: Array, relative_error: float) -> Array:
    """Return what the common part adds to ln L [...]; parameters as for :func:`chi2_change`."""
    square, a, b = _sums(xp, residual, variance, model, relative_error)
    return 0.5 * (square * a**2 / (1.0 + square * b) - xp.log1p(square * b))


def _sums(xp: Any, residual: Array, variance: Array, model: Array, relative_error: float) -> tuple[float, Array, Array]:
    weighted = model / variance
    return relative_error**2, xp.sum(weighted * residual, axis=-1), xp.sum(weighted * model, axis=-1)

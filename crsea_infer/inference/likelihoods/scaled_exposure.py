"""The same data set with more or less exposure, and other systematic errors: what forecasts simulate from.

Statistical errors go with 1 / sqrt(exposure x solid angle): intensities are measured on a background that grows as they
do. Systematic errors do not go with either, which is why an experiment ends somewhere. They may be scaled as a whole,
and a relative floor is added to them in quadrature:

* flux points: errors / sqrt(x); an upper limit U at confidence c becomes a point with the error U / z_c, since more
  exposure makes it one;
* norms of templates: the width of ln L / sqrt(x), and the floor times the norm in quadrature;
* counts: exposures and components times x; the floor is one of the exposure;
* spectral indices: errors / sqrt(x). They have no systematic error to scale.

A class of another package may have a method ``with_exposure(exposure, systematic_scale, systematic_floor)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.inference.likelihoods.counts_map import CountsMap
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.likelihoods.spectral_index import SpectralIndex
from crsea_infer.inference.likelihoods.template_normalisation import TemplateNormalisation
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from crsea_infer.inference.likelihoods.likelihood import Likelihood

__all__ = ["ErrorBudget", "error_budget", "with_exposure"]


@dataclass(frozen=True)
class ErrorBudget:
    """What the errors of a data set are, relative to its data.

    Attributes
    ----------
    statistical, systematic
        Medians over its points; nan where the kind does not say.
    """

    statistical: float
    systematic: float


def with_exposure(
    likelihood: Likelihood, exposure: float, systematic_scale: float = 1.0, systematic_floor: float = 0.0
) -> Likelihood:
    """Return the same data set with other errors.

    Parameters
    ----------
    exposure
        Times solid angle, relative to that of the data set; above 0.
    systematic_scale
        Factor on its systematic errors.
    systematic_floor
        Relative systematic error that is added in quadrature.

    Raises
    ------
    UserError
        When nobody knows how the errors of the kind go with exposure, or where a systematic error would stand in it.
    """
    changed = getattr(likelihood, "with_exposure", None)
    if changed is not None:
        own: Likelihood = changed(exposure, systematic_scale, systematic_floor)
        return own
    if isinstance(likelihood, FluxPoints):
        return _flux_points(likelihood, exposure, systematic_scale, systematic_floor)
    if isinstance(likelihood, TemplateNormalisation):
        return _norm(likelihood, exposure, systematic_floor)
    if isinstance(likelihood, CountsMap):
        return _counts(likelihood, exposure, systematic_scale, systematic_floor)
    if isinstance(likelihood, SpectralIndex):
        _refuse_floor(likelihood, systematic_floor)
        root = math.sqrt(exposure)
        return replace(likelihood, error_low=likelihood.error_low / root, error_high=likelihood.error_high / root)
    raise UserError(
        f"the data set {likelihood.name!r} is of a kind whose errors are not known to go with exposure",
        valid="flux points, counts, norms of templates, spectral indices; or a class with a method with_exposure",
        fix="leave it out of the forecast",
    )


def error_budget(likelihood: Likelihood) -> ErrorBudget:
    """Return the errors of a data set relative to its data: medians over its points."""
    if isinstance(likelihood, FluxPoints):
        size = np.maximum(likelihood.model_scale, 1e-300)
        statistical = 0.5 * (likelihood.error_low + likelihood.error_high) / size
        has_systematic = likelihood.systematics.kind != "none"
        systematic = likelihood.systematic / size if has_systematic else np.zeros(size.shape)
        return ErrorBudget(float(np.median(statistical)), float(np.median(systematic)))
    if isinstance(likelihood, TemplateNormalisation):
        return ErrorBudget(float(np.max(likelihood.curve.width / likelihood.template.curve.best)), 0.0)
    if isinstance(likelihood, CountsMap):
        counts = np.maximum(likelihood.values, 1.0)
        return ErrorBudget(float(np.median(1.0 / np.sqrt(counts))), likelihood.exposure_error)
    return ErrorBudget(math.nan, math.nan)


def _refuse_floor(likelihood: Likelihood, floor: float) -> None:
    if floor:
        raise UserError(
            f"the data set {likelihood.name!r} has no systematic error to which a floor of {floor:g} could be added",
            valid="systematic_floor of flux points with systematic errors, of counts, and of norms of templates",
            fix="leave systematic_floor out, or give the data set systematic errors",
        )


def _flux_points(points: FluxPoints, exposure: float, scale: float, floor: float) -> FluxPoints:
    if points.systematics.kind == "none":
        _refuse_floor(points, floor)
    root = math.sqrt(exposure)
    return replace(
        points,
        error_low=points.error_low / root,
        error_high=points.error_high / root,
        systematic=np.hypot(scale * points.systematic, floor * points.model_scale),
        is_upper_limit=np.zeros_like(points.is_upper_limit),
    )


def _norm(norm: TemplateNormalisation, exposure: float, floor: float) -> TemplateNormalisation:
    curve, shrink = norm.curve, 1.0 / math.sqrt(exposure)
    width = math.hypot(shrink * curve.width, floor * float(np.max(curve.best)))
    ratio = width / curve.width
    best = float(np.max(curve.best))
    slope_low, slope_high = shrink * curve.slope_low, shrink * curve.slope_high
    at_zero = width - slope_low * best
    scaled = replace(
        curve,
        error_low=ratio * curve.error_low,
        error_high=ratio * curve.error_high,
        test_statistic=(best / at_zero) ** 2,
        width=width,
        slope_low=slope_low,
        slope_high=slope_high,
    )
    return replace(norm, curve=scaled)


def _counts(counts: CountsMap, exposure: float, scale: float, floor: float) -> CountsMap:
    if not counts.exposure_error:
        _refuse_floor(counts, floor)
    return replace(
        counts,
        values=exposure * counts.values,
        folding=tuple(exposure * one for one in counts.folding),
        added=exposure * counts.added,
        exposure_error=math.hypot(scale * counts.exposure_error, floor),
    )

"""Training of spectra emulators, and the honest error that goes into their files.

The error is that of the whole procedure, choice of terms included, on points it has not seen: ten folds when points are
few, a tenth of the grid held out when they are many. The emulator that is returned is then trained on every point, so
its error is if anything smaller.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from crsea_infer.emulator.spectra.gaussian_process import fit_gaussian_process
from crsea_infer.emulator.spectra.polynomial_chaos import (
    GrowthSettings,
    PolynomialChaos,
    Terms,
    fit_polynomial_chaos,
    grow_terms,
)
from crsea_infer.emulator.spectra.spectra_emulator import Residuals, SpectraEmulator
from crsea_infer.emulator.validation_table import validation_table
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.emulator.spectra.gaussian_process import GaussianProcess
    from crsea_infer.grids.spectra_grid import SpectraGrid
    from crsea_infer.support.arrays import Float64

__all__ = ["TrainingSettings", "held_out_errors", "spectra_table", "train_spectra_emulator"]

Method = Literal["auto", "polynomial chaos", "gaussian process"]
_FOLDS: Final = 10
_KEPT: Final = 500  # held-out points whose residuals go into the file


@dataclass(frozen=True)
class TrainingSettings:
    """How a spectra emulator is trained.

    Attributes
    ----------
    method
        "auto" tries both methods on grids of up to `few` points and keeps the one with the smaller held-out error; on
        larger grids it is polynomial chaos.
    max_terms
        Polynomials at most; the error falls and the time per evaluation grows with their number.
    few
        Largest grid for which Gaussian processes are tried.
    many
        From this many points on, a tenth is held out for the error instead of ten folds.
    tolerance
        Log intensities are compressed to this accuracy (root-mean-square).
    """

    method: Method = "auto"
    max_terms: int = 1500
    few: int = 300
    many: int = 5000
    tolerance: float = 1e-5


def _compress(grid: SpectraGrid, tolerance: float) -> tuple[Float64, Float64, Float64]:
    """Return mean [output], basis [rank, output] and amplitudes [rank, point] of the log intensities."""
    logs = np.log(grid.intensities)
    mean = logs.mean(axis=0)
    left, singular, right = np.linalg.svd(logs - mean, full_matrices=False)
    rank = max(1, int(np.sum(singular > tolerance * np.sqrt(len(logs)))))
    return mean, np.ascontiguousarray(right[:rank]), np.ascontiguousarray((left[:, :rank] * singular[:rank]).T)


def _grow(unit: Float64, amplitudes: Float64, max_terms: int) -> list[tuple[Terms, float]]:
    # small steps where every term counts, large ones where time does
    growth = 0.2 if unit.shape[1] < 2000 else 0.4
    return grow_terms(unit, amplitudes, GrowthSettings(max_terms=max_terms, growth=growth))


def _train(grid: SpectraGrid, method: Method, settings: TrainingSettings) -> SpectraEmulator:
    unit = np.stack([parameter.to_unit(grid.points[:, i]) for i, parameter in enumerate(grid.parameters)])
    # a Gaussian process costs time per dimension and is used where its error is far above the tolerance
    coarse = 10.0 if method == "gaussian process" else 1.0
    mean, basis, values = _compress(grid, settings.tolerance * coarse)
    stages = _grow(unit, values, settings.max_terms)
    fitted: PolynomialChaos | GaussianProcess
    if method == "gaussian process":
        short = [terms for terms, _ in stages if len(terms) <= unit.shape[1] // 4]
        fitted, _ = fit_gaussian_process(unit, values, short[-1] if short else Terms(stages[0][0].degrees[:1]))
    else:
        # the smallest set whose error is within 2 per cent of the best: what follows costs time and gains nothing
        limit = 1.02 * min(error for _, error in stages)
        chosen = next(terms for terms, error in stages if error <= limit)
        fitted, _, _ = fit_polynomial_chaos(unit, values, chosen)
    return SpectraEmulator(grid.parameters, grid.spectra, mean, basis, fitted)


def _residuals(emulator: SpectraEmulator, grid: SpectraGrid) -> Float64:
    """Return ln(emulated / true) on the points of a grid, shape [n_points, n_outputs]."""
    values = {parameter.name: grid.points[:, i] for i, parameter in enumerate(grid.parameters)}
    return np.asarray(emulator.log_intensities(values) - np.log(grid.intensities))


def held_out_errors(emulator: SpectraEmulator, grid: SpectraGrid) -> Float64:
    """Return |emulated / true - 1| on the points of a grid, shape [n_points, n_outputs]; NaN outside the box."""
    return np.abs(np.expm1(_residuals(emulator, grid)))


def _cross_validate(grid: SpectraGrid, method: Method, settings: TrainingSettings) -> Residuals:
    rng = np.random.default_rng(len(grid.points))
    order = rng.permutation(len(grid.points))
    if len(order) >= settings.many:
        folds = [order[: len(order) // 10]]
    else:
        folds = np.array_split(order, min(_FOLDS, len(order)))
    residuals = []
    for fold in folds:
        kept = np.setdiff1d(order, fold)
        residuals.append(_residuals(_train(grid.take(kept), method, settings), grid.take(fold)))
    return Residuals(grid.points[np.concatenate(folds)], np.concatenate(residuals))


def spectra_table(errors: Float64, emulator: SpectraEmulator) -> dict[str, Any]:
    """Sum up relative errors [n_points, n_outputs], per spectrum and in total, for the emulator file."""
    return validation_table({spectrum.label: errors[:, emulator.columns(spectrum)] for spectrum in emulator.spectra})


def train_spectra_emulator(
    grid: SpectraGrid, settings: TrainingSettings | None = None, say: Callable[[str], None] | None = None
) -> SpectraEmulator:
    """Train an emulator on a spectra grid and measure its error.

    Parameters
    ----------
    grid
        At least three points per parameter.
    settings
        Method and limits.
    say
        Called with a line of words after each step.

    Returns
    -------
    SpectraEmulator
        Trained on all points, with grid hash, provenance and validation table in its metadata.

    Raises
    ------
    UserError
        When the grid has too few points, or a method was asked for that does not exist.
    """
    settings = settings or TrainingSettings()
    say = say or (lambda _: None)
    n_points, n_parameters = grid.points.shape
    least = 3 * max(n_parameters, 1)
    if n_parameters == 0 or n_points < least:
        raise UserError(
            f"the grid has {n_points} points in {n_parameters} parameters",
            valid=f"at least one parameter, and at least {least} points; some hundreds make a useful emulator",
            fix="compute more points, or vary fewer parameters",
        )
    if settings.method not in {"auto", "polynomial chaos", "gaussian process"}:
        raise UserError(f"method {settings.method!r}", valid="auto, polynomial chaos, gaussian process")
    methods: list[Method] = [settings.method]
    if settings.method == "auto":
        methods = ["polynomial chaos", "gaussian process"] if n_points <= settings.few else ["polynomial chaos"]
    residuals, errors = {}, {}
    for method in methods:
        residuals[method] = _cross_validate(grid, method, settings)
        errors[method] = np.abs(np.expm1(residuals[method].logs))
        say(f"{method}: 99.9 % of held-out errors below {np.quantile(errors[method], 0.999):.1e}")
    best = min(errors, key=lambda method: float(np.sqrt(np.mean(errors[method] ** 2))))
    emulator = _train(grid, best, settings)
    metadata = {
        "grid_hash": grid.hash,
        "n_points": n_points,
        "provenance": dict(grid.provenance),
        "validation": spectra_table(errors[best], emulator),
    }
    # the order is random already; single precision, because an error needs no more than two digits
    few = residuals[best]
    kept = Residuals(few.points[:_KEPT], few.logs[:_KEPT].astype(np.float32))
    return replace(emulator, metadata=metadata, held_out=kept)

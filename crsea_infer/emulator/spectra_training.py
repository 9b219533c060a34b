"""Training of spectra emulators, and the honest error that goes into their files.

The error is that of the whole procedure, choice of terms included, on points it has not seen: ten folds when points are
few, a tenth of the grid held out when they are many. The emulator that is returned is then trained on every point, so
its error is if anything smaller.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from crsea_infer.emulator.gaussian_process import fit_gaussian_process
from crsea_infer.emulator.polynomial_chaos import (
    GrowthSettings,
    PolynomialChaos,
    Terms,
    fit_polynomial_chaos,
    grow_terms,
)
from crsea_infer.emulator.spectra import SpectraEmulator
from crsea_infer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.arrays import Float64
    from crsea_infer.emulator.gaussian_process import GaussianProcess
    from crsea_infer.grids.spectra import SpectraGrid

__all__ = ["TrainingSettings", "error_table", "held_out_errors", "train_spectra_emulator"]

Method = Literal["auto", "polynomial chaos", "gaussian process"]
_FOLDS: Final = 10


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


def held_out_errors(emulator: SpectraEmulator, grid: SpectraGrid) -> Float64:
    """Return |emulated / true - 1| on the points of a grid, shape [n_points, n_outputs]."""
    values = {parameter.name: grid.points[:, i] for i, parameter in enumerate(grid.parameters)}
    return np.asarray(np.abs(np.expm1(emulator.log_intensities(values) - np.log(grid.intensities))))


def _cross_validate(grid: SpectraGrid, method: Method, settings: TrainingSettings) -> Float64:
    rng = np.random.default_rng(len(grid.points))
    order = rng.permutation(len(grid.points))
    if len(order) >= settings.many:
        folds = [order[: len(order) // 10]]
    else:
        folds = np.array_split(order, min(_FOLDS, len(order)))
    errors = []
    for fold in folds:
        kept = np.setdiff1d(order, fold)
        errors.append(held_out_errors(_train(grid.take(kept), method, settings), grid.take(fold)))
    return np.concatenate(errors)


def error_table(errors: Float64, emulator: SpectraEmulator) -> dict[str, Any]:
    """Summarise relative errors [n_points, n_outputs] for the emulator file, in total and per spectrum."""

    def summary(part: Float64) -> dict[str, float]:
        median, high, highest = (float(q) for q in np.quantile(part, [0.5, 0.99, 0.999]))
        return {
            "median": median,
            "root_mean_square": float(np.sqrt(np.mean(part**2))),
            "quantile_99": high,
            "quantile_99.9": highest,
            "maximum": float(part.max()),
        }

    return {
        "n_points": len(errors),
        **summary(errors),
        "spectra": {spectrum.label: summary(errors[:, emulator.columns(spectrum)]) for spectrum in emulator.spectra},
    }


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
    errors = {}
    for method in methods:
        errors[method] = _cross_validate(grid, method, settings)
        say(f"{method}: 99.9 % of held-out errors below {np.quantile(errors[method], 0.999):.1e}")
    best = min(errors, key=lambda method: float(np.sqrt(np.mean(errors[method] ** 2))))
    emulator = _train(grid, best, settings)
    metadata = {
        "grid_hash": grid.hash,
        "n_points": n_points,
        "provenance": dict(grid.provenance),
        "validation": error_table(errors[best], emulator),
    }
    return replace(emulator, metadata=metadata)

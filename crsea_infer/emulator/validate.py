"""How far an emulator is from the solver, on points that it was not trained on.

Held-out points are drawn evenly from the box of the emulator, and its corners are added. Errors are those of the
intensities that data are compared with: every region, component and messenger, over the whole range of energies.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.emulator.fold import SpectralFold
from crsea_infer.physics.geometry import COMPONENTS
from crsea_infer.physics.leptons import LEPTON_COMPONENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.arrays import Float64
    from crsea_infer.emulator.response import ResponseEmulator

__all__ = ["Validation", "validate"]

_ENERGIES: Final = np.geomspace(10.0, 1e6, 26)
# a soft and a hard power law bracket the published local spectra: the error of any spectrum between lies between
_SPECTRA: Final = (
    {"proton_norm": 3e4, "proton_slope_1": -2.6, "helium_norm": 2e3, "helium_slope_1": -2.5},
    {"proton_norm": 3e4, "proton_slope_1": -3.2, "helium_norm": 2e3, "helium_slope_1": -3.1},
)


@dataclass(frozen=True)
class Validation:
    """Relative errors of an emulator on held-out points.

    Attributes
    ----------
    errors
        |emulated / exact - 1| for the largest over energies and spectra, shape [point, messenger, region, component].
    lepton_errors
        The same for the gamma rays of electrons, shape [point, region, lepton component]; no points without electrons.
    regions
        Names of the regions.
    """

    errors: Float64
    lepton_errors: Float64
    regions: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """Return quantiles over points, regions, components and messengers, for the emulator file."""
        summary = {"n_points": int(self.errors.shape[0])} | _quantiles("", self.errors)
        # apart, because they are a tenth of the intensity and their halo ends where the halo height says
        return summary | (_quantiles("lepton_", self.lepton_errors) if self.lepton_errors.size else {})

    def rows(self) -> list[tuple[str, str, str, float, float, float]]:
        """Return (messenger, region, component, median, 99.9 per cent, maximum), one row each."""
        table = []
        for m, messenger in enumerate(("gamma", "neutrino")):
            for r, region in enumerate(self.regions):
                for c, component in enumerate(COMPONENTS):
                    median, high, largest = (float(np.quantile(self.errors[:, m, r, c], q)) for q in (0.5, 0.999, 1.0))
                    table.append((messenger, region, component, median, high, largest))
        for r, region in enumerate(self.regions):
            for c, component in enumerate(LEPTON_COMPONENTS):
                if self.lepton_errors.size:
                    found = (float(np.quantile(self.lepton_errors[:, r, c], q)) for q in (0.5, 0.999, 1.0))
                    median, high, largest = found
                    table.append(("gamma", region, component, median, high, largest))
        return table


def _quantiles(prefix: str, errors: Float64) -> dict[str, float]:
    return {
        f"{prefix}median": float(np.median(errors)),
        f"{prefix}quantile_99.9": float(np.quantile(errors, 0.999)),
        f"{prefix}maximum": float(errors.max()),
    }


def validate(
    emulator: ResponseEmulator,
    n_points: int = 500,
    seed: int = 20250707,
    progress: Callable[[int, int], None] | None = None,
) -> Validation:
    """Compare an emulator with the solver on held-out points and at the corners of its box.

    Parameters
    ----------
    emulator
        What to test.
    n_points
        Number of random points.
    seed
        Seed of the random points.
    progress
        Called with the number of points done and the total.
    """
    settings = emulator.settings
    rng = np.random.default_rng(seed)
    draws = [
        rng.uniform(axis.lower, axis.upper, n_points)
        if axis.scale == "linear"
        else np.exp(rng.uniform(np.log(axis.lower), np.log(axis.upper), n_points))
        for axis in settings.axes
    ]
    corners = np.array(list(itertools.product(*((axis.lower, axis.upper) for axis in settings.axes)))).T
    points = {
        axis.name: np.concatenate([draw, corner])
        for axis, draw, corner in zip(settings.axes, draws, corners, strict=True)
    }
    folds = [
        SpectralFold.for_energies("gamma", _ENERGIES, settings.rigidities, absorb=True),
        SpectralFold.for_energies("neutrino", _ENERGIES, settings.rigidities, absorb=False),
    ]
    moments = [
        [fold.moments({name: np.asarray(value) for name, value in spectrum.items()}) for spectrum in _SPECTRA]
        for fold in folds
    ]
    solver, lepton_solver = settings.solver(), settings.lepton_solver()
    total = len(points["delta_slope"])
    errors = np.empty((total, len(folds), *emulator.basis.shape[1:3]))
    lepton_errors = np.empty((0 if lepton_solver is None else total, len(settings.regions), len(LEPTON_COMPONENTS)))
    for i in range(total):
        point = {name: np.asarray(values[i]) for name, values in points.items()}
        here = float(point["delta_slope"]), float(point["halo_height"])
        exact = solver(*here)
        if lepton_solver is not None:
            ratio = emulator.lepton_intensities(point) / lepton_solver(*here)
            lepton_errors[i] = np.abs(ratio - 1.0).max(axis=-1)
        emulated = emulator.responses(point)
        for m, fold in enumerate(folds):
            ratios = [
                np.abs((fold.columns(emulated) * moment).sum(-1) / (fold.columns(exact) * moment).sum(-1) - 1.0)
                for moment in moments[m]
            ]
            errors[i, m] = np.max(ratios, axis=(0, -1))
        if progress is not None:
            progress(i + 1, total)
    return Validation(errors, lepton_errors, settings.regions)

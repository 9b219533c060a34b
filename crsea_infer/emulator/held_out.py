"""Exact answers at points that an emulator has not seen, with the face of a sky model.

For emulators of responses the solver gives the answers, once for all who want to compare with them. For emulators of
other codes' spectra they are in the emulator's file: the residuals of cross-validation; or in a second grid. Either way
a sky model made of them can be bound to likelihoods like any other, but knows nothing elsewhere.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.emulator.response.response_sky import ExactSky
from crsea_infer.emulator.spectra.spectra_emulator import SpectraEmulator
from crsea_infer.emulator.spectra.spectra_sky import SpectraSky
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crsea_infer.emulator.response.solved import Solve
    from crsea_infer.grids.response_grid import GridSettings
    from crsea_infer.support.arrays import Array, Float64

__all__ = ["HeldOut", "HeldOutSky", "held_out_spectra", "solve_held_out"]


@dataclass(frozen=True)
class HeldOut:
    """The solver's answers at some transport points.

    Attributes
    ----------
    settings
        Physics and regions.
    points
        Values of the parameters, in the order of the axes, shape [point, axis].
    responses
        cm^-2, shape [point, region, component, absorption, rigidity].
    leptons
        Gamma rays of electrons, GeV^-1 cm^-2 s^-1 sr^-1, shape [point, region, lepton component, lepton energy]; None
        when the settings leave them out.
    """

    settings: GridSettings
    points: Float64
    responses: Float64
    leptons: Float64 | None

    @property
    def parameters(self) -> dict[str, Float64]:
        """The points by parameter, each of shape [point]."""
        return {axis.name: self.points[:, i] for i, axis in enumerate(self.settings.axes)}


def solve_held_out(
    settings: GridSettings,
    n_points: int = 500,
    seed: int = 20250707,
    progress: Callable[[int, int], None] | None = None,
) -> HeldOut:
    """Solve transport at random points and at the corners of the box.

    Parameters
    ----------
    settings
        Those of the grid; points are drawn evenly in each axis, or in its logarithm where its scale is that.
    n_points
        Number of random points.
    seed
        Of the random points.
    progress
        Called with the number of points done and the total.
    """
    rng = np.random.default_rng(seed)
    draws = [
        rng.uniform(axis.lower, axis.upper, n_points)
        if axis.scale == "linear"
        else np.exp(rng.uniform(np.log(axis.lower), np.log(axis.upper), n_points))
        for axis in settings.axes
    ]
    corners = list(itertools.product(*((axis.lower, axis.upper) for axis in settings.axes)))
    points = np.concatenate([np.stack(draws, axis=1), np.array(corners)])
    solver, lepton_solver = settings.solver(), settings.lepton_solver()
    responses, leptons = [], []
    for i, point in enumerate(points):
        here = dict(zip((axis.name for axis in settings.axes), point.tolist(), strict=True))
        responses.append(solver(here["delta_slope"], here["halo_height"]))
        if lepton_solver is not None:
            leptons.append(lepton_solver(here["delta_slope"], here["halo_height"]))
        if progress is not None:
            progress(i + 1, len(points))
    return HeldOut(settings, points, np.stack(responses), np.stack(leptons) if leptons else None)


class HeldOutSky(ExactSky):
    """The solver's sky at the held-out points, and nowhere else.

    Parameters
    ----------
    held_out
        Answers of the solver.
    absorption
        Whether gamma rays are absorbed on their way.
    """

    def __init__(self, held_out: HeldOut, *, absorption: bool = True) -> None:
        super().__init__(held_out.settings, absorption=absorption)
        self._held_out = held_out
        pairs = zip(held_out.parameters["delta_slope"], held_out.parameters["halo_height"], strict=True)
        self._rows = {(float(slope), float(height)): row for row, (slope, height) in enumerate(pairs)}

    def _solvers(self, wanted: Sequence[str]) -> tuple[Solve | None, Callable[[], Solve | None]]:
        absent = [name for name in wanted if name not in self.settings.regions]
        if absent:
            raise UserError(
                f"the emulator was not trained on the region {absent[0]}", valid=", ".join(self.settings.regions)
            )
        index = [self.settings.regions.index(name) for name in wanted]
        leptons = self._held_out.leptons

        def nuclei(slope: float, height: float) -> Float64:
            return np.asarray(self._held_out.responses[self._rows[slope, height]][index])

        def electrons(slope: float, height: float) -> Float64:
            return np.asarray(leptons[self._rows[slope, height]][index]) if leptons is not None else np.empty(0)

        return nuclei, lambda: electrons if leptons is not None else None


@dataclass(frozen=True)
class _KnownSpectra(SpectraEmulator):
    """Looks spectra up by their parameters."""

    known: Mapping[tuple[float, ...], Float64] = field(default_factory=dict)

    def log_intensities(self, parameters: Mapping[str, Array]) -> Float64:
        values: list[Any] = [np.asarray(parameters[parameter.name], dtype=float) for parameter in self.parameters]
        points = np.stack(np.broadcast_arrays(*values), axis=-1)
        found = [self.known[tuple(point)] for point in points.reshape(-1, len(values)).tolist()]
        return np.stack(found).reshape(*points.shape[:-1], -1)


def held_out_spectra(emulator: SpectraEmulator, points: Float64, log_intensities: Float64) -> SpectraSky:
    """Return the sky of the models themselves, which an emulator was trained on or stands for.

    Parameters
    ----------
    emulator
        Says which parameters and spectra there are.
    points
        Parameters of the models, shape [point, n_parameters].
    log_intensities
        Natural logarithms of what the models predict there, shape [point, n_outputs].
    """
    known = {tuple(point): row for point, row in zip(points.tolist(), log_intensities, strict=True)}
    return SpectraSky(
        _KnownSpectra(
            emulator.parameters,
            emulator.spectra,
            emulator.mean,
            emulator.basis,
            emulator.amplitudes,
            {"grid_hash": "held-out points", "validation": {"relative_error": 0.0}},
            None,
            known,
        )
    )

"""Response grids built point by point on many workers; the numbers are those of a build in one process.

Solved points stand in a directory beside the output until the grid is whole, so a build that is killed goes on where it
was. The last step gathers them into the one netCDF-4 file that everything else reads.
"""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from crsea_infer.grids.response_grid import GridSettings, grid_dataset, write_grid
from crsea_infer.physics.geometry import COMPONENTS, absorption_nodes
from crsea_infer.physics.leptons import LEPTON_COMPONENTS, LEPTON_ENERGIES
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import digest, make_directory
from crsea_infer.support.pieces import Build
from crsea_infer.support.schedule import Schedule, run_build

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import xarray as xr

    from crsea_infer.physics.leptons import LeptonSolver
    from crsea_infer.physics.region_response import ResponseSolver
    from crsea_infer.support.arrays import Float64

__all__ = [
    "ResponseTask",
    "build_response_grid",
    "response_build",
    "response_dataset",
]


@dataclass(frozen=True)
class ResponseTask:
    """Everything a response grid holds, at one point of transport parameters.

    Attributes
    ----------
    solver, lepton_solver
        Transport of nuclei and of electrons seen through the regions; None when the grid leaves electrons out.
    """

    solver: ResponseSolver
    lepton_solver: LeptonSolver | None

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Make the solvers from the settings of a grid (seconds: the geometry of the regions).

        Raises
        ------
        UserError
            When this machine would compute another grid, having other gas tables.
        """
        settings = GridSettings.from_json(content)
        own = settings.as_json()
        if digest(own) != digest(content):
            differing = [name for name in content if digest(own.get(name)) != digest(content[name])]
            raise UserError(
                f"this worker would compute another grid: {', '.join(differing)} differ",
                valid="the same version of crsea_infer, with the same gas table, on every worker",
            )
        return cls(settings.solver(), settings.lepton_solver())

    def __call__(self, point: Mapping[str, float]) -> Float64:
        """Return responses (cm^-2), then intensities of electrons' gamma rays, in one row."""
        here = point["delta_slope"], point["halo_height"]
        parts = [self.solver(*here).ravel()]
        if self.lepton_solver is not None:
            parts.append(self.lepton_solver(*here).ravel())
        return np.concatenate(parts)


def response_build(settings: GridSettings) -> Build:
    """Return what is to be computed for a response grid."""
    return Build(
        task="crsea_infer.grids.response_build:ResponseTask",
        settings=settings.as_json(),
        names=tuple(axis.name for axis in settings.axes),
        points=np.array(list(itertools.product(*(axis.nodes for axis in settings.axes)))),
    )


def response_dataset(settings: GridSettings, rows: Float64) -> xr.Dataset:
    """Return the grid whose points have the given `rows` of :class:`ResponseTask`, with everything it carries."""
    n_regions = len(settings.regions)
    shape = n_regions, len(COMPONENTS), absorption_nodes().size, settings.n_rigidity
    n_responses = int(np.prod(shape))
    leptons = None
    if settings.electrons is not None:
        leptons = rows[:, n_responses:].reshape(-1, n_regions, len(LEPTON_COMPONENTS), LEPTON_ENERGIES.size)
    return grid_dataset(settings, response_build(settings).points, rows[:, :n_responses].reshape(-1, *shape), leptons)


def build_response_grid(
    settings: GridSettings,
    output: Path,
    schedule: Schedule | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Build a response grid on many workers and write it.

    Parameters
    ----------
    settings
        What to compute.
    output
        netCDF-4 file; finished points are kept in a directory of this name plus ``.points`` until the grid is written.
    schedule
        Where to compute it.
    progress
        Called with the number of points done and the total.

    Raises
    ------
    UserError
        As :func:`crsea_infer.support.schedule.run_build`.
    """
    make_directory(output.resolve().parent)
    directory = output.with_name(output.name + ".points")
    grid = response_dataset(settings, run_build(response_build(settings), directory, schedule, progress))
    write_grid(grid, output)
    shutil.rmtree(directory)
    return grid

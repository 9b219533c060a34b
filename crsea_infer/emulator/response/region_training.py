"""Training for sky regions that an emulator lacks, with its own physics and design.

All regions asked for together are solved together, since they share the transport solutions, but each is fitted for
itself: what is found for a region depends on which others it was asked for with only by rounding.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from crsea_infer.emulator.response.chebyshev import GROUP_TOLERANCE, fit_chebyshev
from crsea_infer.physics.gas_groups import GAS_GROUPS
from crsea_infer.physics.geometry import COMPONENTS, N_ABSORPTION_NODES
from crsea_infer.physics.leptons import LEPTON_COMPONENTS, LEPTON_ENERGIES
from crsea_infer.physics.regions import parse_region
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crsea_infer.grids.response_grid import GridSettings
    from crsea_infer.physics.regions import Region
    from crsea_infer.support.arrays import Float64

__all__ = ["Particles", "RegionFit", "basis_shape", "train_regions"]

Particles = Literal["nuclei", "gas groups", "electrons"]
"""What an entry is about: nuclei on all gas, nuclei on each group of gas, or electrons."""


@dataclass(frozen=True)
class RegionFit:
    """One region as a function of the transport parameters, as in :class:`.response.ResponseEmulator`.

    Attributes
    ----------
    coefficients
        Shape [product of axis nodes, rank].
    basis
        Of nuclei [rank, 1, component or group, absorption, rigidity], cm^-2; of electrons [rank, 1, lepton component,
        lepton energy], GeV^-1 cm^-2 s^-1 sr^-1.
    """

    coefficients: Float64
    basis: Float64


def basis_shape(settings: GridSettings, particles: Particles) -> tuple[int, ...]:
    """Return the shape of a basis behind its rank."""
    if particles == "electrons":
        return 1, len(LEPTON_COMPONENTS), LEPTON_ENERGIES.size
    components = len(GAS_GROUPS) if particles == "gas groups" else len(COMPONENTS)
    return 1, components, N_ABSORPTION_NODES, settings.n_rigidity


def train_regions(settings: GridSettings, particles: Particles, names: Sequence[str]) -> dict[str, RegionFit]:
    """Solve transport at every design point, seen through some regions, and fit each of them.

    Parameters
    ----------
    settings
        Physics and design; its own regions do not matter.
    particles
        Whose emission.
    names
        Names or boxes of the regions.

    Raises
    ------
    UserError
        When nothing is left of a region behind its mask, or the settings have no electrons.
    """
    regions = [parse_region(name) for name in names]
    solvers: dict[Particles, Callable[[list[Region]], Callable[[float, float], Float64] | None]] = {
        "nuclei": settings.solver,
        "gas groups": settings.group_solver,
        "electrons": settings.lepton_solver,
    }
    solver = solvers[particles](regions)
    if solver is None:
        raise UserError(
            "this emulator was trained on a grid without electrons",
            fix="build the grid without --no-leptons, or leave the prior set 'leptons' out",
        )
    column = {axis.name: number for number, axis in enumerate(settings.axes)}
    outputs = np.stack(
        [
            solver(float(point[column["delta_slope"]]), float(point[column["halo_height"]]))
            for point in itertools.product(*(axis.nodes for axis in settings.axes))
        ]
    )
    tolerance = {"tolerance": GROUP_TOLERANCE} if particles == "gas groups" else {}
    fits = [fit_chebyshev(outputs[:, i : i + 1], settings.axes, **tolerance) for i in range(len(regions))]
    return {name: RegionFit(*fit) for name, fit in zip(names, fits, strict=True)}

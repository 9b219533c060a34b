"""Groups of gas that hypotheses weigh for themselves: stretches of Galactocentric rings, and ionised hydrogen.

What a region receives is linear in the gas, so the gas of a stretch of rings is a component of its own, and scales of
such stretches are parameters without any new transport. HI is cut near 4, 6 and 9 kpc. H2 is cut wherever the published
X_CO changes, so that within a group it is one number and a gradient of X_CO is exact, and at 9 kpc, where the outer
disc begins. Beside them stands the ionised hydrogen of Cordes et al. 1991 (Nature 354, 121, in the form of GALPROP),
which no ring map has::

    n_HII = 0.025 exp(-|z| / 1 kpc) exp(-(R / 20 kpc)^2) + 0.2 exp(-|z| / 0.15 kpc) exp(-((R - 4 kpc) / 2 kpc)^2) cm^-3.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.gas import RING_EDGES

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = ["GAS_GROUPS", "IONISED_REFERENCES", "OUTER_DISC", "GasGroup", "ionised_density"]

IONISED_REFERENCES: Final = ("doi:10.1038/354121a0",)
"""To cite for ionised hydrogen."""

OUTER_DISC: Final = 9.0
"""Radius beyond which gas belongs to the outer disc, kpc: an edge of the ring maps."""


@dataclass(frozen=True)
class GasGroup:
    """Gas of one kind between two Galactocentric radii.

    Attributes
    ----------
    component
        "HI", "H2", or "HII", which has no rings.
    inner, outer
        kpc; edges of rings.
    """

    component: str
    inner: float
    outer: float

    @property
    def name(self) -> str:
        """In words, such as "H2 3-5 kpc"."""
        return f"{self.component} {self.inner:g}-{self.outer:g} kpc"

    @property
    def rings(self) -> slice:
        """Which rings of its component it holds."""
        edges = RING_EDGES[self.component]
        return slice(edges.index(self.inner), edges.index(self.outer))

    @property
    def is_outer(self) -> bool:
        """Whether it belongs to the outer disc."""
        return self.inner >= OUTER_DISC


def _between(component: str, *edges: float) -> tuple[GasGroup, ...]:
    return tuple(GasGroup(component, *pair) for pair in itertools.pairwise(edges))


GAS_GROUPS: Final = (
    *_between("HI", 0.0, 4.0, 6.0, 9.0, 35.0),
    *_between("H2", 0.0, 3.0, 5.0, 6.0, 7.0, 9.0, 15.0, 18.0),
    GasGroup("HII", 0.0, np.inf),
)
"""All groups, in the order of the arrays."""


def ionised_density(radius: Float64, height: Float64) -> Float64:
    """Return the density of ionised hydrogen, cm^-3.

    Parameters
    ----------
    radius, height
        kpc.
    """
    z = np.abs(height)
    thick = 0.025 * np.exp(-z) * np.exp(-((radius / 20.0) ** 2))
    thin = 0.2 * np.exp(-z / 0.15) * np.exp(-(((radius - 4.0) / 2.0) ** 2))
    return np.asarray(thick + thin)

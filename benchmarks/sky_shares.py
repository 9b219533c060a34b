"""The share of the sky's pion-decay emission in the boxes of LHAASO, and why it differs from the IceCube pi0 template.

The template (arXiv:2307.04427, a HEALPix map in the equatorial frame) is rotated to Galactic coordinates and summed;
its shares stand here as numbers, and `template_shares` remakes them from the map. Ours are computed for the published
gradient of X_CO and for others, with and without columns that the ring maps lack at high latitudes, and both as shares
of the sky and as shares of the plane, |b| < 5, which no high latitude can change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from published_curves import fiducial
from residuals import Residual

from crsea_infer.physics.gas import RING_EDGES, GasColumns, load_gas
from crsea_infer.physics.geometry import LineOfSight
from crsea_infer.physics.region_response import ResponseSolver
from crsea_infer.physics.regions import parse_region
from crsea_infer.physics.transport import TransportSettings

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.support.arrays import Float64

__all__ = ["TEMPLATE", "Shares", "shares_of_the_sky", "table", "template_shares"]

_BOXES: Final = ("l=15..125,b=-5..5", "l=125..235,b=-5..5")
_BANDS: Final = (5.0, 10.0, 20.0)  # deg
_UNIFORM: Final = (1.9e20,) * 11  # Strong and Mattox 1996, A&A 308, L21: the classical value


@dataclass(frozen=True)
class Shares:
    """Shares of the sky's emission in the inner and the outer box, and beyond latitudes of 5, 10 and 20 degrees."""

    inner: float
    outer: float
    beyond: tuple[float, float, float]

    @property
    def inner_of_plane(self) -> float:
        """Share of the inner box in the emission of |b| < 5."""
        return self.inner / (1.0 - self.beyond[0])

    @property
    def outer_of_plane(self) -> float:
        """Share of the outer box in the emission of |b| < 5."""
        return self.outer / (1.0 - self.beyond[0])


TEMPLATE: Final = Shares(0.1745, 0.0734, (0.4979, 0.3412, 0.1870))  # IceCube release of arXiv:2307.04427


def template_shares(path: Path) -> Shares:
    """Return the shares of a template: a HEALPix map, ring order, equatorial frame, as a NumPy array file."""
    import healpy

    emission = np.load(path, allow_pickle=False)
    directions = healpy.pix2ang(healpy.get_nside(emission), np.arange(emission.size))
    colatitude, longitude = healpy.Rotator(coord=["C", "G"])(*directions)
    latitude = np.abs(90.0 - np.degrees(colatitude))
    longitude = np.degrees(longitude) % 360.0
    plane = latitude < 5.0
    chosen = [
        plane & (longitude > 15.0) & (longitude < 125.0),
        plane & (longitude > 125.0) & (longitude < 235.0),
        *(latitude > band for band in _BANDS),
    ]
    inner, outer, *beyond = (float(emission[mask].sum() / emission.sum()) for mask in chosen)
    return Shares(inner, outer, (beyond[0], beyond[1], beyond[2]))


def _with_cosecant_law(gas: GasColumns) -> GasColumns:
    """Return columns whose HI at |b| > 20 is raised to the law of Dickey and Lockman 1990 (ARA&A 28, 215)."""
    latitude = np.abs(gas.latitude)
    law = (3.84 / np.sin(np.radians(latitude)) - 2.11) * 1e20  # cm^-2
    lacking = np.where(latitude > 20.0, np.maximum(law - gas.atomic.sum(axis=0), 0.0), 0.0)
    atomic = gas.atomic.copy()
    local = np.searchsorted(RING_EDGES["HI"], 8.0, side="right") - 1
    atomic[local] += lacking
    return replace(gas, atomic=atomic)


def _emission(gas: GasColumns, x_co: tuple[float, ...] | None, *, uniform: bool = False) -> Float64:
    """Return the emission per component [region, component] of sky, boxes and bands.

    Cosmic rays are those of constant diffusion or, if `uniform`, those at the Sun out to 20 kpc.
    """
    names = ["full_sky", *_BOXES, *(f"l=-180..180,b={-band:g}..{band:g}" for band in _BANDS)]
    regions = [parse_region(name) for name in names]
    sight = LineOfSight() if x_co is None else LineOfSight(x_co=x_co)
    solver = ResponseSolver.for_regions(
        regions, rigidities=np.array([1e3]), transport=TransportSettings(), line_of_sight=sight, gas=gas
    )
    if uniform:
        columns = solver.weights[:, :, 0].sum(axis=-1)
    else:
        columns = solver(0.0, float(fiducial("base-min")["halo_height"]))[:, :, 0, 0]
    return np.asarray(columns * np.array([region.solid_angle for region in regions])[:, None])


def _shares(emission: Float64) -> Shares:
    inner, outer, *within = (emission[1:] / emission[0]).tolist()
    return Shares(inner, outer, (1.0 - within[0], 1.0 - within[1], 1.0 - within[2]))


def shares_of_the_sky() -> tuple[dict[str, Shares], list[Residual]]:
    """Compute the shares for several choices of gas and compare them with the template's."""
    gas = load_gas()
    raised = _with_cosecant_law(gas)
    published, uniform = _emission(gas, None), _emission(gas, _UNIFORM)
    found = {
        "IceCube pi0 template": TEMPLATE,
        "ours": _shares(published.sum(axis=1)),
        "ours, HI raised to the cosecant law": _shares(_emission(raised, None).sum(axis=1)),
        "ours, X_CO = 1.9e20 everywhere": _shares(uniform.sum(axis=1)),
        "ours, X_CO = 1.9e20 and HI raised": _shares(_emission(raised, _UNIFORM).sum(axis=1)),
        "ours, X_CO = 1.9e20 and uniform cosmic rays": _shares(_emission(gas, _UNIFORM, uniform=True).sum(axis=1)),
        "ours, HI only": _shares(published[:, 0]),
        "ours, H2 only": _shares(published[:, 1]),
    }
    ours, flat = found["ours"], found["ours, X_CO = 1.9e20 everywhere"]
    return found, [
        Residual("share of the sky, 15 < l < 125, |b| < 5: ours / pi0 template - 1", ours.inner / TEMPLATE.inner - 1),
        Residual("share of the sky, 125 < l < 235, |b| < 5: ours / pi0 template - 1", ours.outer / TEMPLATE.outer - 1),
        Residual(
            "share of the plane, 15 < l < 125: ours / pi0 template - 1",
            ours.inner_of_plane / TEMPLATE.inner_of_plane - 1,
            0.10,
        ),
        Residual(
            "share of the plane, 15 < l < 125, X_CO = 1.9e20: ours / pi0 template - 1",
            flat.inner_of_plane / TEMPLATE.inner_of_plane - 1,
            0.03,
        ),
    ]


def table(found: dict[str, Shares]) -> list[str]:
    """Return the shares as a table, line by line."""
    columns = ("inner box, of the sky", "outer box, of the sky", "inner, of the plane", "outer, of the plane")
    columns += tuple(f"beyond {band:g} deg" for band in _BANDS)
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for name, shares in found.items():
        values = (shares.inner, shares.outer, shares.inner_of_plane, shares.outer_of_plane, *shares.beyond)
        lines.append(f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    return lines

"""Absorption of gamma rays on the infrared and the starlight of the Galaxy, beside that on the CMB.

Dust and stars shine where gas is, so this absorption is no function of distance: along a line of sight the optical
depth is the coefficient at the Sun (:mod:`crsea_infer.physics.absorption`, for the grey bodies of
:mod:`crsea_infer.physics.radiation_field`) times the integral of the energy density relative to the Sun. It is a
correction of a few per cent for the disc, up to a fifth toward the centre, largest near 150 TeV. So it is kept as one
*effective depth* per region and energy,

    tau(E) = -ln (mean of transmission on all fields / mean of transmission on the CMB),

means over the emission of the region's gas at one point of transport, the published one; the corners of the box change
tau by a fifth of itself. The photons are taken as isotropic everywhere.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.absorption import cmb_absorption_coefficient
from crsea_infer.physics.gas import load_gas
from crsea_infer.physics.geometry import COMPONENTS, LineOfSight, SightLines
from crsea_infer.physics.radiation_field import FIELDS, RADIATION_FIELD, field_scaling
from crsea_infer.physics.regions import parse_region
from crsea_infer.physics.transport import TransportSettings, relative_density
from crsea_infer.support.array_files import open_hdf5, refusing
from crsea_infer.support.array_schema import ArraySpec, check_headers, check_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crsea_infer.physics.geometry import SkyRow
    from crsea_infer.physics.regions import Region
    from crsea_infer.support.arrays import Float64

__all__ = ["DEPTH_ENERGIES", "TABLE", "effective_depth", "region_depth", "rows_behind_light"]

DEPTH_ENERGIES: Final = np.geomspace(1e3, 5e6, 31)
"""Energies of tables of depths, GeV; below the first there is none to speak of (2e-4 toward the centre)."""

TABLE: Final = "infrared_depth.nc"
_PUBLISHED: Final = {"delta_slope": 0.04, "halo_height": 4.7}
_RIGIDITY: Final = 1e6  # GV: of the protons that make gamma rays of 100 TeV
_STEP: Final = 0.05  # kpc
_FIX: Final = "install crsea_infer again"


def _coefficients(energies: Float64) -> dict[str, Float64]:
    """Return the absorption coefficient of each part of the field at the Sun, 1/kpc."""
    return {
        field: np.asarray(
            sum(
                body.dilution * cmb_absorption_coefficient(energies, body.temperature)
                for body in RADIATION_FIELD
                if body.field == field
            )
        )
        for field in FIELDS
    }


def region_depth(region: str, transport: Mapping[str, float] | None = None) -> Float64:
    """Return the effective depth of a region at `DEPTH_ENERGIES`, by integration along all its lines of sight.

    Parameters
    ----------
    region
        Name or box.
    transport
        delta_slope (1/kpc) and halo_height (kpc); the published ones by default.

    Raises
    ------
    UserError
        When the region cannot be read, or nothing is left of it.
    """
    seen = np.zeros((2, DEPTH_ENERGIES.size))
    for _, received in rows_behind_light([parse_region(region)], transport):
        seen += received[:, :, 0].sum(axis=-1)
    return np.asarray(np.log(seen[0] / seen[1]))


def rows_behind_light(
    regions: Sequence[Region], transport: Mapping[str, float] | None = None
) -> Iterator[tuple[SkyRow, Float64]]:
    """Give, row by row of the sky, what reaches the Sun from the gas that regions see.

    Parameters
    ----------
    regions
        Of the sky.
    transport
        As for :func:`region_depth`.

    Yields
    ------
    row, received
        A row, and in arbitrary units what it sends through the CMB alone and through all fields, at `DEPTH_ENERGIES`
        [2, energy, region, longitude].

    Raises
    ------
    UserError
        When nothing is left of a region.
    """
    from scipy.interpolate import RegularGridInterpolator

    settings, gas = TransportSettings(), load_gas()
    sight = LineOfSight(step=_STEP)
    density = relative_density(
        np.array([_RIGIDITY]), sight.heights, settings=settings, **(_PUBLISHED if transport is None else transport)
    )[0]
    cosmic_rays = RegularGridInterpolator((settings.radii, sight.heights), density, bounds_error=False, fill_value=None)
    radii, heights = np.linspace(0.0, 25.0, 126), np.linspace(0.0, 12.0, 121)
    scaling = field_scaling(radii, heights)
    fields = [RegularGridInterpolator((radii, heights), one, bounds_error=False, fill_value=None) for one in scaling]
    columns = [gas.column(component, sight.x_co) for component in COMPONENTS]
    coefficients = _coefficients(DEPTH_ENERGIES)
    view = SightLines.of(regions, settings.disc_radius, sight)
    _, shares = view.shares(gas)
    for row in view.rows(gas, shares):
        pairs = zip(COMPONENTS, columns, strict=True)
        weights = np.sum([row.of_rings(component, column, shares)[0] for component, column in pairs], axis=0)
        if not weights.any():
            continue
        height = np.minimum(np.abs(row.height), sight.heights[-1])
        weights = weights * cosmic_rays((np.minimum(row.radius, settings.radii[-1]), height))
        at = np.minimum(row.radius, radii[-1]), np.minimum(np.abs(row.height), heights[-1])
        # of the middle of each step
        lengths = [(np.cumsum(field(at), axis=1) - 0.5 * field(at)) * _STEP for field in fields]
        received = np.zeros((2, DEPTH_ENERGIES.size, *weights.shape[:-1]))
        for e in range(DEPTH_ENERGIES.size):
            depths = [coefficients[field][e] * length for field, length in zip(FIELDS, lengths, strict=True)]
            received[0, e] = np.sum(weights * np.exp(-depths[FIELDS.index("CMB")]), axis=-1)
            received[1, e] = np.sum(weights * np.exp(-np.sum(depths, axis=0)), axis=-1)
        yield row, received


@lru_cache(maxsize=1)
def _packaged() -> dict[str, Float64]:
    path = Path(str(files("crsea_infer.physics") / "data" / TABLE))
    with refusing(f"{path} is not a readable table of optical depths", fix=_FIX), open_hdf5(path) as file:
        names = file.text("regions").split()
        schema = {"depth": ArraySpec(("region", "energy"), ("f8",), "not negative")}
        sizes = {"region": len(names), "energy": DEPTH_ENERGIES.size}
        check_headers(file.headers, schema, sizes, where=str(path), fix=_FIX, limit=file.limit)
        arrays = check_numbers({"depth": file.array("depth")}, schema, where=str(path), fix=_FIX)
    return dict(zip(names, arrays["depth"], strict=True))


@lru_cache(maxsize=256)
def _depth(region: str) -> Float64:
    return _packaged()[region] if region in _packaged() else region_depth(region)


def effective_depth(region: str, energies: Sequence[float]) -> Float64:
    """Return the effective depth of a region at some energies [n], GeV; seconds for one that the package lacks."""
    depth = np.maximum(_depth(region), 1e-12)
    at = np.clip(np.log(np.asarray(energies)), np.log(DEPTH_ENERGIES[0]), np.log(DEPTH_ENERGIES[-1]))
    from scipy.interpolate import PchipInterpolator

    found = np.exp(PchipInterpolator(np.log(DEPTH_ENERGIES), np.log(depth))(at))
    return np.where(np.asarray(energies) < DEPTH_ENERGIES[0], 0.0, found)

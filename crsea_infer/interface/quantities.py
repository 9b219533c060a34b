"""The boundary of units: quantities in, plain arrays inside, quantities out.

Inside the package numbers are plain arrays in GeV, cm, s, sr, kpc and GV. Here any convertible unit is accepted, others
are refused with one message, and units are attached to what is returned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from astropy.units import Quantity

    from crsea_infer.emulator.sky_model import Messenger, Request
    from crsea_infer.support.arrays import Float64

__all__ = ["INTENSITY", "cosmic_ray_density", "in_units", "optical_depth", "request_in_units"]

_ON_SKY = "GeV-1 cm-2 s-1 sr-1"
_AT_A_PLACE = "GeV-1 m-2 s-1 sr-1"
INTENSITY: Final = {"gamma": _ON_SKY, "neutrino": _ON_SKY, "proton": _AT_A_PLACE, "helium": _AT_A_PLACE}
"""Messenger -> unit of its intensity; helium per GeV per nucleon."""


def in_units(name: str, quantity: Any, unit: str) -> Float64:
    """Return a quantity as an array [n] of numbers in a unit.

    Raises
    ------
    UserError
        When it has no unit, or one of another kind.
    """
    from astropy import units as u

    try:
        value = u.Quantity(quantity, dtype=float).to_value(unit)
    except (u.UnitConversionError, TypeError, ValueError) as error:
        raise UserError(
            f"{name} = {quantity!r} cannot be converted to {unit}",
            valid=f"an astropy quantity in {unit} or a unit of the same kind",
            fix=f"for example {name}=10 * astropy.units.Unit({unit!r})",
        ) from error
    return np.atleast_1d(value)


def request_in_units(
    energies: Quantity, messenger: Messenger = "gamma", region: str | None = None, radius: Quantity | None = None
) -> Request:
    """Return a request from quantities; see :func:`crsea_infer.inference.prediction.request_for`."""
    from crsea_infer.inference.prediction import request_for

    at = None if radius is None else float(in_units("radius", radius, "kpc")[0])
    return request_for(in_units("energies", energies, "GeV").tolist(), messenger, region, at)


def optical_depth(energies: Quantity, distance: Quantity) -> Quantity:
    """Return the optical depth of gamma rays to pair production on the CMB over a distance (they broadcast).

    Examples
    --------
    >>> import crsea_infer as cr, astropy.units as u
    >>> round(float(cr.optical_depth(2 * u.PeV, 8.5 * u.kpc)[0]), 1)
    1.2
    """
    from astropy import units as u

    from crsea_infer.physics.absorption import cmb_absorption_coefficient

    coefficient = cmb_absorption_coefficient(in_units("energies", energies, "GeV"))
    return u.Quantity(coefficient * in_units("distance", distance, "kpc"))


def cosmic_ray_density(
    rigidities: Quantity, heights: Quantity, *, delta_slope: Quantity, halo_height: Quantity, sources: str = "ferriere"
) -> tuple[Quantity, Quantity]:
    """Return Galactocentric radii [R] and the density relative to the Sun [rigidity, R, z].

    Parameters
    ----------
    rigidities
        Shape [rigidity].
    heights
        Heights above the plane, shape [z].
    delta_slope
        Slope of the exponent of diffusion inside the solar circle, in inverse length.
    halo_height
        Half-thickness of the halo.
    sources
        Name of the source distribution.

    Examples
    --------
    >>> import crsea_infer as cr, astropy.units as u
    >>> radii, density = cr.cosmic_ray_density(
    ...     [10] * u.GV, [0, 4] * u.kpc, delta_slope=0.04 / u.kpc, halo_height=4 * u.kpc
    ... )
    >>> radii.unit, density.shape[0], bool((density[0, :, 1] == 0).all())
    (Unit("kpc"), 1, True)
    """
    from astropy import units as u

    from crsea_infer.physics.transport import TransportSettings, relative_density

    settings = TransportSettings(sources=sources)
    density = relative_density(
        in_units("rigidities", rigidities, "GV"),
        in_units("heights", heights, "kpc"),
        delta_slope=float(in_units("delta_slope", delta_slope, "kpc-1")[0]),
        halo_height=float(in_units("halo_height", halo_height, "kpc")[0]),
        settings=settings,
    )
    return u.Quantity(settings.radii, "kpc"), u.Quantity(density)

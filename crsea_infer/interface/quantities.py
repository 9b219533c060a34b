"""The model with units: functions that take and return astropy quantities.

Inside the package numbers are plain arrays in GeV, cm, s, sr, kpc and GV. These functions are the boundary: they accept
any convertible unit, refuse others with a clear message, and attach units to what they return.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from astropy.units import Quantity

    from crsea_infer.emulator.sky_model import Messenger

__all__ = ["cosmic_ray_density", "flux", "intensity", "optical_depth"]


def _in_units(name: str, quantity: Any, unit: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    from astropy import units as u

    try:
        value = u.Quantity(quantity, dtype=float).to_value(unit)
    except (u.UnitConversionError, TypeError) as error:
        raise UserError(
            f"{name} = {quantity!r} cannot be converted to {unit}",
            valid=f"an astropy quantity in {unit} or a unit of the same kind",
            fix=f"for example {name}=10 * astropy.units.{unit}",
        ) from error
    return np.atleast_1d(value)


def intensity(
    hypothesis: str,
    energies: Quantity,
    *,
    messenger: Messenger = "gamma",
    region: str | None = None,
    radius: Quantity | None = None,
    changes: Mapping[str, float] | None = None,
    exact: bool = False,
    absorption: bool = True,
) -> Quantity:
    """Return the intensity that a hypothesis predicts at its fiducial values.

    Parameters
    ----------
    hypothesis
        Name, as in ``crsea-infer list hypotheses``.
    energies
        Energies (helium: per nucleon), shape [n].
    messenger
        "gamma", "neutrino" (per flavour, neutrinos plus antineutrinos), "proton" or "helium".
    region
        Sky region, for gamma rays and neutrinos: a name or a box.
    radius
        Galactocentric radius, for cosmic rays; None for the Sun.
    changes
        Parameters that differ from their fiducial values.
    exact
        Use the transport solver rather than the emulator.
    absorption
        Whether gamma rays are absorbed on their way.

    Returns
    -------
    Quantity
        Per GeV (GeV/n for helium), cm2, s and sr, shape [n].
    """
    from astropy import units as u

    from crsea_infer.hypotheses.hypothesis import load_hypothesis
    from crsea_infer.inference.prediction import predict

    result = predict(
        load_hypothesis(hypothesis),
        tuple(_in_units("energies", energies, "GeV").tolist()),
        messenger=messenger,
        region=region,
        radius=None if radius is None else float(_in_units("radius", radius, "kpc")[0]),
        changes=changes,
        exact=exact,
        absorption=absorption,
    )["intensity"]
    per_area = u.cm**-2 if messenger in {"gamma", "neutrino"} else u.m**-2
    return u.Quantity(result, per_area / (u.GeV * u.s * u.sr)).to(u.Unit("GeV-1 cm-2 s-1 sr-1"))


def flux(hypothesis: str, energies: Quantity, region: str = "full_sky", **options: Any) -> Quantity:
    """Return the flux of a whole region: mean intensity times solid angle, per GeV, cm2 and s.

    Parameters
    ----------
    hypothesis, energies
        As in :func:`intensity`.
    region
        Sky region; the default is the whole sky.
    **options
        Passed on to :func:`intensity`.
    """
    from astropy import units as u

    from crsea_infer.physics.regions import parse_region

    mean = intensity(hypothesis, energies, region=region, **options)
    return mean * (parse_region(region).solid_angle * u.sr)


def optical_depth(energies: Quantity, distance: Quantity) -> Quantity:
    """Return the optical depth of gamma rays to pair production on the CMB over a distance (they broadcast)."""
    from astropy import units as u

    from crsea_infer.physics.absorption import cmb_absorption_coefficient

    coefficient = cmb_absorption_coefficient(_in_units("energies", energies, "GeV"))
    return u.Quantity(coefficient * _in_units("distance", distance, "kpc"))


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
    """
    from astropy import units as u

    from crsea_infer.physics.transport import TransportSettings, relative_density

    settings = TransportSettings(sources=sources)
    density = relative_density(
        _in_units("rigidities", rigidities, "GV"),
        _in_units("heights", heights, "kpc"),
        delta_slope=float(_in_units("delta_slope", delta_slope, "kpc-1")[0]),
        halo_height=float(_in_units("halo_height", halo_height, "kpc")[0]),
        settings=settings,
    )
    return u.Quantity(settings.radii, "kpc"), u.Quantity(density)

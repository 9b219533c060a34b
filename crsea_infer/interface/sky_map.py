"""Maps of the sky with units: posterior mean and standard deviation per component, and the files made of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from astropy.units import Quantity

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.inference.sky_maps import SkyMapArrays
    from crsea_infer.physics.healpix_pixels import Frame
    from crsea_infer.support.arrays import Float64

__all__ = ["SkyMap", "map_of", "published_map"]

_FRAMES = ("galactic", "icrs")


class SkyMap:
    """HEALPix maps of the gamma-ray or neutrino sky, for each component and energy.

    Parameters
    ----------
    arrays
        The numbers.
    meta
        What they are: hypothesis, run.
    """

    def __init__(self, arrays: SkyMapArrays, meta: Mapping[str, str]) -> None:
        self._arrays, self.meta = arrays, dict(meta)

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the components: the total, pion decay, and what electrons add where a hypothesis has them."""
        return tuple(self._arrays.mean)

    @property
    def energies(self) -> Quantity:
        """Energies [energy]."""
        from astropy import units as u

        return u.Quantity(self._arrays.energies, "GeV")

    @property
    def nside(self) -> int:
        """Resolution."""
        return self._arrays.sky.n_side

    @property
    def ordering(self) -> str:
        """Order of the pixels: RING or NESTED."""
        return "NESTED" if self._arrays.sky.nested else "RING"

    @property
    def frame(self) -> str:
        """Frame of the sky: galactic or icrs."""
        return self._arrays.sky.frame

    def mean(self, component: str = "total") -> Quantity:
        """Return the posterior mean of the intensity [energy, pixel], averaged over each pixel."""
        return self._quantity(self._arrays.mean, component)

    def standard_deviation(self, component: str = "total") -> Quantity:
        """Return the posterior standard deviation of the same [energy, pixel].

        Raises
        ------
        UserError
            When the map is one at published values.
        """
        if not self._arrays.deviation:
            raise UserError("a map at published values has no posterior", valid="the map of a finished run")
        return self._quantity(self._arrays.deviation, component)

    def write(self, path: str | Path, format: str = "healpix", component: str = "total") -> Path:  # noqa: A002 -- as astropy names it
        """Write a FITS file and return its path; one that is there is replaced.

        Parameters
        ----------
        path
            Where to.
        format
            "healpix" (mean and standard deviation of all components, GeV), "mapcube" (the mean, MeV: a diffuse template
            of FERMITOOLS and gammapy) or "icecube" (neutrinos per flavour, frame icrs, with normalised templates).
        component
            That of a mapcube or an IceCube template.
        """
        from crsea_infer.report.sky_map_files import write_sky_map

        destination = Path(path).expanduser()
        write_sky_map(self._arrays, destination, format, self.meta, component)
        return destination

    def _quantity(self, maps: Mapping[str, Float64], component: str) -> Quantity:
        from astropy import units as u

        from crsea_infer.interface.quantities import INTENSITY

        if component not in maps:
            raise unknown_name("component of the map", component, maps)
        return u.Quantity(maps[component], INTENSITY["gamma"])

    def __repr__(self) -> str:
        n = len(self._arrays.energies)
        return f"<Sky map of {self._arrays.messenger}: NSIDE {self.nside}, {self.frame}, {n} energies>"


def map_of(
    model: SkyModel,
    values: Mapping[str, Float64],
    meta: Mapping[str, str],
    *,
    energies: Quantity,
    messenger: str = "gamma",
    nside: int = 64,
    frame: str = "galactic",
    ordering: str = "RING",
) -> SkyMap:
    """Return the map of a sky model; parameters as in :meth:`crsea_infer.FinishedRun.sky_map`."""
    from crsea_infer.inference.sky_maps import sky_map
    from crsea_infer.interface.quantities import in_units
    from crsea_infer.physics.healpix_pixels import Pixelisation

    if frame not in _FRAMES:
        raise unknown_name("frame", str(frame), _FRAMES)
    orders: dict[str, bool] = {"RING": False, "NESTED": True}
    if ordering not in orders:
        raise unknown_name("ordering", str(ordering), orders)
    if isinstance(nside, bool) or not isinstance(nside, int | np.integer):
        raise UserError(f"nside = {nside!r}", valid="a power of 2, such as 64")
    at = in_units("energies", energies, "GeV")
    sky = Pixelisation(int(nside), orders[ordering], cast("Frame", frame))
    arrays: Any = sky_map(model, values, messenger, at.tolist(), sky)
    return SkyMap(arrays, meta)


def published_map(
    hypothesis: str, changes: Mapping[str, float] | None = None, *, physics: Any = None, **request: Any
) -> SkyMap:
    """Return the map of a hypothesis at its published values, without standard deviations.

    Parameters
    ----------
    hypothesis
        Its name.
    changes
        Parameters that differ from their published values.
    physics
        As in :func:`crsea_infer.predict`.
    **request
        `energies`, `messenger`, `nside`, `frame` and `ordering`, as in :meth:`crsea_infer.FinishedRun.sky_map`.
    """
    from crsea_infer.emulator.sky_of_physics import sky_for
    from crsea_infer.inference.prediction import parameter_values
    from crsea_infer.interface.named_posterior import hypothesis_of, sky_model_of
    from crsea_infer.interface.predict import demanding

    found = demanding(hypothesis_of(hypothesis), physics or {})
    model = sky_for(sky_model_of(None), found)
    values = parameter_values(found, changes or {}, model.box)
    drawn = {name: np.atleast_1d(value) for name, value in values.items()}
    return map_of(model, drawn, {"HYPOTHES": found.name}, **request)

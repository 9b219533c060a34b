"""Maps of the sky with units: posterior mean and standard deviation per component, and the files made of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from astropy.units import Quantity
    from matplotlib.figure import Figure

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
    title
        Of the hypothesis.
    regions
        Those that figures outline if no other is asked for.
    """

    def __init__(
        self, arrays: SkyMapArrays, meta: Mapping[str, str], title: str = "", regions: Sequence[str] = ()
    ) -> None:
        self._arrays, self.meta = arrays, dict(meta)
        self._title, self._regions = title, tuple(regions)

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

    def figure(
        self,
        energy: Quantity | None = None,
        *,
        component: str = "total",
        regions: Sequence[str] | None = None,
        projection: str = "mollweide",
    ) -> Figure:
        """Draw the posterior mean at an energy, with outlines of regions and of what their masks take off.

        Parameters
        ----------
        energy
            One of the map's; the first by default.
        component
            As for :meth:`mean`.
        regions
            Names or boxes, as :func:`crsea_infer.predict` takes them; by default those of the data of the run.
        projection
            "mollweide" for the whole sky, "strip" for the plane, or the part of it where regions are.

        Raises
        ------
        UserError
            When the map has no such energy or component, or there is no such region or projection.

        Examples
        --------
        With ``sky = crsea_infer.open_run("results").sky_map("base-min", energies=[1, 10] * u.TeV)``:

        >>> from astropy import units as u
        >>> sky.figure(10 * u.TeV, regions=["lhaaso_inner"], projection="strip").axes[0].get_xlabel()
        'Galactic longitude $l$  [deg]'
        """
        from crsea_infer.physics.regions import parse_region
        from crsea_infer.report.figures.sky_map_figures import sky_map_figure
        from crsea_infer.report.layout.figure_words import MESSENGERS, component_words

        number = 0 if energy is None else self._number(energy)
        values = self.mean(component).value[number]
        shown = self._arrays.energies[number]
        at = f"{shown / 1e3:g} TeV" if shown >= 1e3 else f"{shown:g} GeV"
        what = f"{MESSENGERS[self._arrays.messenger]}, {component_words(component)}"
        return sky_map_figure(
            np.asarray(values),
            self._arrays.sky,
            title=f"{self._title}: {what}" if self._title else what,
            label=f"intensity at {at}  [GeV$^{{-1}}$ cm$^{{-2}}$ s$^{{-1}}$ sr$^{{-1}}$]",
            regions=[parse_region(name) for name in (self._regions if regions is None else regions)],
            projection=projection,
        )

    def _number(self, energy: Quantity) -> int:
        """Return the place of an energy."""
        from crsea_infer.interface.quantities import in_units

        (wanted,) = np.atleast_1d(in_units("energy", energy, "GeV"))
        near = np.flatnonzero(np.isclose(self._arrays.energies, wanted, rtol=1e-6))
        if near.size == 0:
            raise UserError(
                f"the map has no energy of {wanted:g} GeV",
                valid=", ".join(f"{one:g} GeV" for one in self._arrays.energies),
            )
        return int(near[0])

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
    title: str = "",
    regions: Sequence[str] = (),
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
    return SkyMap(arrays, meta, title, regions)


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
    from crsea_infer.inference.prediction import parameter_values, request_for, settable
    from crsea_infer.interface.named_posterior import hypothesis_of, sky_model_of
    from crsea_infer.interface.predict import demanding

    found = demanding(hypothesis_of(hypothesis), physics or {})
    model = sky_for(sky_model_of(None), found)
    everywhere = request_for([1e3], "neutrino" if request.get("messenger") == "neutrino" else "gamma", "full_sky")
    values = parameter_values(found, changes or {}, model.box, settable(found, model, [everywhere]))
    drawn = {name: np.atleast_1d(value) for name, value in values.items()}
    return map_of(model, drawn, {"HYPOTHES": found.name}, title=found.title, **request)

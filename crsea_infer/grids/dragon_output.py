"""Full output of DRAGON2: cosmic-ray densities in (z, R, E), read into spectra and into responses of sky regions.

Layout (DRAGON2, two-dimensional runs): the primary HDU carries the set-up in its header (rmin, rmax, zmin, zmax in kpc,
robs, zobs, Ekmin, Ekin_fac, dimE, dimr, dimz, D0, ...); then one float32 image per species with keys Z_, A, Sec, DM
and EXTRA, axes (z, R, E) in NumPy order, in (GeV/n)^-1 m^-2 s^-1 sr^-1 (DRAGON2 stores the density of nuclei times A),
at kinetic energies per nucleon Ekmin Ekin_fac^i. Primary, secondary and other parts of one nuclide stand in HDUs of
their own and are summed.

Responses follow from the project's own emission stage: the density relative to the Sun, at the nodes in (R, z) of the
transport grid, contracted with the weights of the regions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.physics.geometry import LineOfSight, region_weights
from crsea_infer.physics.local_spectrum import rigidity
from crsea_infer.physics.region_response import rigidity_nodes
from crsea_infer.physics.transport import TransportSettings
from crsea_infer.support.errors import UserError
from crsea_infer.support.fits import Key, read_hdus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.physics.gas import GasColumns
    from crsea_infer.physics.regions import Region
    from crsea_infer.support.arrays import Float64
    from crsea_infer.support.fits import Hdu

__all__ = ["SPECIES", "DragonOutput", "DragonResponse", "dragon_response", "read_dragon"]

SPECIES: Final[Mapping[str, tuple[tuple[int, int], ...]]] = {"proton": ((1, 1), (1, 2)), "helium": ((2, 3), (2, 4))}
"""Nuclides (Z, A) that count as protons and as helium."""

_KEYS: Final = ("rmin", "rmax", "zmin", "zmax", "robs", "zobs", "Ekmin", "Ekin_fac")
_SETUP: Final = ("Ekmax", "D0", "Drefrig", "ind_diff", "He_ab", "vAlfven", "v0_conv", "dvdz_conv", "gasmod", "SNRmod")
_SPECIES_WORDS: Final = "the charge (Z_) and mass number (A) of the species"
_LARGEST_DECADE: Final = 15  # of energies, GeV
_REWRITE: Final = "write it again with DRAGON2 and full output (fullstore)"


@dataclass(frozen=True)
class DragonOutput:
    """One run of DRAGON2.

    Attributes
    ----------
    energies
        Kinetic energy per nucleon, GeV, shape [n_energies].
    radii, heights
        kpc, shapes [n_radii] and [n_heights].
    sun
        (R, z) of the observer, kpc.
    densities
        (Z, A) -> intensity, (GeV/n)^-1 m^-2 s^-1 sr^-1, shape [n_heights, n_radii, n_energies].
    n_images
        (Z, A) -> number of HDUs that were summed.
    setup
        Numbers of the header worth keeping.
    """

    energies: Float64
    radii: Float64
    heights: Float64
    sun: tuple[float, float]
    densities: Mapping[tuple[int, int], Float64]
    n_images: Mapping[tuple[int, int], int]
    setup: Mapping[str, float]

    def density(self, species: str) -> Float64:
        """Return the intensity of protons or helium, shape [n_heights, n_radii, n_energies].

        Raises
        ------
        UserError
            When the run holds no such nuclide.
        """
        parts = [self.densities[nuclide] for nuclide in SPECIES[species] if nuclide in self.densities]
        if not parts:
            raise UserError(
                f"the DRAGON output holds no {species}",
                valid=", ".join(f"Z={z} A={a}" for z, a in SPECIES[species]),
                fix=f"it holds {', '.join(f'Z={z} A={a}' for z, a in self.densities)}",
            )
        return np.asarray(np.sum(parts, axis=0), dtype=np.float64)

    def at(self, species: str, radii: Float64, heights: Float64) -> Float64:
        """Return the intensity at places in the Galaxy, shape [n_radii, n_heights, n_energies].

        The halo is taken as symmetric about the plane; beyond the simulated volume there are no cosmic rays.
        """
        from scipy.interpolate import make_interp_spline

        density = self.density(species)
        folded = np.asarray(heights, dtype=float)
        sides = [folded] if self.heights[0] > -1e-9 else [folded, -folded]
        result = np.zeros((len(radii), len(folded), self.energies.size))
        along_radius = make_interp_spline(self.radii, density, k=min(3, self.radii.size - 1), axis=1)
        inside = np.clip(radii, self.radii[0], self.radii[-1])
        at_radii = np.asarray(along_radius(inside))  # [height, radius, energy]
        vertical = make_interp_spline(self.heights, at_radii, k=min(3, self.heights.size - 1), axis=0)
        for side in sides:
            values = np.asarray(vertical(np.clip(side, self.heights[0], self.heights[-1])))
            within = (side >= self.heights[0]) & (side <= self.heights[-1])
            result += np.moveaxis(values * within[:, None, None], 0, 1) / len(sides)
        # a cubic may swing below zero where the density falls to zero at the rim
        return np.asarray(np.maximum(result, 0.0) * (np.asarray(radii) <= self.radii[-1])[:, None, None])

    def local(self, species: str) -> Float64:
        """Return the spectrum at the Sun, shape [n_energies]."""
        return self.at(species, np.array([self.sun[0]]), np.array([self.sun[1]]))[0, 0, :]

    def radial(self, species: str, radii: Float64) -> Float64:
        """Return spectra in the plane, shape [n_radii, n_energies]."""
        return self.at(species, np.asarray(radii, dtype=float), np.zeros(1))[:, 0, :]


def read_dragon(path: Path) -> DragonOutput:
    """Read the full output of a two-dimensional run.

    Raises
    ------
    UserError
        One message: missing, truncated or foreign file; a header key absent or senseless; an image whose axes do not
        fit the header; spectra alone; three-dimensional runs; densities NaN or negative.
    """
    header, images = _load(path)
    missing = [key for key in _KEYS if not header.has(key)]
    if missing:
        raise header.refuse(
            f"the header lacks {', '.join(missing)}",
            ", ".join(_KEYS),
            "it must be the full output NAME.fits.gz, not NAME_spectrum.fits.gz",
        )
    values = {key: header.value(Key(key, float)) for key in _KEYS}
    shape = _shape(header, images)
    if values["Ekin_fac"] <= 1 or values["Ekmin"] <= 0:
        raise header.refuse(
            f"Ekmin = {values['Ekmin']:g}, Ekin_fac = {values['Ekin_fac']:g}",
            "Ekmin > 0 GeV and Ekin_fac > 1: energies Ekmin Ekin_fac^i that increase",
        )
    top = np.log10(values["Ekmin"]) + (shape[2] - 1) * np.log10(values["Ekin_fac"])
    if top > _LARGEST_DECADE:
        raise header.refuse(
            f"Ekmin = {values['Ekmin']:g} and Ekin_fac = {values['Ekin_fac']:g} lead to 10^{top:.0f} GeV",
            f"energies up to 10^{_LARGEST_DECADE} GeV",
        )
    for low, high in (("rmin", "rmax"), ("zmin", "zmax")):
        if not values[low] < values[high] or (low == "rmin" and values[low] < 0):
            raise header.refuse(f"{low} = {values[low]:g}, {high} = {values[high]:g}", f"{low} < {high}, in kpc")
    densities: dict[tuple[int, int], Float64] = {}
    counts: dict[tuple[int, int], int] = {}
    for image in images:
        nuclide = image.value(Key("Z_", int, _SPECIES_WORDS)), image.value(Key("A", int, _SPECIES_WORDS))
        image.value(Key("BITPIX", int, "-32 or -64: densities are no whole numbers", high=-32))
        density = image.image()
        if density.shape != shape:
            raise image.refuse(f"has the axes {density.shape}", f"(z, R, E) = {shape}", _REWRITE)
        if not np.isfinite(density).all() or (density < 0).any():
            raise image.refuse(
                f"Z={nuclide[0]}, A={nuclide[1]} holds values that are NaN or negative",
                "densities not below 0",
                "run DRAGON2 again, with smaller time steps if it did not converge",
            )
        densities[nuclide] = densities.get(nuclide, 0.0) + density
        counts[nuclide] = counts.get(nuclide, 0) + 1
    output = DragonOutput(
        energies=np.asarray(values["Ekmin"] * values["Ekin_fac"] ** np.arange(shape[2]), dtype=np.float64),
        radii=np.linspace(values["rmin"], values["rmax"], shape[1]),
        heights=np.linspace(values["zmin"], values["zmax"], shape[0]),
        sun=(values["robs"], values["zobs"]),
        densities=densities,
        n_images=counts,
        setup={key: header.value(Key(key, float)) for key in (*_KEYS, *_SETUP) if header.has(key)},
    )
    if not (
        output.radii[0] <= output.sun[0] < output.radii[-1] and output.heights[0] <= output.sun[1] <= output.heights[-1]
    ):
        raise header.refuse(
            f"the Sun at R = {output.sun[0]:g}, z = {output.sun[1]:g} kpc is outside the grid",
            f"R from {output.radii[0]:g} to {output.radii[-1]:g} kpc, z from {output.heights[0]:g} to "
            f"{output.heights[-1]:g} kpc",
        )
    return output


def _load(path: Path) -> tuple[Hdu, list[Hdu]]:
    """Return the header and the images of the species."""
    header, *images = read_hdus(path, what="DRAGON output", written_by="DRAGON2")
    if not images or any(image.kind != "image" or not image.data for image in images):
        raise UserError(f"{path} holds no species", valid="one image per species after the header", fix=_REWRITE)
    if images[0].value(Key("NAXIS", int)) == 1:
        raise _only_a_spectrum(path)
    return header, images


def _shape(header: Hdu, images: list[Hdu]) -> tuple[int, int, int]:
    """Return the sizes of the axes (z, R, E) of a two-dimensional run."""
    first = images[0]
    n_axes = first.value(Key("NAXIS", int))
    if header.has("dimx") or header.has("xobs") or n_axes != 3:
        raise header.refuse(
            f"the run has {n_axes} axes per species",
            "a two-dimensional run: z, R, E",
            "average a three-dimensional run over azimuth first",
        )
    shape = (first.value(Key("NAXIS3", int)), first.value(Key("NAXIS2", int)), first.value(Key("NAXIS1", int)))
    for key, size in zip(("dimz", "dimr", "dimE"), shape, strict=True):
        said = header.value(Key(key, int, "a whole number", default=size))
        if said != size:
            raise header.refuse(f"{key} = {said}, but the images have {size}", "axes (z, R, E) as the header says")
    if min(shape) < 2:
        raise header.refuse(f"has the axes {shape}", "at least 2 points along z, R and E")
    return shape


def _only_a_spectrum(path: Path) -> UserError:
    """Return the error for the file of spectra at the Sun that DRAGON2 writes beside its full output."""
    name, mark, ending = path.name.partition("_spectrum")
    full = f"{name}{ending}" if mark and ending.startswith(".fits") else "NAME.fits.gz"
    beside = ", which lies beside it" if mark and path.with_name(full).is_file() else ""
    return UserError(
        f"{path} holds spectra at the Sun alone, images with one axis: it is the file NAME_spectrum.fits.gz of a run",
        valid="the full output NAME.fits.gz of the same run: images of (z, R, E)",
        fix=f"give {full}{beside}" if beside else f"give {full}; if the run did not keep it, {_REWRITE}",
    )


@dataclass(frozen=True)
class DragonResponse:
    """What sky regions receive per unit of the run's own spectrum at the Sun.

    Attributes
    ----------
    rigidities
        Nodes, GV, shape [n_rigidity]; they span what the run covers for both species.
    responses
        Species -> effective columns, cm^-2, shape [region, component, absorption, rigidity].
    """

    rigidities: Float64
    responses: Mapping[str, Float64]


def dragon_response(
    output: DragonOutput,
    regions: Sequence[Region],
    *,
    n_rigidity: int = 16,
    transport: TransportSettings | None = None,
    line_of_sight: LineOfSight | None = None,
    gas: GasColumns | None = None,
) -> DragonResponse:
    """Turn densities into responses through the project's emission stage.

    Parameters
    ----------
    output
        The run.
    regions
        Sky regions.
    n_rigidity
        Number of Chebyshev nodes in the logarithm of rigidity.
    transport
        For its radial nodes only: nothing is solved.
    line_of_sight, gas
        As for the built-in grid.

    Raises
    ------
    UserError
        When the run lacks protons or helium, or covers less than two decades of rigidity.
    """
    from crsea_infer.physics.gas import load_gas

    transport = transport or TransportSettings()
    sight = line_of_sight or LineOfSight()
    weights = region_weights(
        regions, load_gas() if gas is None else gas, transport.radii, disc_radius=transport.disc_radius, settings=sight
    )
    flat = weights.reshape(*weights.shape[:3], -1)
    covered = {species: np.asarray(rigidity(species, output.energies)) for species in SPECIES}  # type: ignore[arg-type]
    low = max(1.0, *(float(at[0]) for at in covered.values()))
    high = min(1e9, *(float(at[-1]) for at in covered.values()))
    if high < 100.0 * low:
        raise UserError(
            f"the DRAGON output covers rigidities from {low:.3g} to {high:.3g} GV",
            valid="at least two decades",
            fix="run DRAGON2 with a larger Ekmax",
        )
    nodes = rigidity_nodes(n_rigidity, (low, high))
    responses = {}
    for species, at in covered.items():
        local = output.local(species)
        if not (local > 0).all():
            raise UserError(f"the {species} spectrum at the Sun vanishes", valid="densities above 0 at robs, zobs")
        relative = output.at(species, transport.radii, sight.heights) / local  # [R, z, energy]
        at_nodes = _in_log_rigidity(at, relative, nodes)
        responses[species] = flat @ at_nodes.reshape(-1, n_rigidity)
    return DragonResponse(nodes, responses)


def _in_log_rigidity(at: Float64, values: Float64, nodes: Float64) -> Float64:
    from scipy.interpolate import make_interp_spline

    inside = np.clip(np.log(nodes), np.log(at[0]), np.log(at[-1]))
    return np.asarray(make_interp_spline(np.log(at), values, k=min(3, at.size - 1), axis=-1)(inside))

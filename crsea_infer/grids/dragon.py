"""Full output of DRAGON2: cosmic-ray densities in (z, R, E), read into spectra and into responses of sky regions.

Layout (DRAGON2, two-dimensional runs): the primary HDU carries the set-up in its header (rmin, rmax, zmin, zmax in kpc,
robs, zobs, Ekmin, Ekin_fac, dimE, dimr, dimz, D0, ...); then one float32 image per species with keys Z_, A, Sec, DM
and EXTRA, axes (z, R, E) in NumPy order, in GeV^-1 m^-2 s^-1 sr^-1, at kinetic energies per nucleon Ekmin Ekin_fac^i.
Primary, secondary and other parts of one nuclide stand in HDUs of their own and are summed.

Responses follow from the project's own emission stage: the density relative to the Sun, at the nodes in (R, z) of the
transport grid, contracted with the weights of the regions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.errors import UserError
from crsea_infer.grids.fits_files import open_whole
from crsea_infer.physics.geometry import LineOfSight, region_weights
from crsea_infer.physics.local_spectrum import rigidity
from crsea_infer.physics.response import rigidity_nodes
from crsea_infer.physics.transport import TransportSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.arrays import Float64
    from crsea_infer.physics.gas import GasColumns
    from crsea_infer.physics.regions import Region

__all__ = ["SPECIES", "DragonOutput", "DragonResponse", "dragon_response", "read_dragon"]

SPECIES: Final[Mapping[str, tuple[tuple[int, int], ...]]] = {"proton": ((1, 1), (1, 2)), "helium": ((2, 3), (2, 4))}
"""Nuclides (Z, A) that count as protons and as helium."""

_KEYS: Final = ("rmin", "rmax", "zmin", "zmax", "robs", "zobs", "Ekmin", "Ekin_fac")
_SETUP: Final = ("Ekmax", "D0", "Drefrig", "ind_diff", "He_ab", "vAlfven", "v0_conv", "dvdz_conv", "gasmod", "SNRmod")
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
        fit the header; three-dimensional runs; densities NaN or negative.
    """
    header, images = _load(path)
    missing = [key for key in _KEYS if key not in header]
    if missing:
        raise UserError(
            f"{path}: the header lacks {', '.join(missing)}",
            valid=", ".join(_KEYS),
            fix="it must be the full output NAME.fits.gz, not NAME_spectrum.fits.gz",
        )
    values = {key: float(header[key]) for key in _KEYS}
    shape = _shape(path, header, images)
    if values["Ekin_fac"] <= 1 or values["Ekmin"] <= 0:
        raise UserError(
            f"{path}: Ekmin = {values['Ekmin']:g}, Ekin_fac = {values['Ekin_fac']:g}",
            valid="Ekmin > 0 GeV and Ekin_fac > 1: energies Ekmin Ekin_fac^i that increase",
        )
    densities: dict[tuple[int, int], Float64] = {}
    counts: dict[tuple[int, int], int] = {}
    for number, own, data in images:
        if "Z_" not in own or "A" not in own:
            raise UserError(f"{path}, HDU {number}: Z_ or A is absent", valid="the charge and mass of the species")
        image = np.asarray(data, dtype=np.float64)
        if image.shape != shape:
            raise UserError(
                f"{path}, HDU {number} has the axes {image.shape}", valid=f"(z, R, E) = {shape}", fix=_REWRITE
            )
        nuclide = int(own["Z_"]), int(own["A"])
        if not np.isfinite(image).all() or (image < 0).any():
            raise UserError(
                f"{path}, HDU {number} (Z={nuclide[0]}, A={nuclide[1]}) holds values that are NaN or negative",
                valid="densities not below 0",
                fix="run DRAGON2 again, with smaller time steps if it did not converge",
            )
        densities[nuclide] = densities.get(nuclide, 0.0) + image
        counts[nuclide] = counts.get(nuclide, 0) + 1
    output = DragonOutput(
        energies=np.asarray(values["Ekmin"] * values["Ekin_fac"] ** np.arange(shape[2]), dtype=np.float64),
        radii=np.linspace(values["rmin"], values["rmax"], shape[1]),
        heights=np.linspace(values["zmin"], values["zmax"], shape[0]),
        sun=(values["robs"], values["zobs"]),
        densities=densities,
        n_images=counts,
        setup={key: float(header[key]) for key in (*_KEYS, *_SETUP) if key in header},
    )
    if not (output.radii[0] <= output.sun[0] < output.radii[-1] and output.heights[0] <= output.sun[1]):
        raise UserError(
            f"{path}: the Sun at R = {output.sun[0]:g}, z = {output.sun[1]:g} kpc is outside the grid",
            valid=f"R from {output.radii[0]:g} to {output.radii[-1]:g} kpc",
        )
    return output


def _load(path: Path) -> tuple[Any, list[tuple[int, Any, Any]]]:
    with open_whole(path, what="DRAGON output", written_by="DRAGON2") as hdus:
        images = [(i, hdu.header, hdu.data) for i, hdu in enumerate(hdus[1:], start=1)]
        header = hdus[0].header
    if not images or any(data is None for _, _, data in images):
        raise UserError(f"{path} holds no species", valid="one image per species after the header", fix=_REWRITE)
    return header, images


def _shape(path: Path, header: Any, images: list[tuple[int, Any, Any]]) -> tuple[int, int, int]:
    if "dimx" in header or "xobs" in header or images[0][2].ndim != 3:
        raise UserError(
            f"{path} has {images[0][2].ndim} axes per species",
            valid="a two-dimensional run: z, R, E",
            fix="average a three-dimensional run over azimuth first",
        )
    shape: tuple[int, int, int] = images[0][2].shape
    for key, size in zip(("dimz", "dimr", "dimE"), shape, strict=True):
        if key in header and int(header[key]) != size:
            raise UserError(
                f"{path}: {key} = {header[key]}, but the images have {size}", valid="axes (z, R, E) as the header says"
            )
    if min(shape) < 2:
        raise UserError(f"{path} has the axes {shape}", valid="at least 2 points along z, R and E")
    return shape


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

"""Intensities of imported DRAGON2 runs: their own spectra at the Sun, folded with their own responses.

An imported run has no parameters for its local spectra: they are tables. They are interpolated in log-log onto the
energies of the contraction, which is the same as for the built-in grid, species by species.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.emulator.response.fold import SpectralFold
from crsea_infer.grids.dragon_file import read_dragon_dataset
from crsea_infer.grids.spectra_grid import Parameter, SpectraGrid, Spectrum
from crsea_infer.physics.local_spectrum import rigidity
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import xarray as xr

    from crsea_infer.physics.hadronic import Product
    from crsea_infer.support.arrays import Float64

__all__ = ["DECADES_ABOVE", "dragon_intensities", "dragon_spectra_grid", "read_dragon_grid"]

DECADES_ABOVE: Final = 2.5
"""Decades of cosmic-ray energy that a run must hold above a gamma ray or neutrino; less loses a per cent of it."""


def read_dragon_grid(path: Path) -> xr.Dataset:
    """Read a file of ``grid import dragon``.

    Raises
    ------
    UserError
        When the file is missing, unreadable, something else, or was changed since it was written.
    """
    from crsea_infer.grids.spectra_grid import grid_kind

    kind = grid_kind(path)
    if kind != "dragon":
        raise UserError(
            f"{path} is a grid of kind {(kind or 'unknown')[:60]!r}",
            valid="a file of: crsea-infer grid import dragon",
        )
    return read_dragon_dataset(path)


def _check_energies(energies: Float64, grid: xr.Dataset) -> None:
    kinetic = grid["energy"].values
    lowest_rigidity = float(np.exp(np.log(grid["rigidity"].values).min()))
    low = next(
        (float(e) for e in kinetic if float(rigidity("proton", e)) >= lowest_rigidity and e >= 1.0), float(kinetic[0])
    )
    high = float(kinetic[-1]) / 10**DECADES_ABOVE
    if not (energies.min() >= low * (1 - 1e-9) and energies.max() <= high * (1 + 1e-9)):
        raise UserError(
            f"energies from {energies.min():g} to {energies.max():g} GeV of imported runs",
            valid=f"{low:.3g} to {high:.3g} GeV: the runs hold cosmic rays up to {kinetic[-1]:.3g} GeV/n",
            fix="ask for lower energies, or run DRAGON2 with a larger Ekmax",
        )


def dragon_intensities(grid: xr.Dataset, product: Product, energies: Float64, *, absorb: bool = True) -> Float64:
    """Return mean intensities of the regions, GeV^-1 cm^-2 s^-1 sr^-1, shape [point, region, component, n_energies].

    Parameters
    ----------
    grid
        Of kind "dragon".
    product
        "gamma" or "neutrino" (per flavour).
    energies
        GeV, shape [n_energies].
    absorb
        Whether gamma rays are absorbed on the CMB.

    Raises
    ------
    UserError
        When the runs do not hold cosmic rays of the energies that are needed.
    """
    from scipy.interpolate import make_interp_spline

    energies = np.asarray(energies, dtype=float)
    _check_energies(energies, grid)
    fold = SpectralFold.for_energies(product, energies, grid["rigidity"].values, absorb=absorb)
    kinetic = np.log(grid["energy"].values)
    beyond = fold.kinetic > grid["energy"].values[-1] * (1 + 1e-9)
    halves = dict(zip(("proton", "helium"), np.split(fold.matrix, 2), strict=True))
    total = 0.0
    for species, matrix in halves.items():
        local = grid["local"].sel(species=species).values
        spectrum = np.exp(make_interp_spline(kinetic, np.log(local), axis=-1)(np.log(fold.kinetic)))
        moments = (np.where(beyond, 0.0, spectrum) @ matrix).reshape(len(local), 1, 1, energies.size, -1)
        columns = fold.columns(grid["response"].sel(species=species).values)
        total = total + np.sum(columns * moments, axis=-1)
    return np.asarray(total)


def dragon_spectra_grid(grid: xr.Dataset, energies: Sequence[float] | None = None) -> SpectraGrid:
    """Return the spectra grid of imported runs: gamma rays, neutrinos, and cosmic rays at the Sun.

    Parameters
    ----------
    grid
        Of kind "dragon".
    energies
        GeV; default: eight per decade, from 10 GeV to as far as the runs allow.
    """
    kinetic = grid["energy"].values
    if energies is None:
        top = kinetic[-1] / 10**DECADES_ABOVE
        if top < 20.0:
            raise UserError(
                f"the runs end at {kinetic[-1]:.3g} GeV/n",
                valid=f"at least {20 * 10**DECADES_ABOVE:.0f} GeV/n for gamma rays above 10 GeV",
                fix="run DRAGON2 with a larger Ekmax",
            )
        energies = tuple(np.geomspace(10.0, top, int(8 * np.log10(top / 10.0)) + 2).tolist())
    at = np.asarray(energies, dtype=float)
    spectra: list[Spectrum] = []
    parts: list[Float64] = []
    products: tuple[Product, ...] = ("gamma", "neutrino")
    for product in products:
        values = dragon_intensities(grid, product, at)
        for r, region in enumerate(grid["region"].values.tolist()):
            for c, component in enumerate(grid["component"].values.tolist()):
                spectra.append(Spectrum(product, region, component, tuple(at.tolist())))
                parts.append(values[:, r, c])
    for species in grid["species"].values.tolist():
        spectra.append(Spectrum(species, None, species, tuple(kinetic.tolist())))
        parts.append(grid["local"].sel(species=species).values)
    parameters = tuple(Parameter(**content) for content in json.loads(grid.attrs["parameters"]))
    points = np.array([grid[p.name].values for p in parameters]).reshape(len(parameters), grid.sizes["point"]).T
    provenance = {**json.loads(grid.attrs["provenance"]), "dragon_grid": grid.attrs["hash"]}
    return SpectraGrid(parameters, points, tuple(spectra), np.concatenate(parts, axis=1), provenance)

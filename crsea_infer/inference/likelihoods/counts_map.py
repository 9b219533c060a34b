"""Photon counts on the sky: a user's own Fermi-LAT selection, compared as counts.

Counts in HEALPix pixels and energy bins are summed over sky regions. With n_rb the counts in region r and bin b,

    mu_rb = exp(eta w) ( integral over b of I_r(E) X_r(E) dE + n_iso integral of I_iso(E) X_r(E) dE + sum_s n_s S_srb )
    ln L = sum over r, b of n ln mu - mu - ln n!

times exp(eta_k w_krb) for further scales (a tilt of the exposure with energy, an error of each region), where I_r is
the predicted mean intensity of the region, X_r the exposure summed over its pixels times their solid
angle, I_iso the isotropic background, S_s the counts expected from source template s at norm 1, and eta ~ N(0, 1) a
common scale of the effective area of relative width w. A mask leaves pixels out, of the sky model's region as of the
counts.
The sky model gives mean intensities, so the exposure should vary little over a region, and the point-spread function is
not applied, so regions should be larger than it: several degrees below 1 GeV, half a degree above 10 GeV.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from scipy import special

from crsea_infer.content.measurements import Column, Provenance, read_table
from crsea_infer.content.toml_files import validate
from crsea_infer.emulator.sky_model import Request
from crsea_infer.inference.likelihoods.best_nuisances import minimise, pull_of
from crsea_infer.inference.likelihoods.common_error import is_noticeable
from crsea_infer.inference.likelihoods.counts_entries import CountsMapEntry
from crsea_infer.inference.likelihoods.counts_scales import scale, scales_of
from crsea_infer.inference.likelihoods.energy_bins import bin_integral
from crsea_infer.inference.likelihoods.extra_components import norm_parameter, power_law_between
from crsea_infer.inference.likelihoods.healpix_cubes import HealpixCube, read_counts_cube, read_exposure_cube
from crsea_infer.inference.likelihoods.likelihood import CommonEntry, DataSet, LikelihoodFolder
from crsea_infer.physics.regions import Region, parse_region
from crsea_infer.support.arrays import Array, Float64, array_namespace
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import file_digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.hypotheses.prior_sets import Parameter

__all__ = ["CountsMap"]

_ISOTROPIC = (Column("energy", "GeV", "positive"), Column("intensity", "1 / (GeV cm2 s sr)", "positive"))


@dataclass(frozen=True, eq=False)
class CountsMap(DataSet):
    """Counts in sky regions and energy bins.

    A data point is one region and bin; points run over the bins of the first region, then of the second, and so on.

    Attributes
    ----------
    values
        Counts [n_data].
    energy_min, energy_max
        Bins of the points [n_data], GeV.
    folding
        [n_energies, n_bins] for each region: turns intensities into expected counts.
    added
        Expected counts of each extra component at norm 1 [n_components, n_data].
    norms
        Their norms.
    exposure_error, exposure_error_name
        Width w of the common scale (0: none), and the name of eta.
    scales, scale_widths
        The eta_k of further scales, and their widths [n_scales, n_data].
    """

    column_units: ClassVar[Mapping[str, tuple[str, str]]] = {
        "values": ("", "counts in a region and bin; all bins of the first region, then of the second, and so on"),
        "energy_min": ("GeV", "lower edge of the bin"),
        "energy_max": ("GeV", "upper edge of the bin"),
    }
    Settings: ClassVar[type[CommonEntry]] = CountsMapEntry
    simulates_batches: ClassVar[bool] = True

    values: Float64
    energy_min: Float64
    energy_max: Float64
    folding: tuple[Float64, ...]
    added: Float64
    norms: tuple[Parameter, ...]
    exposure_error: float
    exposure_error_name: str
    scales: tuple[Parameter, ...]
    scale_widths: Float64

    @classmethod
    def read(cls, folder: LikelihoodFolder) -> Self:
        """Read a data set's folder.

        Raises
        ------
        UserError
            When `likelihood.toml`, a table or a cube is not valid, or they do not fit together.
        """
        entry = validate(CountsMapEntry, folder.settings, folder.where)
        home = folder.path.parent
        counts = read_counts_cube(home / entry.counts)
        exposure = read_exposure_cube(home / entry.exposure, counts.sky.frame)
        bins = _bins(counts.energies, entry, folder.where)
        low, high = counts.energies[bins], counts.energies[bins + 1]
        if not entry.regions:
            raise UserError(f"{folder.where}: regions is empty", valid="at least one sky region")
        regions = [_with_mask(parse_region(text), entry, home, folder.where) for text in entry.regions]
        rows = _rows(counts, regions, folder.where)
        nodes = [bin_integral(float(first), float(last)) for first, last in zip(low, high, strict=True)]
        energies = np.concatenate([energy for energy, _ in nodes])
        folding = tuple(_folding(counts, exposure, at, nodes) for at in rows)
        norms, added = _added(entry, folder, counts, rows, bins, folding, energies)
        hashes = {name: file_digest(home / name) for name in _files(entry)}
        energy_min, energy_max = np.tile(low, len(regions)), np.tile(high, len(regions))
        scales, widths = scales_of(entry, folder.name, entry.reference, energy_min, energy_max)
        return cls(
            name=folder.name,
            title=entry.title,
            label=entry.label,
            region=regions[0].name if len(regions) == 1 else None,
            citations=tuple(text.strip() for text in entry.citations),
            provenance=Provenance(entry.reference, entry.selection, "counts", entry.counts),
            settings={**entry.model_dump(exclude={"mask"}), "files_sha256": hashes},  # the requests have the mask
            requests=tuple(Request("gamma", tuple(energies.tolist()), region.name) for region in regions),
            values=np.concatenate([counts.checked(at, bins).sum(axis=0) for at in rows]),
            energy_min=energy_min,
            energy_max=energy_max,
            folding=folding,
            added=added,
            norms=norms,
            exposure_error=entry.exposure_error,
            exposure_error_name=entry.exposure_error_name or f"{folder.name}_exposure",
            scales=scales,
            scale_widths=widths,
        )

    @property
    def n_data(self) -> int:
        """Number of regions times number of bins."""
        return int(self.values.shape[-1])

    @cached_property
    def nuisances(self) -> tuple[Parameter, ...]:
        """The norms of the added components, the scale of the effective area if it has a width, and further scales."""
        if not self.exposure_error:
            return (*self.norms, *self.scales)
        own = self.exposure_error_name == f"{self.name}_exposure"
        label = self.label if own else self.exposure_error_name  # data sets that share it call it the same
        text = f"common scale of the effective area of {self.label}, in standard deviations"
        common = scale(self.exposure_error_name, label, text, self.provenance.reference, self.name)
        return (*self.norms, common, *self.scales)

    def with_model_error(self, relative_error: float) -> Self:
        """Return the same counts with the sky model's relative error in the width of their common scale.

        An error far below the Poisson error of all counts together is left out.
        """
        total = np.array([self.values.sum()])
        if not is_noticeable(relative_error, total, np.sqrt(total)):
            return self
        return replace(self, exposure_error=math.hypot(self.exposure_error, relative_error))

    def binned_prediction(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array] | None = None) -> Array:
        """Return the expected counts [..., n_data] at the nominal effective area."""
        xp = array_namespace(*predictions)
        parts = [intensity @ xp.asarray(folding) for intensity, folding in zip(predictions, self.folding, strict=True)]
        total = xp.concat(parts, axis=-1)
        for norm, counts in zip(self.norms, self.added, strict=True):
            value = norm.fiducial if nuisances is None else nuisances[norm.name]
            total = total + xp.asarray(value)[..., None] * counts
        return total

    def log_likelihood_pointwise(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return ln p of the counts of each region and bin [..., n_data]."""
        xp, mu = self._expected(predictions, nuisances)
        # at mu = n and below it: terms of the size of n that nearly cancel would cost single precision its digits
        at_best = special.xlogy(self.values, self.values) - self.values - special.gammaln(self.values + 1.0)
        return at_best - self._half_deviance(xp, mu)

    def log_likelihood(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return ln p(data) [...]."""
        terms = self.log_likelihood_pointwise(predictions, nuisances)
        return array_namespace(terms).sum(terms, axis=-1)

    def chi2(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return the Poisson deviance 2 sum(mu - n + n ln(n / mu)) [...] plus the pulls of the nuisances."""
        xp, mu = self._expected(predictions, nuisances)
        total = 2.0 * xp.sum(self._half_deviance(xp, mu), axis=-1)
        own = self.nuisances
        return total + pull_of(own, [nuisances[nuisance.name] for nuisance in own]) if own else total

    def chi2_profiled(self, predictions: tuple[Array, ...]) -> Array:
        """Return chi2 [...] at the nuisances that make it least."""
        return self.chi2(predictions, self.best_nuisances(predictions))

    def best_nuisances(self, predictions: tuple[Array, ...]) -> dict[str, Array]:
        """Return the nuisances [...] that minimise chi2 for given predictions; empty without any."""
        own = self.nuisances
        if not own:
            return {}
        xp = array_namespace(*predictions)

        def cost(nuisances: Array) -> tuple[Array, Array, Array, Array]:
            values = {nuisance.name: nuisances[..., k] for k, nuisance in enumerate(own)}
            _, mu = self._expected(predictions, values)
            factor = xp.exp(self._log_scale(xp, values) + xp.zeros_like(mu))
            columns = [factor * counts for counts in self.added]
            if self.exposure_error:
                columns.append(self.exposure_error * mu)
            columns += [widths * mu for widths in self.scale_widths]
            ratio = self.values / mu
            return self._half_deviance(xp, mu), 1.0 - ratio, ratio / mu, xp.stack(columns, axis=-1)

        best = minimise(cost, own, predictions[0][..., 0])
        return {nuisance.name: best[..., k] for k, nuisance in enumerate(own)}

    def pulls(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return the signed root of each point's deviance [..., n_data], positive where there are more counts."""
        xp, mu = self._expected(predictions, nuisances)
        return xp.sign(self.values - mu) * xp.sqrt(2.0 * xp.maximum(self._half_deviance(xp, mu), xp.zeros_like(mu)))

    def simulate(
        self, rng: np.random.Generator, predictions: tuple[Float64, ...], nuisances: Mapping[str, float]
    ) -> Self:
        """Return the same data set with Poisson counts drawn from a prediction [..., n_energies]."""
        _, mu = self._expected(predictions, nuisances)
        return replace(self, values=np.asarray(rng.poisson(mu), dtype=np.float64))

    def _expected(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> tuple[Any, Array]:
        mu = self.binned_prediction(predictions, nuisances)
        xp = array_namespace(mu)
        if self.exposure_error or self.scales:
            mu = mu * xp.exp(self._log_scale(xp, nuisances))
        return xp, mu

    def _log_scale(self, xp: Any, nuisances: Mapping[str, Array]) -> Array:
        """Return the logarithm of all scales together [..., n_data]."""
        total: Any = 0.0
        if self.exposure_error:
            total = total + self.exposure_error * xp.asarray(nuisances[self.exposure_error_name])[..., None]
        for one, widths in zip(self.scales, self.scale_widths, strict=True):
            total = total + xp.asarray(nuisances[one.name])[..., None] * xp.asarray(widths)
        return total

    def _half_deviance(self, xp: Any, mu: Array) -> Array:
        excess = mu - self.values
        some = np.maximum(self.values, 1.0)  # n ln(mu / n) is 0 where n is
        return excess - self.values * xp.log1p(xp.where(self.values > 0.0, excess / some, xp.zeros_like(mu)))


def _bins(edges: Float64, entry: CountsMapEntry, where: str) -> np.typing.NDArray[np.int64]:
    """Return the indices of the energy bins within the limits."""
    low, high = entry.energy_min or 0.0, entry.energy_max or np.inf
    inside = (edges[:-1] >= low * (1 - 1e-6)) & (edges[1:] <= high * (1 + 1e-6))
    if not inside.any():
        raise UserError(
            f"{where}: no energy bin lies between {low:g} and {high:g} GeV",
            valid=f"limits within {edges[0]:g} to {edges[-1]:g} GeV",
        )
    return np.flatnonzero(inside)


def _with_mask(region: Region, entry: CountsMapEntry, home: Path, where: str) -> Region:
    if entry.mask is None:
        return region
    if region.mask is not None:
        raise UserError(f"{where}: the region {region.name!r} has a mask of its own", valid="one mask")
    west, east = region.longitude
    south, north = region.latitude
    return parse_region(f"l={west}..{east},b={south}..{north},mask={(home / entry.mask).resolve()}")


def _rows(counts: HealpixCube, regions: Sequence[Region], where: str) -> list[np.typing.NDArray[np.int64]]:
    """Return the rows of the counts cube that lie in each region."""
    taken = np.zeros(len(counts.pixels), dtype=bool)
    found = []
    for region in regions:
        rows = counts.rows_in(region)
        if taken[rows].any():
            raise UserError(f"{where}: the region {region.name!r} overlaps one before it", valid="each photon once")
        taken[rows] = True
        found.append(rows)
    return found


def _folding(
    counts: HealpixCube,
    exposure: HealpixCube,
    rows: np.typing.NDArray[np.int64],
    nodes: Sequence[tuple[Float64, Float64]],
) -> Float64:
    """Return the matrix [n_energies, n_bins] from intensities to expected counts of one region."""
    total = exposure.at(*counts.sky.centres(counts.pixels[rows])).sum(axis=0) * counts.sky.solid_angle
    first, last = nodes[0][0][0], nodes[-1][0][-1]
    if first < exposure.energies[0] * 0.99 or last > exposure.energies[-1] * 1.01:
        raise UserError(
            f"{exposure.path}: covers {exposure.energies[0]:g} to {exposure.energies[-1]:g} GeV",
            valid=f"the energies of the counts, {first:g} to {last:g} GeV",
            fix="run gtexpcube2 with the binning of the counts, or narrow energy_min and energy_max",
        )
    matrix = np.zeros((sum(len(energy) for energy, _ in nodes), len(nodes)))
    start = 0
    for column, (energy, measure) in enumerate(nodes):
        stop = start + len(energy)
        matrix[start:stop, column] = measure * power_law_between(energy, exposure.energies, total)
        start = stop
    return matrix


def _added(
    entry: CountsMapEntry,
    folder: LikelihoodFolder,
    counts: HealpixCube,
    rows: Sequence[np.typing.NDArray[np.int64]],
    bins: np.typing.NDArray[np.int64],
    folding: Sequence[Float64],
    energies: Float64,
) -> tuple[tuple[Parameter, ...], Float64]:
    """Return the norms of isotropic background and sources, and their expected counts [n_components, n_data]."""
    home, norms, added = folder.path.parent, [], []
    if entry.isotropic is not None:
        table = read_table(home / entry.isotropic.table, _ISOTROPIC)
        if table.columns["energy"][0] > energies[0] or table.columns["energy"][-1] < energies[-1]:
            raise UserError(f"{table.path}: does not cover {energies[0]:g} to {energies[-1]:g} GeV")
        spectrum = power_law_between(energies, table.columns["energy"], table.columns["intensity"])
        source = table.provenance.reference
        norms.append(norm_parameter(entry.isotropic, source, where=folder.where, data_set=folder.name))
        added.append(np.concatenate([spectrum @ matrix for matrix in folding]))
    for source_entry in entry.sources:
        cube = read_counts_cube(home / source_entry.cube)
        if cube.sky != counts.sky or not np.array_equal(cube.pixels, counts.pixels):
            raise UserError(f"{cube.path}: has other pixels than {counts.path.name}", valid="the same pixels")
        if cube.energies.shape != counts.energies.shape or not np.allclose(cube.energies, counts.energies, rtol=1e-4):
            raise UserError(f"{cube.path}: has other energy bins than {counts.path.name}", valid="the same bins")
        norms.append(norm_parameter(source_entry, entry.reference, where=folder.where, data_set=folder.name))
        added.append(np.concatenate([cube.checked(at, bins).sum(axis=0) for at in rows]))
    n_data = len(rows) * len(bins)
    return tuple(norms), np.array(added).reshape(len(added), n_data)


def _files(entry: CountsMapEntry) -> list[str]:
    """Return the names of all files of a folder that decide the numbers."""
    names = [entry.counts, entry.exposure, *(source.cube for source in entry.sources)]
    if entry.isotropic is not None:
        names.append(entry.isotropic.table)
    return names

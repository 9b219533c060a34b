"""From cubes of the whole sky to the numbers of a few regions: how the tables of `counts-table` are made.

Cubes of the Fermi-LAT tools are megabytes, and a likelihood needs the counts and the exposure of some regions. Pixels
are taken whole: one whose centre lies in the region belongs to it. For pixels of a degree that is another sky than the
region, so the pixels themselves are written as a mask, of which a sky model predicts the intensity: counts and
prediction are of one sky. Exposure times solid angle is kept at the edges of the bins. Known spectra (sources, the
isotropic background) are turned into the counts expected at norm 1; to the isotropic background the cubes themselves
bear witness, at high latitudes.
"""

from __future__ import annotations

import gzip
import io
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.content.measurements import Column, read_table
from crsea_infer.inference.likelihoods.energy_bins import bin_integral
from crsea_infer.inference.likelihoods.extra_components import power_law_between
from crsea_infer.inference.likelihoods.healpix_cubes import HealpixCube, read_counts_cube, read_exposure_cube
from crsea_infer.physics.regions import Region
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import atomic_write, file_digest, make_directory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.support.arrays import Float64

__all__ = [
    "HIGH_LATITUDES",
    "Reduction",
    "RegionCounts",
    "expected_counts",
    "high_latitude_intensity",
    "read_cubes",
    "reduce_region",
    "spectra_of",
]

HIGH_LATITUDES: Final = "high_latitudes"
"""Column of the counts expected from the mean intensity of high latitudes."""

_INTENSITY: Final = "1 / (GeV cm2 s sr)"


@dataclass(frozen=True, eq=False)
class RegionCounts:
    """What the cubes say of one region.

    Attributes
    ----------
    region
        The region that was asked for.
    pixels
        Those that were counted.
    counts
        In each bin [n_bins].
    exposure
        Times solid angle, at the edges of the bins [n_bins + 1], cm2 s sr.
    """

    region: Region
    pixels: np.typing.NDArray[np.int64]
    counts: Float64
    exposure: Float64


@dataclass(frozen=True, eq=False)
class Reduction:
    """The cubes, and the bins of them that are used.

    Attributes
    ----------
    counts, exposure
        The cubes.
    bins
        Indices of the bins [n_bins].
    """

    counts: HealpixCube
    exposure: HealpixCube
    bins: np.typing.NDArray[np.int64]

    @property
    def edges(self) -> Float64:
        """Edges of the bins [n_bins + 1], GeV."""
        edges: Float64 = self.counts.energies[np.append(self.bins, self.bins[-1] + 1)]
        return edges

    def write(
        self,
        output: Path,
        regions: Mapping[str, RegionCounts],
        components: Mapping[str, Sequence[Float64]],
        descriptions: Mapping[str, str],
        metadata: Mapping[str, str],
    ) -> list[Path]:
        """Write `counts.ecsv` and a mask NAME.fits.gz for each region; return their paths.

        Parameters
        ----------
        output
            Folder.
        regions
            By the names of their masks.
        components
            Expected counts of each [n_bins] in each region, by column.
        descriptions
            Of these columns.
        metadata
            Of the table: `reference`, `table_or_figure` and what else there is to say.
        """
        from astropy.table import Column as TableColumn
        from astropy.table import Table

        low, high = self.edges[:-1], self.edges[1:]
        n = len(regions)
        made = list(regions.values())
        number = np.repeat(np.arange(1, n + 1), len(low))
        columns = [
            ("region", "", number, "number of the region: its place in the list 'regions' of likelihood.toml"),
            ("energy_min", "GeV", np.tile(low, n), "lower edge of the bin"),
            ("energy_max", "GeV", np.tile(high, n), "upper edge of the bin"),
            ("counts", "", np.concatenate([one.counts for one in made]).astype(np.int64), "photons"),
            *(
                (name, "cm2 s sr", np.concatenate([one.exposure[part] for one in made]), f"exposure at the {edge} edge")
                for name, part, edge in (
                    ("exposure_min", slice(None, -1), "lower"),
                    ("exposure_max", slice(1, None), "upper"),
                )
            ),
            *((name, "", np.concatenate(list(one)), descriptions[name]) for name, one in components.items()),
        ]
        table = Table(
            [
                TableColumn(_rounded(data), name=name, unit=unit or None, description=text)
                for name, unit, data, text in columns
            ]
        )
        pixels = {
            name: f"{len(one.pixels)} pixels whose centres lie in {one.region.name}" for name, one in regions.items()
        }
        table.meta.update(
            {
                **metadata,
                "status": "counts",
                "transcribed_from": f"{self.counts.path.name} (sha256 {file_digest(self.counts.path)}) and "
                f"{self.exposure.path.name} (sha256 {file_digest(self.exposure.path)}), by crsea-infer counts",
                "pixels": f"HEALPix nside {self.counts.sky.n_side}; "
                + "; ".join(f"{k}: {v}" for k, v in pixels.items()),
            }
        )
        make_directory(output)
        text = io.StringIO()
        table.write(text, format="ascii.ecsv", delimiter=",")
        written = [output / "counts.ecsv"]
        atomic_write(written[0], text.getvalue().encode())
        for name, one in regions.items():
            written.append(output / f"{name}.fits.gz")
            atomic_write(written[-1], _mask_bytes(self.counts, one.pixels))
        return written


def read_cubes(counts: Path, exposure: Path, energy_min: float = 0.0, energy_max: float = np.inf) -> Reduction:
    """Read the cubes and choose the bins within limits (GeV).

    Raises
    ------
    UserError
        When a cube is not valid, no bin lies within the limits, or the exposure does not reach the edges of the bins.
    """
    cube = read_counts_cube(counts)
    depth = read_exposure_cube(exposure, cube.sky.frame)
    low, high = cube.energies[:-1], cube.energies[1:]
    bins = np.flatnonzero((low >= energy_min * (1 - 1e-4)) & (high <= energy_max * (1 + 1e-4)))
    if not bins.size:
        raise UserError(
            f"{counts}: no energy bin lies between {energy_min:g} and {energy_max:g} GeV",
            valid=f"limits within {low[0]:g} to {high[-1]:g} GeV",
        )
    first, last = low[bins[0]], high[bins[-1]]
    if first < depth.energies[0] * 0.999 or last > depth.energies[-1] * 1.001:
        raise UserError(
            f"{exposure}: covers {depth.energies[0]:g} to {depth.energies[-1]:g} GeV",
            valid=f"the energies of the counts, {first:g} to {last:g} GeV",
            fix="run gtexpcube2 with the binning of the counts, or choose fewer bins",
        )
    return Reduction(cube, depth, bins)


def reduce_region(cubes: Reduction, region: Region) -> RegionCounts:
    """Count a region; raises UserError when the cubes do not cover it."""
    rows = cubes.counts.rows_in(region)
    pixels = cubes.counts.pixels[rows]
    total = cubes.exposure.at(*cubes.counts.sky.centres(pixels)).sum(axis=0) * cubes.counts.sky.solid_angle
    exposure = power_law_between(cubes.edges, cubes.exposure.energies, total)
    return RegionCounts(region, pixels, cubes.counts.checked(rows, cubes.bins).sum(axis=0), exposure)


def expected_counts(edges: Float64, exposure: Float64, energy: Float64, intensity: Float64) -> Float64:
    """Return the counts [n_bins] of a spectrum, a power law between its energies and beyond them.

    Parameters
    ----------
    edges, exposure
        Of the bins [n_bins + 1], GeV; exposure times solid angle there, cm2 s sr.
    energy, intensity
        The spectrum [n]: GeV, GeV-1 cm-2 s-1 sr-1.
    """
    found = []
    for low, high in itertools.pairwise(edges.tolist()):
        nodes, measure = bin_integral(low, high)
        depth = power_law_between(nodes, edges, exposure)
        found.append(float(np.sum(measure * depth * power_law_between(nodes, energy, intensity))))
    return np.array(found)


def spectra_of(path: Path, names: Sequence[str]) -> dict[str, tuple[Float64, Float64]]:
    """Read energy and intensity of named columns of an ECSV table; columns that it lacks are left out.

    Raises
    ------
    UserError
        When the table is not valid, or has none of the columns.
    """
    columns = [
        Column("energy", "GeV", "positive"),
        *(Column(name, _INTENSITY, "positive", required=False) for name in names),
    ]
    table = read_table(path, columns, others_allowed=True)
    found = {name: (table.columns["energy"], table.columns[name]) for name in names if name in table.columns}
    if not found:
        raise UserError(
            f"{path}: has none of the columns {', '.join(names)}", valid="a table of energy and intensities"
        )
    return found


def high_latitude_intensity(cubes: Reduction, latitude: float) -> Float64:
    """Return the mean intensity [n_bins] at latitudes beyond a limit (degrees).

    It is that of counts over exposure at the logarithmic middle of the bin, nothing taken off: isotropic emission,
    residual cosmic rays, sources and what the Galaxy shines at high latitudes.

    Raises
    ------
    UserError
        When a cube does not cover that sky, or a bin has no counts there.
    """
    poles = [Region(f"b={sign}", (0.0, 360.0), limits) for sign, limits in _poles(latitude)]
    parts = [reduce_region(cubes, pole) for pole in poles]
    counts = parts[0].counts + parts[1].counts
    exposure = parts[0].exposure + parts[1].exposure
    if not np.all(counts > 0):
        low = cubes.edges[int(np.argmin(counts))]
        raise UserError(
            f"{cubes.counts.path}: no counts beyond {latitude:g} degrees in the bin from {low:g} GeV",
            valid="bins with counts at high latitudes",
            fix="narrow --energy-max, or lower the latitude",
        )
    middle = np.sqrt(cubes.edges[1:] * cubes.edges[:-1])
    intensity: Float64 = counts / np.diff(cubes.edges) / np.sqrt(exposure[1:] * exposure[:-1])
    for _ in range(20):  # so that the power law through these points has the counts that were seen
        intensity = intensity * counts / expected_counts(cubes.edges, exposure, middle, intensity)
    return intensity


def _poles(latitude: float) -> tuple[tuple[str, tuple[float, float]], ...]:
    if not 0.0 < latitude < 90.0:
        raise UserError(f"the latitude is {latitude:g} degrees", valid="a latitude between 0 and 90 degrees")
    return (("north", (latitude, 90.0)), ("south", (-90.0, -latitude)))


def _rounded(data: Any) -> Any:
    """Return numbers in eight digits, so that tables are short and the same on every machine."""
    if np.issubdtype(np.asarray(data).dtype, np.integer):
        return data
    return np.array([float(f"{value:.8g}") for value in data])


def _mask_bytes(cube: HealpixCube, pixels: np.typing.NDArray[np.int64]) -> bytes:
    """Return a compressed HEALPix map that is 1 in some pixels, in the frame and ordering of a cube."""
    from astropy.io import fits

    kept = np.zeros(cube.sky.n_pixels, dtype=np.uint8)
    kept[pixels] = 1
    table = fits.BinTableHDU.from_columns([fits.Column("KEPT", "B", array=kept)], name="MASK")
    table.header.update(
        PIXTYPE="HEALPIX",
        ORDERING="NESTED" if cube.sky.nested else "RING",
        COORDSYS="G" if cube.sky.frame == "galactic" else "C",
        NSIDE=cube.sky.n_side,
        FIRSTPIX=0,
        LASTPIX=cube.sky.n_pixels - 1,
        INDXSCHM="IMPLICIT",
        OBJECT="FULLSKY",
    )
    raw = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(raw)
    return gzip.compress(raw.getvalue(), mtime=0)

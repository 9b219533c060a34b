"""DRAGON2 full outputs, written here as DRAGON2 writes them (astropy alone), read back and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy.io import fits

from crsea_infer.emulator.response.fold import COLUMN_UNIT, SpectralFold
from crsea_infer.emulator.spectra.dragon_intensities import dragon_intensities, dragon_spectra_grid, read_dragon_grid
from crsea_infer.grids.dragon_output import dragon_response, read_dragon
from crsea_infer.grids.importing import import_dragon, write_dragon_grid
from crsea_infer.physics.geometry import LineOfSight
from crsea_infer.physics.local_spectrum import rigidity
from crsea_infer.physics.region_response import ResponseSolver, rigidity_nodes
from crsea_infer.physics.regions import parse_region
from crsea_infer.physics.transport import TransportSettings, relative_density
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

REGION = parse_region("l=30..34,b=-1..1")
FACTOR = 1.4
ENERGIES = 0.5 * FACTOR ** np.arange(50)
RADII = np.linspace(0.0, 20.0, 101)
HEIGHTS = np.linspace(-4.0, 4.0, 81)
SUN = 8.122


def _smooth(species: str, index: float = -2.7) -> np.ndarray:
    """A density that falls away from R = 5 kpc and from the plane, shape (z, R, E)."""
    disc = np.exp(-(((RADII - 5.0) / 6.0) ** 2)) * (1.0 - RADII / 20.0)
    halo = np.cos(np.pi * HEIGHTS / 8.0)
    spectrum = {"proton": 1e4, "helium": 6e2}[species] * ENERGIES**index
    return halo[:, None, None] * disc[:, None] * spectrum


def write_dragon(
    path: Path, species: list[tuple[int, int, int, np.ndarray]], *, changes: dict[str, Any] | None = None
) -> Path:
    """Write (Z, A, secondary, density) images as DRAGON2 does; `changes` alter header keys (None removes one)."""
    shape = species[0][3].shape
    primary = fits.PrimaryHDU(np.zeros(shape, dtype=np.float32))
    header = {
        "rmin": RADII[0],
        "rmax": RADII[-1],
        "zmin": HEIGHTS[0],
        "zmax": HEIGHTS[-1],
        "robs": SUN,
        "zobs": 0.0,
        "irsun": 41,
        "izsun": 40,
        "D0": 3.8,
        "Drefrig": 4.0,
        "ind_diff": 0.5,
        "Ekmax": ENERGIES[-1],
        "Ekmin": ENERGIES[0],
        "Ekin_fac": FACTOR,
        "dimE": shape[-1],
        "dimr": shape[1] if len(shape) > 1 else None,
        "dimz": shape[0] if len(shape) > 1 else None,
        "vAlfven": 13.0,
        **(changes or {}),
    }
    for key, value in header.items():
        if value is not None:
            primary.header[key] = value
    hdus: list[Any] = [primary]
    for charge, mass, secondary, density in species:
        image = fits.ImageHDU(np.asarray(density, dtype=np.float32))
        image.header["Z_"] = charge
        image.header["A"] = mass
        image.header["Sec"] = secondary
        image.header["DM"] = 0
        image.header["EXTRA"] = 0
        hdus.append(image)
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def _usual(scale: float = 1.0) -> list[tuple[int, int, int, np.ndarray]]:
    proton, helium = scale * _smooth("proton"), scale * _smooth("helium", -2.6)
    return [(1, 1, 0, 0.9 * proton), (1, 1, 1, 0.1 * proton), (2, 4, 0, helium), (-1, 0, 0, 0.01 * proton)]


@pytest.mark.slow
def test_axes_species_and_sums(tmp_path: Path) -> None:
    run = read_dragon(write_dragon(tmp_path / "run.fits.gz", _usual()))
    assert run.energies == pytest.approx(ENERGIES)
    assert (run.radii[0], run.radii[-1], run.heights[0], run.heights[-1]) == (0.0, 20.0, -4.0, 4.0)
    assert run.n_images == {(1, 1): 2, (2, 4): 1, (-1, 0): 1}
    assert run.densities[1, 1] == pytest.approx(_smooth("proton"), rel=1e-6)
    assert run.setup["D0"] == 3.8


def test_local_and_radial_spectra(tmp_path: Path) -> None:
    run = read_dragon(write_dragon(tmp_path / "run.fits.gz", _usual()))
    disc = np.exp(-(((SUN - 5.0) / 6.0) ** 2)) * (1.0 - SUN / 20.0)
    assert run.local("proton") == pytest.approx(1e4 * ENERGIES**-2.7 * disc, rel=1e-4)
    radial = run.radial("helium", np.array([4.0, SUN, 25.0]))
    assert radial[0] / radial[1] == pytest.approx(np.exp(-1 / 36) * 0.8 / disc, rel=1e-4)
    assert not radial[2].any()


@pytest.mark.slow
def test_isotopes_are_one_species(tmp_path: Path) -> None:
    helium = _smooth("helium")
    run = read_dragon(write_dragon(tmp_path / "run.fits", [(2, 4, 0, 0.8 * helium), (2, 3, 0, 0.2 * helium)]))
    assert run.density("helium") == pytest.approx(helium, rel=1e-6)
    with pytest.raises(UserError, match="holds no proton"):
        run.density("proton")


def _solved(tmp_path: Path) -> Path:
    """The project's own solution of transport, in DRAGON2's clothes."""
    settings = TransportSettings()
    species = []
    for name, charge, mass in (("proton", 1, 1), ("helium", 2, 4)):
        at = np.asarray(rigidity(name, ENERGIES))  # type: ignore[arg-type]
        above = HEIGHTS[HEIGHTS >= -1e-9]
        density = relative_density(at, above, delta_slope=0.04, halo_height=4.0, settings=settings)
        spectrum = {"proton": 1e4, "helium": 6e2}[name] * ENERGIES**-2.7
        cube = np.empty((HEIGHTS.size, RADII.size, ENERGIES.size))
        for i in range(ENERGIES.size):
            for j, height in enumerate(HEIGHTS):
                k = int(np.argmin(np.abs(above - abs(height))))
                cube[j, :, i] = np.interp(RADII, settings.radii, density[i, :, k]) * spectrum[i]
        species.append((charge, mass, 0, cube))
    return write_dragon(tmp_path / "solved.fits.gz", species)


def test_a_response_of_the_own_solution_is_the_own_response(tmp_path: Path) -> None:
    """On DRAGON's coarse mesh the columns come out within a per cent of those of the solver."""
    seen = dragon_response(read_dragon(_solved(tmp_path)), [REGION])
    solver = ResponseSolver.for_regions(
        [REGION], rigidities=seen.rigidities, transport=TransportSettings(), line_of_sight=LineOfSight()
    )
    expected = solver(0.04, 4.0)
    for species in ("proton", "helium"):
        assert seen.responses[species] == pytest.approx(expected, rel=0.01)


def test_intensities_are_those_of_the_emission_stage(tmp_path: Path) -> None:
    """One rigidity dependence for all places: gamma rays are the local spectrum folded with one column."""
    grid = import_dragon(write_dragon(tmp_path / "run.fits.gz", _usual()), [REGION])
    energies = np.array([10.0, 100.0, 1000.0])
    gamma = dragon_intensities(grid, "gamma", energies, absorb=False)
    column = grid["response"].values[0, 0, 0, :, 0, 0]
    assert grid["response"].values[0, 0, 0, :, 0] == pytest.approx(np.outer(column, np.ones(16)), rel=1e-5)
    fold = SpectralFold.for_energies("gamma", energies, rigidity_nodes(16), absorb=False)
    disc = np.exp(-(((SUN - 5.0) / 6.0) ** 2)) * (1.0 - SUN / 20.0)
    local = disc * np.concatenate([1e4 * fold.kinetic**-2.7, 6e2 * fold.kinetic**-2.6])
    per_column = (local @ fold.matrix).reshape(3, -1).sum(axis=-1)
    # the run ends at 7e6 GeV/n, the reference does not
    assert gamma[0, 0] == pytest.approx(np.outer(column / COLUMN_UNIT, per_column), rel=2e-3)


@pytest.mark.slow
def test_runs_become_a_grid_that_an_emulator_can_learn(tmp_path: Path) -> None:
    rows = ["halo_height,dragon"]
    for height, scale in ((2.0, 1.0), (4.0, 1.1), (8.0, 1.3)):
        rows.append(f"{height},{write_dragon(tmp_path / f'{height}.fits.gz', _usual(scale)).name}")
    (tmp_path / "runs.csv").write_text("\n".join(rows))
    write_dragon_grid(import_dragon(tmp_path / "runs.csv", [REGION]), tmp_path / "grid.nc")
    dataset = read_dragon_grid(tmp_path / "grid.nc")
    assert dataset["local"].attrs["units"] == "GeV-1 m-2 s-1 sr-1"
    assert dataset["radial"].sizes == {"point": 3, "species": 2, "radius": 16, "energy": 50}
    grid = dragon_spectra_grid(dataset)
    assert [parameter.name for parameter in grid.parameters] == ["halo_height"]
    assert grid.intensities[2] == pytest.approx(1.3 * grid.intensities[0], rel=1e-5)
    assert {spectrum.label for spectrum in grid.spectra} >= {"gamma HI l=30..34,b=-1..1", "helium helium"}
    with pytest.raises(UserError, match="larger Ekmax"):
        dragon_intensities(dataset, "gamma", np.array([1e6]))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Ekin_fac": None}, "lacks Ekin_fac"),
        ({"Ekin_fac": 0.9}, "Ekin_fac = 0.9"),
        ({"Ekmin": -1.0}, "Ekmin = -1"),
        ({"dimz": 40}, "dimz = 40"),
        ({"robs": 30.0}, "outside the grid"),
        ({"dimx": 41}, "two-dimensional run"),
    ],
)
def test_senseless_headers_are_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_dragon(write_dragon(tmp_path / "run.fits", _usual(), changes=changes))


@pytest.mark.parametrize("beside", [True, False])
def test_a_file_of_spectra_is_refused_with_the_name_of_the_right_one(tmp_path: Path, beside: bool) -> None:
    """NAME_spectrum.fits.gz has the full header, so that its images alone tell it."""
    path = write_dragon(
        tmp_path / "my_run_spectrum.fits.gz",
        [(1, 1, 0, _smooth("proton")[40, 20]) for _ in range(2)],
        changes={"dimE": 50, "dimr": 101, "dimz": 81},
    )
    if beside:
        write_dragon(tmp_path / "my_run.fits.gz", _usual())
    with pytest.raises(UserError, match="spectra at the Sun alone") as caught:
        import_dragon(path, [REGION])
    assert ("give my_run.fits.gz, which lies beside it" in str(caught.value)) == beside
    assert "give my_run.fits.gz" in str(caught.value)
    assert "three-dimensional" not in str(caught.value)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no DRAGON output file"):
        read_dragon(tmp_path / "absent.fits.gz")
    for name in ("run.fits", "run.fits.gz"):
        path = write_dragon(tmp_path / name, _usual())
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        with pytest.raises(UserError, match="damaged or cut off"):
            read_dragon(path)
    broken = _usual()
    broken[2][3][3, 4, 5] = np.nan
    with pytest.raises(UserError, match="HDU 3: Z=2, A=4 holds values that are NaN"):
        read_dragon(write_dragon(tmp_path / "nan.fits", broken))
    odd = [*_usual(), (6, 12, 0, _smooth("proton")[:-1])]
    with pytest.raises(UserError, match="HDU 5: has the axes"):
        read_dragon(write_dragon(tmp_path / "odd.fits", odd))
    fits.PrimaryHDU(np.zeros((2, 2, 2))).writeto(tmp_path / "none.fits")
    with pytest.raises(UserError, match="holds no species"):
        read_dragon(tmp_path / "none.fits")

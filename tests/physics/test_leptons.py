"""Gamma rays of electrons in sky regions: their size against published maps, absorption, and smoothness."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.emulator import load
from crsea_infer.emulator.sky_model import Request
from crsea_infer.physics.constants import CENTIMETRES_PER_KILOPARSEC
from crsea_infer.physics.geometry import LineOfSight, absorption_nodes
from crsea_infer.physics.leptons import LEPTON_COMPONENTS, LEPTON_ENERGIES, LeptonSolver
from crsea_infer.physics.paths import path_weights
from crsea_infer.physics.regions import Region, parse_region
from crsea_infer.physics.transport import TransportSettings
from crsea_infer.support.errors import UserError

REGIONS = ("tibet_inner", "l=125..235,b=-5..5", "l=0..360,b=20..60")
RADII = np.asarray((np.arange(80) + 0.5) * 0.25, dtype=np.float64)


@pytest.fixture(scope="module")
def solver() -> LeptonSolver:
    return LeptonSolver.for_regions(
        [parse_region(name) for name in REGIONS], transport=TransportSettings(), line_of_sight=LineOfSight()
    )


@pytest.fixture(scope="module")
def intensities(solver: LeptonSolver) -> np.ndarray:
    return solver(0.04, 4.7)


@pytest.mark.slow
def test_there_is_one_spectrum_for_each_region_and_component(intensities: np.ndarray) -> None:
    assert intensities.shape == (len(REGIONS), len(LEPTON_COMPONENTS), LEPTON_ENERGIES.size)
    assert np.all(intensities > 0.0)
    assert np.all(np.diff(intensities, axis=2) < 0.0)


@pytest.mark.slow
def test_inverse_compton_has_the_size_of_the_fermi_models(intensities: np.ndarray) -> None:
    # Ackermann et al. 2012 (ApJ 750, 3): E^2 I at 10 GeV is about 1e-6 GeV/(cm2 s sr) in the inner plane, and of order
    # 1e-7 at intermediate latitudes; factors of two lie within the models compared there
    at_10 = intensities[:, 0, 6] * 10.0**2
    assert 3e-7 < at_10[0] < 3e-6
    assert 4e-8 < at_10[2] < 4e-7


@pytest.mark.slow
def test_bremsstrahlung_is_softer_than_inverse_compton(intensities: np.ndarray) -> None:
    ratio = intensities[:, 1] / intensities[:, 0]
    assert np.all(np.diff(ratio[:, :25], axis=1) < 0.0)
    assert np.all(ratio[:2, 0] > 1.0)
    assert np.all(ratio[:, 12] < 1.0)


@pytest.mark.slow
def test_the_inner_galaxy_is_brighter_than_the_outer(intensities: np.ndarray) -> None:
    assert np.all(intensities[0] > 1.5 * intensities[1])


@pytest.mark.slow
def test_leptons_are_a_minor_part_of_the_plane() -> None:
    energies = (10.0, 100.0)
    region = parse_region("tibet_inner")
    leptons = LeptonSolver.for_regions([region], transport=TransportSettings(), line_of_sight=LineOfSight())(0.04, 4.7)
    parameters = {
        "delta_slope": 0.04,
        "delta_sun": 0.5,
        "halo_height": 4.7,
        "proton_norm": 3.285e4,
        "proton_slope_1": -2.79,
        "proton_slope_2": -2.64,
        "proton_break_1": 350.0,
        "helium_norm": 3.285e4 * 0.06,
        "helium_slope_1": -2.6,
    }
    bound = load().bind([Request("gamma", energies, region="tibet_inner")])
    pion = bound.components({name: np.asarray(value) for name, value in parameters.items()})[0]
    hadronic = pion["HI"] + pion["H2"]
    ratio = leptons[0][:, [6, 12]] / hadronic
    # each below about a tenth, together below a quarter
    assert np.all(ratio < 0.2)
    assert np.all(ratio.sum(axis=0) < 0.25)


@pytest.mark.slow
def test_intensities_are_smooth_in_the_transport_parameters(solver: LeptonSolver) -> None:
    # what a Chebyshev emulator needs: a polynomial through a few nodes of ln H predicts the rest
    from scipy.interpolate import BarycentricInterpolator

    n = 12
    nodes = (np.log(2.0) + np.log(12.0)) / 2 - np.log(6.0) / 2 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
    table = np.stack([solver(0.04, float(np.exp(x))) for x in nodes])
    for halo_height in (2.1, 5.3, 11.0):
        exact = solver(0.04, halo_height)
        predicted = BarycentricInterpolator(nodes, table.reshape(n, -1))(np.log(halo_height)).reshape(exact.shape)
        np.testing.assert_allclose(predicted, exact, rtol=5e-4)


def test_a_patch_at_the_pole_is_allowed() -> None:
    weights = path_weights([parse_region("l=10..40,b=80..85")], RADII, disc_radius=20.0, settings=LineOfSight())
    # lines of sight end 2 kpc above the plane, the last height
    length = weights[0, 0].sum() / CENTIMETRES_PER_KILOPARSEC
    assert length == pytest.approx(2.0 / np.sin(np.radians(82.5)), rel=0.03)


def test_path_lengths_towards_the_anticentre_reach_the_rim() -> None:
    weights = path_weights([parse_region("l=178..182,b=-1..1")], RADII, disc_radius=20.0, settings=LineOfSight())
    assert weights[0, 0].sum() / CENTIMETRES_PER_KILOPARSEC == pytest.approx(12.0, rel=0.01)
    # absorbed lines of sight are shorter: (1 - exp(-kL)) / k
    coefficient = absorption_nodes()[-1]
    expected = (1.0 - np.exp(-12.0 * coefficient)) / coefficient
    assert weights[0, -1].sum() / CENTIMETRES_PER_KILOPARSEC == pytest.approx(expected, rel=0.01)


def test_emission_along_a_line_of_sight_is_that_of_a_direct_integral() -> None:
    settings = LineOfSight(heights=np.linspace(0.0, 12.0, 241))

    def emissivity(radius: np.ndarray, height: np.ndarray) -> np.ndarray:
        return np.exp(-radius / 4.0 - height / 1.5)

    weights = path_weights([parse_region("l=40..50,b=2..4")], RADII, disc_radius=20.0, settings=settings)[0, 0]
    ours = float((weights * emissivity(RADII[:, None], settings.heights)).sum()) / CENTIMETRES_PER_KILOPARSEC
    distance = (np.arange(5600) + 0.5) * 0.005
    longitude, latitude = np.radians(np.arange(40.25, 50.0, 0.5))[:, None, None], np.radians(np.arange(2.05, 4.0, 0.1))
    along = distance * np.cos(latitude[:, None])
    radius = np.sqrt(settings.sun_radius**2 + along**2 - 2.0 * settings.sun_radius * along * np.cos(longitude))
    values = emissivity(radius, distance * np.sin(latitude[:, None])) * (radius < 20.0)
    direct = np.average(values.sum(axis=2) * 0.005, weights=np.broadcast_to(np.cos(latitude), values.shape[:2]))
    assert ours == pytest.approx(direct, rel=3e-3)


def test_an_empty_region_is_refused() -> None:
    nowhere = Region("nowhere", (10.0, 10.01), (3.301, 3.302))
    with pytest.raises(UserError, match="nowhere"):
        path_weights([nowhere], RADII, disc_radius=20.0, settings=LineOfSight())

"""Sky models of other physics choices, made from the one that comes with the package."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

import crsea_infer as cr
from crsea_infer import emulator
from crsea_infer.emulator.response.chosen_settings import choices_of, emulator_of, with_physics
from crsea_infer.emulator.response.region_cache import RegionCache
from crsea_infer.emulator.sky_of_physics import sky_of
from crsea_infer.grids.response_grid import Axis, GridSettings
from crsea_infer.hypotheses.demanded_physics import NO_DEMANDS, DemandedPhysics
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.inference.prediction import predict, request_for
from crsea_infer.physics.transport import relative_density
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.emulator.response.response_sky import EmulatedSky

HYPOTHESIS = load_hypothesis("gamma-optimized-min")
REQUEST = request_for([1e2, 1e4, 1e5, 1e6], "gamma", "l=25..45,b=-2..2")


@pytest.fixture
def sky(tmp_path: Path) -> EmulatedSky:
    """The shipped emulator on a coarse design, so that another region takes a moment."""
    whole: EmulatedSky = emulator.load(regions=RegionCache([tmp_path / "regions"]))  # type: ignore[assignment]
    axes = (Axis("delta_slope", 0.0, 0.1, 8, "1/kpc"), Axis("halo_height", 2.0, 12.0, 7, "kpc", "log"))
    coarse = dataclasses.replace(whole.settings, axes=axes)
    return type(whole)(emulator_of(whole.emulator, coarse), regions=whole.regions)


@pytest.mark.slow
@pytest.mark.parametrize(
    "choices",
    [
        DemandedPhysics(sources="lorimer"),
        DemandedPhysics(rim=12.0),
        DemandedPhysics(saturation_radius=11.0),
        DemandedPhysics(gas="analytic"),
        DemandedPhysics(cross_section="kelner-aharonian", sources="galprop"),
        DemandedPhysics(halo_range=(3.0, 9.0)),
    ],
)
def test_the_sky_of_other_physics_is_that_of_its_solver(sky: EmulatedSky, choices: DemandedPhysics) -> None:
    emulated, exact = sky_of(sky, choices), sky_of(emulator.exact(), choices)
    values = {name: np.asarray(value) for name, value in (HYPOTHESIS.fiducial | {"halo_height": 5.3}).items()}
    np.testing.assert_allclose(
        emulated.bind([REQUEST])(values)[0], exact.bind([REQUEST])(values)[0], rtol=1e-4, atol=0.0
    )
    assert emulated.fingerprint != sky.fingerprint
    assert sky_of(sky, choices) is emulated


def test_what_acts_on_spectra_alone_keeps_what_was_trained(sky: EmulatedSky) -> None:
    whole = emulator.load()
    found = sky_of(whole, DemandedPhysics(cross_section="aafrag"))
    assert found.emulator.basis is whole.emulator.basis  # type: ignore[attr-defined]
    assert found.settings.cross_section == "aafrag"  # type: ignore[attr-defined]
    assert sky_of(sky, DemandedPhysics(rim=12.0)).settings.regions == ()  # type: ignore[attr-defined]


def test_choices_are_read_off_the_settings_that_they_made() -> None:
    usual = GridSettings()
    choices = DemandedPhysics("lorimer", 11.0, 15.0, "analytic", "aafrag", "uniform", (3.0, 9.0))
    assert choices_of(usual) == NO_DEMANDS
    assert choices_of(with_physics(usual, choices)) == choices
    # what is usual anyway is the usual grid, with its trained regions
    assert with_physics(usual, DemandedPhysics("ferriere", 8.122, 20.0, "rings", None, "discs", (2.0, 12.0))) == usual


def test_beyond_the_saturation_radius_nothing_changes_with_rigidity() -> None:
    """With delta constant beyond R, the spectrum at larger radii is that at R, up to what escapes over the rim."""
    rigidities = np.array([10.0, 1e6])

    def hardening(saturation: float, at: float) -> float:
        settings = dataclasses.replace(GridSettings().transport, saturation_radius=saturation)
        density = relative_density(rigidities, np.zeros(1), delta_slope=0.05, halo_height=0.2, settings=settings)[
            ..., 0
        ]
        column = int(np.argmin(np.abs(settings.radii - at)))
        return float(np.log(density[1, column] / density[0, column]))

    assert abs(hardening(8.122, 11.0)) < 0.05
    # in a thin halo f follows 1 / D: rho^(-0.05 (11 - 8.122))
    assert hardening(11.0, 11.0) == pytest.approx(-0.05 * (11.0 - 8.122) * np.log(1e5), rel=0.05)


def test_unknown_sources_are_named(sky: EmulatedSky) -> None:
    with pytest.raises(UserError, match="lorimmer"):
        sky_of(sky, DemandedPhysics(sources="lorimmer"))


def test_a_sky_model_that_has_its_own_physics_says_so() -> None:
    class Other:
        """A sky model of another code."""

    with pytest.raises(UserError, match=r"rim 12 kpc\) with a sky model that has its own physics"):
        sky_of(Other(), DemandedPhysics(rim=12.0))  # type: ignore[arg-type]


@pytest.mark.slow
def test_predictions_and_posteriors_take_the_physics_of_their_hypothesis(sky: EmulatedSky) -> None:
    near = dataclasses.replace(HYPOTHESIS, physics=DemandedPhysics(rim=12.0))
    exact = sky_of(emulator.exact(), DemandedPhysics(rim=12.0))
    for one in (sky, emulator.exact()):
        np.testing.assert_allclose(
            predict(near, REQUEST, one)["intensity"], predict(HYPOTHESIS, REQUEST, exact)["intensity"], rtol=1e-4
        )
    proton = request_for([1e3], "proton", radius=11.0)
    ratio = predict(near, proton, sky)["intensity"] / predict(HYPOTHESIS, proton, sky)["intensity"]
    assert ratio < 0.7
    post = cr.Posterior(near, data="tibet_asgamma_inner", emulator=sky)
    other = cr.Posterior(HYPOTHESIS, data="tibet_asgamma_inner", emulator=sky)
    assert post.model is sky_of(sky, near.physics)
    assert post.log_likelihood(post.point()) != other.log_likelihood(other.point())

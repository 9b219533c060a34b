"""The posterior: parameters in order, batches, the box, and what it refuses."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crsea_infer.emulator.response.galactic_parameters import galactic_parameters
from crsea_infer.emulator.sky_model import Request
from crsea_infer.hypotheses.hypothesis import Hypothesis, build_hypothesis, load_hypothesis
from crsea_infer.inference.likelihoods.likelihood import Likelihood, load_likelihood
from crsea_infer.inference.parameter_checks import check_parameters
from crsea_infer.inference.posterior import BLOCK, LikelihoodError, Posterior, posterior_for
from crsea_infer.inference.target import Target
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crsea_infer.emulator.parameters import SkyParameters
    from crsea_infer.emulator.sky_model import BoundModel

SKY = (Request("gamma", (1e4,), "lhaaso_inner"),)
NAMES = ("lhaaso_km2a_inner", "lhaaso_km2a_outer")


@dataclasses.dataclass(frozen=True)
class PowerLaws:
    """A sky of power laws scaled by the gas: the test's own sky model, bound."""

    requests: tuple[Request, ...]
    spoil: float = np.inf  # halo heights above give NaN, as a broken model would

    def __call__(self, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(sum(parts.values()) for parts in self.components(parameters))

    def components(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        found = []
        for request in self.requests:
            level = 6.6e-16 if request.region == "lhaaso_inner" else 2.4e-16
            shape = level * (np.array(request.energies) / 12.6e3) ** -3.0
            good = np.where(np.asarray(parameters["halo_height"]) < self.spoil, 1.0, np.nan)
            found.append(
                {
                    "HI": (good * 0.5 * parameters["hi_scale"])[..., None] * shape,
                    "H2": (0.5 * parameters["xco_scale"])[..., None] * shape,
                }
            )
        return tuple(found)


@dataclasses.dataclass(frozen=True)
class TestSky:
    """The test's own sky model."""

    __test__ = False
    spoil: float = np.inf
    relative_error: float = 0.01
    fingerprint: str = "power laws"
    box: Mapping[str, tuple[float, float]] = dataclasses.field(
        default_factory=lambda: {"delta_slope": (0.0, 0.1), "halo_height": (2.0, 12.0)}
    )
    description: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def parameters(self, requests: Sequence[Request]) -> SkyParameters:
        return galactic_parameters(self.box, requests)

    def bind(self, requests: Sequence[Request]) -> BoundModel:
        return PowerLaws(tuple(requests), self.spoil)


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def likelihoods(**options: Any) -> list[Likelihood]:
    return [load_likelihood(name, options) for name in NAMES]


@pytest.fixture
def posterior() -> Posterior:
    return posterior_for(load_hypothesis("gamma-optimized-min"), likelihoods(), TestSky())


def draws(posterior: Posterior, *shape: int) -> np.ndarray:
    unit = np.random.default_rng(4).random((*shape, len(posterior.names)))
    return posterior.prior_transform(unit)


def test_it_is_a_target_with_nuisances_after_the_hypothesis(posterior: Posterior) -> None:
    assert isinstance(posterior, Target)
    free = tuple(parameter.name for parameter in posterior.hypothesis.free)
    assert posterior.names == (*free, "lhaaso_km2a_inner_systematic", "lhaaso_km2a_outer_systematic")
    assert "helium_norm" not in posterior.names
    assert posterior.n_data == 15


def test_the_fiducial_point_holds_the_published_values(posterior: Posterior) -> None:
    values = dict(zip(posterior.names, posterior.fiducial, strict=True))
    assert values["proton_norm"] == 3.285e4
    assert values["delta_slope"] == 0.04
    assert values["lhaaso_km2a_inner_systematic"] == 0
    assert np.isfinite(posterior.log_prior(posterior.fiducial))
    assert float(posterior.values(posterior.fiducial)["helium_norm"]) == 3.55e3


def test_the_total_is_the_sum_of_the_data_sets(posterior: Posterior) -> None:
    theta = draws(posterior, 7)
    parts = posterior.log_likelihood_per_data_set(theta)
    assert tuple(parts) == NAMES
    np.testing.assert_allclose(posterior.log_likelihood(theta), parts[NAMES[0]] + parts[NAMES[1]])


def test_each_data_set_gets_its_own_predictions_and_the_models_error(posterior: Posterior) -> None:
    theta = posterior.fiducial
    for original in likelihoods():
        (intensity,) = posterior.intensities(theta)[original.name]
        prediction = original.binned_prediction((intensity,))
        np.testing.assert_allclose(posterior.predictions(theta)[original.name], prediction)
        nuisances = {nuisance.name: np.array(0.0) for nuisance in original.nuisances}
        expected = original.with_model_error(0.01).log_likelihood((intensity,), nuisances)
        assert float(posterior.log_likelihood_per_data_set(theta)[original.name]) == pytest.approx(float(expected))
        assert float(posterior.chi2_profiled(theta)[original.name]) <= float(posterior.chi2(theta)[original.name])


@pytest.mark.parametrize("shape", [(), (1,), (BLOCK,), (BLOCK + 1,), (3, 2 * BLOCK)])
def test_any_batch_gives_the_numbers_of_single_points(posterior: Posterior, shape: tuple[int, ...]) -> None:
    theta = draws(posterior, *shape)
    values = posterior.log_likelihood(theta)
    assert np.shape(values) == shape
    assert posterior.predictions(theta)[NAMES[0]].shape == (*shape, 10)
    flat, points = np.reshape(values, -1), theta.reshape(-1, theta.shape[-1])
    for index in {0, len(points) // 2, len(points) - 1}:
        assert float(posterior.log_likelihood(points[index])) == pytest.approx(float(flat[index]))


def test_outside_the_box_the_likelihood_is_zero_and_nothing_else_changes(posterior: Posterior) -> None:
    theta = draws(posterior, 5)
    expected = posterior.log_likelihood(theta)
    column = posterior.names.index("halo_height")
    theta[1, column], theta[3, column] = 12.5, np.nan
    values = posterior.log_likelihood(theta)
    assert values[1] == values[3] == -np.inf
    np.testing.assert_array_equal(values[[0, 2, 4]], expected[[0, 2, 4]])


def test_a_likelihood_that_is_not_a_number_stops_with_data_set_and_parameters() -> None:
    spoilt = posterior_for(load_hypothesis("base-min"), likelihoods(), TestSky(spoil=6.0))
    theta = draws(spoilt, 3)
    theta[:, spoilt.names.index("halo_height")] = [4.0, 7.25, 5.0]
    with pytest.raises(LikelihoodError) as caught:
        spoilt.log_likelihood(theta)
    assert "lhaaso_km2a_inner" in str(caught.value)
    assert "halo_height = 7.25" in str(caught.value)


def test_data_sets_may_share_a_systematic() -> None:
    joint = posterior_for(load_hypothesis("base-min"), likelihoods(systematic_name="km2a_scale"), TestSky())
    assert joint.names.count("km2a_scale") == 1
    assert set(joint.nuisance_values(joint.fiducial)) == {"km2a_scale"}


def test_chi2_of_all_has_the_pull_of_a_shared_error_once() -> None:
    shared = {"kind": "energy-correlated", "shared_with": list(NAMES), "name": "km2a"}
    joint = posterior_for(load_hypothesis("base-min"), likelihoods(systematics=shared), TestSky())
    theta = draws(joint, 5)
    values = joint.nuisance_values(theta)
    once = sum(joint.chi2(theta).values()) - sum(values[name] ** 2 for name in values)
    np.testing.assert_allclose(joint.chi2_of_all(theta), once)
    np.testing.assert_allclose(joint.chi2_of_all(theta, [NAMES[1]]), joint.chi2(theta)[NAMES[1]])
    apart = posterior_for(load_hypothesis("base-min"), likelihoods(), TestSky())
    theta = draws(apart, 5)
    np.testing.assert_allclose(apart.chi2_of_all(theta), sum(apart.chi2(theta).values()))


def test_simulated_data_give_back_their_truth(posterior: Posterior) -> None:
    rng = np.random.default_rng(8)
    intensities = posterior.intensities(posterior.fiducial)
    chi2 = []
    for _ in range(200):
        drawn = [
            likelihood.simulate(rng, intensities[likelihood.name], {name.name: 0.0 for name in likelihood.nuisances})
            for likelihood in posterior.likelihoods
        ]
        again = dataclasses.replace(posterior, likelihoods=tuple(drawn))
        chi2.append(sum(float(value) for value in again.chi2(posterior.fiducial).values()))
    assert np.mean(chi2) == pytest.approx(15.0, abs=4 * np.sqrt(2 * 15 / 200))


# --- what is refused


def test_a_missing_parameter_is_named_with_the_sets_that_give_it() -> None:
    with pytest.raises(UserError) as caught:
        posterior_for(build_hypothesis("h", ["min", "gas"]), likelihoods(), TestSky())
    assert "'delta_slope'" in str(caught.value)
    assert "base, base_published, gamma_optimized" in str(caught.value)


def test_missing_local_spectra_are_named() -> None:
    with pytest.raises(UserError, match="proton_norm") as caught:
        posterior_for(build_hypothesis("h", ["base", "gas"]), likelihoods(), TestSky())
    assert "max, min" in caught.value.fix


def without(hypothesis: Hypothesis, *stems: str) -> Hypothesis:
    kept = tuple(one for one in hypothesis.parameters if not one.name.startswith(stems))
    return dataclasses.replace(hypothesis, parameters=kept)


def test_gamma_rays_need_helium_even_when_no_prior_set_speaks_of_it() -> None:
    with pytest.raises(UserError, match="'helium_norm'") as caught:
        posterior_for(without(load_hypothesis("base-min"), "helium_"), likelihoods(), TestSky())
    assert "min" in caught.value.fix
    with pytest.raises(UserError, match="'helium_slope_1'"):
        posterior_for(without(load_hypothesis("base-min"), "helium_slope", "helium_break"), likelihoods(), TestSky())


def test_cosmic_rays_at_the_sun_need_their_own_spectrum_alone() -> None:
    protons = without(build_hypothesis("h", ["min"]), "helium_")
    check_parameters(protons, TestSky(), [Request("proton", (1e3,))])
    with pytest.raises(UserError, match=r"'halo_height'|'delta_slope'"):
        check_parameters(protons, TestSky(), [Request("proton", (1e3,), radius=4.0)])
    with pytest.raises(UserError, match="'helium_norm'"):
        check_parameters(protons, TestSky(), [Request("helium", (1e3,))])


def test_scales_of_electrons_are_refused_by_a_sky_without_electrons() -> None:
    from crsea_infer.emulator import load
    from crsea_infer.emulator.response.response_sky import ExactSky

    model = load()
    bare = ExactSky(dataclasses.replace(model.settings, electrons=None))  # type: ignore[attr-defined]
    hypothesis = build_hypothesis("h", ["base", "min", "gas", "leptons"])
    check_parameters(hypothesis, model, SKY)
    with pytest.raises(UserError, match="acts on nothing") as caught:
        check_parameters(hypothesis, bare, SKY)
    assert caught.value.fix == "leave the prior set 'leptons' out of the hypothesis"


def changed(hypothesis: Hypothesis, old: str, **changes: Any) -> Hypothesis:
    parameters = tuple(
        dataclasses.replace(parameter, **changes) if parameter.name == old else parameter
        for parameter in hypothesis.parameters
    )
    return dataclasses.replace(hypothesis, parameters=parameters)


def test_a_parameter_of_no_use_is_a_misspelt_one() -> None:
    hypothesis = changed(load_hypothesis("base-min"), "hi_scale", name="hi_scal")
    with pytest.raises(UserError) as caught:
        check_parameters(hypothesis, TestSky(), SKY)
    assert "hi_scal" in caught.value.given
    assert caught.value.fix == "did you mean 'hi_scale'?"


def test_a_published_value_outside_the_box_is_refused() -> None:
    hypothesis = changed(load_hypothesis("base-min"), "halo_height", fiducial=20.0)
    with pytest.raises(UserError, match="halo_height = 20") as caught:
        posterior_for(hypothesis, likelihoods(), TestSky())
    assert "2 to 12 kpc" in caught.value.valid


def test_no_data_and_data_given_twice_are_refused() -> None:
    hypothesis = load_hypothesis("base-min")
    with pytest.raises(UserError, match="no likelihood"):
        posterior_for(hypothesis, [], TestSky())
    with pytest.raises(UserError, match="twice"):
        posterior_for(hypothesis, [likelihoods()[0]] * 2, TestSky())


def test_a_nuisance_may_not_be_called_like_a_parameter() -> None:
    with pytest.raises(UserError, match="systematic_name"):
        posterior_for(load_hypothesis("base-min"), likelihoods(systematic_name="hi_scale"), TestSky())


def test_the_packaged_hypotheses_fit_the_shipped_sky_model() -> None:
    from crsea_infer.emulator import load

    model = load()
    for name in ("base-min", "base-max", "gamma-optimized-min", "gamma-optimized-max", "gamma-optimized-free-min"):
        check_parameters(load_hypothesis(name), model, SKY)


def test_the_shipped_sky_model_gives_finite_likelihoods_all_over_the_prior() -> None:
    from crsea_infer.emulator import load

    posterior = posterior_for(load_hypothesis("gamma-optimized-max"), likelihoods(), load())
    assert np.all(np.isfinite(posterior.log_likelihood(draws(posterior, 300))))


@pytest.mark.slow
def test_jax_gives_the_same_numbers(posterior: Posterior) -> None:
    jax = pytest.importorskip("jax")
    theta = draws(posterior, 4)
    with jax.enable_x64(True):
        ours = posterior.log_likelihood(jax.numpy.asarray(theta))
        np.testing.assert_allclose(np.asarray(ours), posterior.log_likelihood(theta), rtol=1e-9)


# --- morphology, observations, points


def test_each_hypothesis_meets_its_own_template() -> None:
    data = [*likelihoods(), load_likelihood("icecube_galactic_plane")]
    base, optimized = (
        posterior_for(load_hypothesis(name), data, TestSky()) for name in ("base-min", "gamma-optimized-min")
    )
    best = [posterior.likelihoods[-1].values[0] for posterior in (base, optimized)]  # type: ignore[attr-defined]
    assert best == [21.8, 0.551]
    homeless = dataclasses.replace(load_hypothesis("base-min"), morphology=None)
    with pytest.raises(UserError, match="does not say its morphology"):
        posterior_for(homeless, data, TestSky())


def test_one_observation_is_not_counted_twice() -> None:
    data = [load_likelihood("icecube_pi0"), load_likelihood("icecube_kra5")]
    with pytest.raises(UserError, match="same observation") as caught:
        posterior_for(load_hypothesis("base-min"), data, TestSky())
    assert "icecube_pi0" in caught.value.given
    assert "icecube_kra5" in caught.value.given


def test_points_sum_to_their_data_set(posterior: Posterior) -> None:
    theta = draws(posterior, 3)
    pointwise, whole = posterior.log_likelihood_pointwise(theta), posterior.log_likelihood_per_data_set(theta)
    for name in NAMES:
        assert pointwise[name].shape == (3, {"lhaaso_km2a_inner": 10, "lhaaso_km2a_outer": 5}[name])
        np.testing.assert_allclose(np.sum(pointwise[name], axis=-1), whole[name])


def test_predictions_hold_the_norms_of_sources() -> None:
    fermi = posterior_for(load_hypothesis("base-min"), [load_likelihood("fermi_lat_longitude_30_40")], TestSky())
    theta = np.stack([fermi.fiducial, fermi.fiducial])
    theta[1, fermi.names.index("fermi_lat_longitude_l30_sources")] = 1.5
    low, high = fermi.predictions(theta)["fermi_lat_longitude_30_40"]
    assert np.all(high > low)

"""Sources and isotropic background in flux points: their spectra, norms, and the fit of all nuisances together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import optimize

from crsea_infer.content.finding import packaged_root
from crsea_infer.inference.likelihoods.extra_components import power_law_between
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

NAME = "fermi_lat_longitude_30_40"
SCALE = "fermi_lat_longitude_scale"
NORMS = ("fermi_lat_longitude_l30_sources", "fermi_lat_longitude_unresolved", "fermi_lat_isotropic")


def load(name: str = NAME, **options: Any) -> FluxPoints:
    likelihood = load_likelihood(name, options)
    assert isinstance(likelihood, FluxPoints)
    return likelihood


def sky(likelihood: FluxPoints, norm: float = 1.0) -> tuple[np.ndarray, ...]:
    energies = np.array(likelihood.requests[0].energies)
    return (norm * 2.6e-6 * (energies / 3.2) ** -2.6,)


def at(likelihood: FluxPoints, **values: float) -> dict[str, np.ndarray]:
    nominal = {nuisance.name: nuisance.fiducial for nuisance in likelihood.nuisances}
    return {name: np.array(value) for name, value in (nominal | values).items()}


def test_power_laws_run_between_the_energies_of_a_table_and_beyond() -> None:
    grid = np.array([1.0, 10.0, 100.0])
    values = np.array([1.0, 1e-2, 1e-5])
    at_energies = np.array([0.8, 3.0, 30.0, 120.0])
    expected = [0.8**-2, 3.0**-2, 1e-2 * 3.0**-3, 1e-2 * 12.0**-3]
    np.testing.assert_allclose(power_law_between(at_energies, grid, values), expected)


def test_components_are_averaged_over_the_bins_and_scaled_by_their_norms() -> None:
    likelihood = load()
    assert tuple(nuisance.name for nuisance in likelihood.nuisances) == (SCALE, *NORMS)
    nothing = likelihood.binned_prediction(sky(likelihood), at(likelihood, **dict.fromkeys(NORMS, 0.0)))
    twice = likelihood.binned_prediction(sky(likelihood), at(likelihood, **{NORMS[0]: 2.0}))
    nominal = likelihood.binned_prediction(sky(likelihood))
    # 4FGL sources near 20 GeV as drawn: 2.558e-9 at 19.95 GeV, averaged over the bin from 15.85 to 25.12 GeV
    assert twice[4] - nominal[4] == pytest.approx(2.558e-9, rel=0.08)
    energies = np.geomspace(15.85, 25.12, 2001)
    curve = 2.558e-9 * (energies / 19.95) ** np.where(energies < 19.95, np.log(2.558e-9 / 1.071e-8) / np.log(19.95 / 12.59), np.log(6.324e-10 / 2.558e-9) / np.log(31.62 / 19.95))  # fmt: skip  # noqa: E501
    assert twice[4] - nominal[4] == pytest.approx(np.trapezoid(curve, energies) / (25.12 - 15.85), rel=2e-3)
    total = nothing + sum(component.prediction for component in likelihood.components)
    np.testing.assert_allclose(nominal, total)


def test_the_likelihood_sees_the_norms() -> None:
    likelihood = load()
    plain = float(likelihood.chi2(sky(likelihood), at(likelihood)))
    raised = at(likelihood, **{NORMS[2]: 1.4})
    moved = float(likelihood.chi2(sky(likelihood), raised))
    residual = likelihood.values - likelihood.binned_prediction(sky(likelihood), raised)
    sigma = np.where(residual < 0, likelihood.error_high, likelihood.error_low)
    assert moved == pytest.approx(float(np.sum((residual / sigma) ** 2)) + (0.4 / 0.2) ** 2)
    assert moved != pytest.approx(plain)


@pytest.mark.parametrize("norm", [0.5, 0.9, 1.3, 2.0])
@pytest.mark.parametrize("name", [NAME, "fermi_lat_masked_inner", "fermi_lat_inner_galaxy"])
def test_the_profiled_chi2_is_the_least_over_all_nuisances(name: str, norm: float) -> None:
    likelihood = load(name)
    first = likelihood.values[0] / likelihood.binned_prediction(sky(likelihood))[0]
    prediction = sky(likelihood, norm * float(first))
    names = [nuisance.name for nuisance in likelihood.nuisances]
    bounds = [(max(nuisance.distribution.lower, -50.0), 50.0) for nuisance in likelihood.nuisances]

    def chi2(values: np.ndarray) -> float:
        return float(likelihood.chi2(prediction, dict(zip(names, map(np.asarray, values), strict=True))))

    start = [nuisance.fiducial for nuisance in likelihood.nuisances]
    found = optimize.minimize(chi2, start, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-15, "gtol": 1e-9})
    ours = float(likelihood.chi2_profiled(prediction))
    assert ours == pytest.approx(found.fun, rel=2e-5)
    assert ours <= found.fun * (1 + 1e-9)
    best = likelihood.best_nuisances(prediction)
    assert all(float(best[name]) >= 0 for name in names[1:])


def test_pointwise_terms_sum_to_the_likelihood_and_jax_agrees() -> None:
    likelihood = load()
    values = at(likelihood, **{SCALE: 0.3})
    terms = likelihood.log_likelihood_pointwise(sky(likelihood), values)
    total = float(likelihood.log_likelihood(sky(likelihood), values))
    assert terms.shape == (10,)
    assert float(terms.sum()) == pytest.approx(total)
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        inputs = tuple(jax.numpy.asarray(one) for one in sky(likelihood))
        traced = {name: jax.numpy.asarray(value) for name, value in values.items()}
        assert float(jax.jit(likelihood.log_likelihood)(inputs, traced)) == pytest.approx(total)


def test_one_scale_moves_both_masked_regions() -> None:
    inner, outer = load("fermi_lat_masked_inner"), load("fermi_lat_masked_outer")
    assert inner.nuisances[0].name == outer.nuisances[0].name == "fermi_lat_masked_scale"
    np.testing.assert_allclose(inner.systematic / inner.values, 0.1, atol=0.001)
    shared = {nuisance.name for nuisance in inner.nuisances} & {nuisance.name for nuisance in outer.nuisances}
    assert shared == {"fermi_lat_masked_scale", "fermi_lat_isotropic"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('column = "isotropic"', 'column = "isotropc"', ["isotropc", "did you mean 'isotropic'"]),
        ("norm_error = 1.0", "norm_error = 0.0", ["norm_error", "above 0"]),
        ("common_error_share = 0.9", "common_error_share = 1.5", ["common_error_share", "between 0 and 1"]),
        ('components_table = "components.ecsv"', 'components_table = "none.ecsv"', ["none.ecsv"]),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    home = copied(tmp_path)
    text = (home / "likelihood.toml").read_text()
    assert old in text
    (home / "likelihood.toml").write_text(text.replace(old, new))
    with pytest.raises(UserError) as caught:
        load_likelihood(f"{home}/")
    for word in words:
        assert word in str(caught.value)


def copied(tmp_path: Path) -> Path:
    home = tmp_path / "mine"
    home.mkdir()
    for item in (packaged_root() / "likelihoods" / NAME).iterdir():
        (home / item.name).write_text(item.read_text())
    return home


def test_a_components_table_must_cover_the_points(tmp_path: Path) -> None:
    home = copied(tmp_path)
    lines = (home / "components.ecsv").read_text().splitlines()
    (home / "components.ecsv").write_text("\n".join(lines[:-2]) + "\n")
    with pytest.raises(UserError, match="covers 3 to"):
        load_likelihood(f"{home}/")

"""IceCube's template fits: the norm, the curve through the published numbers, the choice of template."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from crsea_infer.inference.likelihoods.likelihood import FollowsMorphology, Likelihood, load_likelihood
from crsea_infer.inference.likelihoods.template_normalisation import NormCurve, TemplateNormalisation
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("icecube_pi0", "icecube_kra5", "icecube_kra50")


def load(name: str = "icecube_pi0", **options: Any) -> TemplateNormalisation:
    likelihood = load_likelihood(name, options)
    assert isinstance(likelihood, TemplateNormalisation)
    return likelihood


def intensity_of_norm(likelihood: TemplateNormalisation, norm: float) -> np.ndarray:
    """A sky whose flux is proportional to E^-2.7, of the given norm."""
    shape = np.array(likelihood.requests[0].energies) ** -2.7
    return norm * shape / likelihood.binned_prediction((shape,))[0]


def test_it_asks_for_neutrinos_of_the_whole_sky_in_the_quoted_range() -> None:
    likelihood = load()
    assert isinstance(likelihood, Likelihood)
    assert isinstance(likelihood, FollowsMorphology)
    (request,) = likelihood.requests
    assert (request.messenger, request.region) == ("neutrino", "full_sky")
    assert min(request.energies) > 796
    assert max(request.energies) < 68869


def test_the_pi0_norm_of_its_own_spectrum_is_that_of_its_definition() -> None:
    # E^2 dN/dE = 21.8e-12 TeV cm-2 s-1 at 100 TeV, sky-integrated: an intensity of that over 4 pi
    likelihood = load()
    energies = np.array(likelihood.requests[0].energies)
    intensity = 21.8e-12 * 1e3 / 1e5**2 * (energies / 1e5) ** -2.7 / (4 * math.pi)
    np.testing.assert_allclose(likelihood.binned_prediction((intensity,)), [21.8], rtol=2e-4)
    assert float(likelihood.chi2((intensity,), {})) == pytest.approx(0.0, abs=1e-3)
    assert float(likelihood.log_likelihood((intensity,), {})) == pytest.approx(22.19 / 2, abs=1e-3)


def test_a_softer_spectrum_counts_by_the_events_it_makes() -> None:
    """Against direct integration of flux times effective area over the quoted range."""
    from astropy.table import Table

    from crsea_infer.content.finding import packaged_root

    likelihood = load("icecube_kra5")
    home = packaged_root() / "likelihoods" / "icecube_kra5"
    area = Table.read(home / "effective_area.ecsv", format="ascii.ecsv")
    template = Table.read(home / "kra_gamma_5_spectrum.ecsv", format="ascii.ecsv")
    energy = np.geomspace(968, 99713, 20000)

    def at(table: Any, column: str) -> np.ndarray:
        x, y = np.log(table["energy"]), np.log(table[column])
        inner = np.interp(np.log(energy), x, y)
        first, last = (y[1] - y[0]) / (x[1] - x[0]), (y[-1] - y[-2]) / (x[-1] - x[-2])
        inner = np.where(np.log(energy) < x[0], y[0] + first * (np.log(energy) - x[0]), inner)
        return np.exp(np.where(np.log(energy) > x[-1], y[-1] + last * (np.log(energy) - x[-1]), inner))

    def flux(at_energy: np.ndarray) -> np.ndarray:
        return 3e-9 * (at_energy / 1e4) ** -2.5 * np.exp(-at_energy / 2e5)

    acceptance = at(area, "effective_area")
    expected = np.trapezoid(flux(energy) * acceptance, energy) / np.trapezoid(at(template, "flux") * acceptance, energy)
    intensity = flux(np.array(likelihood.requests[0].energies)) / (4 * math.pi)
    np.testing.assert_allclose(likelihood.binned_prediction((intensity,)), [expected], rtol=2e-3)


@pytest.mark.parametrize(
    ("name", "best", "low", "high", "ts"),
    [
        ("icecube_pi0", 21.8, 16.9, 27.1, 22.19),
        ("icecube_kra5", 0.551, 0.398, 0.726, 19.06),
        ("icecube_kra50", 0.372, 0.260, 0.500, 15.56),
    ],
)
def test_the_curve_passes_through_the_published_numbers(
    name: str, best: float, low: float, high: float, ts: float
) -> None:
    likelihood = load(name)
    for norm, below_best in ((best, 0.0), (low, 0.5), (high, 0.5), (1e-9 * best, ts / 2)):
        value = float(likelihood.log_likelihood((intensity_of_norm(likelihood, norm),), {}))
        assert value == pytest.approx(ts / 2 - below_best, abs=1e-6)
    norms = np.linspace(1e-3 * best, 5 * best, 400)
    curve = [float(likelihood.log_likelihood((intensity_of_norm(likelihood, norm),), {})) for norm in norms]
    assert np.all(np.diff(curve[: int(np.argmax(curve))]) > 0)
    assert np.all(np.diff(curve[int(np.argmax(curve)) :]) < 0)


def test_a_curve_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="below norm 0"):
        NormCurve.through(1.0, 1.2, 0.5, 4.0)
    with pytest.raises(ValueError, match="TS"):
        NormCurve.through(1.0, 0.9, 0.5, 0.1)


def test_each_hypothesis_meets_the_template_of_its_morphology() -> None:
    likelihood = load("icecube_galactic_plane")
    pi0 = likelihood.with_morphology("pi0", "base-min")
    kra = likelihood.with_morphology("kra_gamma", "gamma-optimized-min")
    assert (pi0.curve.best, kra.curve.best) == (21.8, 0.551)
    assert pi0.requests != kra.requests
    with pytest.raises(UserError, match="does not say its morphology") as caught:
        likelihood.with_morphology(None, "mine")
    assert "pi0, kra_gamma" in caught.value.valid
    with pytest.raises(UserError, match="'kra_gama'"):
        likelihood.with_morphology("kra_gama", "mine")


def test_a_run_may_choose_one_template_for_all() -> None:
    likelihood = load("icecube_galactic_plane", template="kra_gamma_50")
    assert likelihood.with_morphology("pi0", "base-min").curve.best == 0.372
    with pytest.raises(UserError, match="kra_gamma_50"):
        load("icecube_galactic_plane", template="kra_gama_50")


@pytest.mark.parametrize("name", NAMES)
def test_simulated_fits_pull_as_a_standard_normal(name: str) -> None:
    likelihood = load(name)
    rng = np.random.default_rng(5)
    intensity = intensity_of_norm(likelihood, 1.2 * likelihood.curve.best)
    drawn = [likelihood.simulate(rng, (intensity,), {}) for _ in range(400)]
    pulls = np.array([float(one.pulls((intensity,), {})[0]) for one in drawn])
    assert stats.kstest(pulls, stats.norm.cdf).pvalue > 1e-3
    assert all(one.curve.test_statistic >= 0 for one in drawn)


def test_the_models_own_error_counts_in_the_norm() -> None:
    likelihood = load()
    intensity = intensity_of_norm(likelihood, 30.0)
    plain, wide = (one.chi2((intensity,), {}) for one in (likelihood, likelihood.with_model_error(0.2)))
    sigma = (30.0 - 21.8) / math.sqrt(float(plain))
    assert float(wide) == pytest.approx((30.0 - 21.8) ** 2 / (sigma**2 + 6.0**2))


def test_jax_gives_the_same_numbers() -> None:
    jax = pytest.importorskip("jax")
    likelihood = load()
    batch = np.stack([intensity_of_norm(likelihood, norm) for norm in (2.0, 20.0, 60.0)])
    expected = likelihood.log_likelihood((batch,), {})
    with jax.enable_x64(True):
        found = jax.jit(likelihood.log_likelihood)((jax.numpy.asarray(batch),), {})
        np.testing.assert_allclose(np.asarray(found), expected)


def test_tables_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    from crsea_infer.content.finding import packaged_root

    home = tmp_path / "mine"
    home.mkdir()
    for item in (packaged_root() / "likelihoods" / "icecube_pi0").iterdir():
        (home / item.name).write_text(item.read_text())
    spectrum = (home / "pi0_spectrum.ecsv").read_text()
    lines = spectrum.splitlines()
    (home / "pi0_spectrum.ecsv").write_text("\n".join(lines[:-6]) + "\n")
    with pytest.raises(UserError, match="68869"):
        load_likelihood(f"{home}/")
    (home / "pi0_spectrum.ecsv").write_text(spectrum)
    (home / "pi0_fit.ecsv").write_text((home / "pi0_fit.ecsv").read_text().replace("21.8,4.9", "21.8,22.9"))
    with pytest.raises(UserError, match="below norm 0"):
        load_likelihood(f"{home}/")

"""Template fits in events of several regions: the numbers of IceCube's release, and the fit of one sky as a limit."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy.table import Table
from scipy import integrate

from crsea_infer.content.finding import packaged_root
from crsea_infer.inference.likelihoods.likelihood import Likelihood, load_likelihood
from crsea_infer.inference.likelihoods.template_counts import TemplateCounts
from crsea_infer.inference.likelihoods.template_normalisation import TemplateNormalisation
from crsea_infer.physics.regions import parse_region
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = "icecube_pi0_counts"
FOLDER = packaged_root() / "likelihoods" / NAME


@pytest.fixture(scope="module")
def counts() -> TemplateCounts:
    found = load_likelihood(NAME)
    assert isinstance(found, TemplateCounts)
    assert isinstance(found, Likelihood)
    return found


def bands() -> Any:
    return Table.read(FOLDER / "shares.ecsv", format="ascii.ecsv")


def intensities(likelihood: TemplateCounts, norm: float, shares: np.ndarray, index: float = -2.7) -> tuple[Any, ...]:
    """The template itself: E^-2.7, `norm` of E^2 dN/dE in 1e-12 TeV cm-2 s-1 at 100 TeV, a share in each band."""
    energies = np.array(likelihood.requests[0].energies)
    flux = norm * 1e-12 * 1e3 / 1e5**2 * (energies / 1e5) ** index
    return tuple(flux * share / angle for share, angle in zip(shares, bands()["solid_angle"], strict=True))


def test_the_template_has_the_norm_that_it_has(counts: TemplateCounts) -> None:
    predictions = intensities(counts, 21.8, np.asarray(bands()["template_share"]))
    np.testing.assert_allclose(counts.binned_prediction(predictions), [21.8], rtol=2e-4)
    assert float(counts.chi2(predictions, {})) == pytest.approx(0.0, abs=1e-3)
    np.testing.assert_allclose(counts.counts(predictions), 21.8 * counts.at_norm_one, rtol=2e-3)


def test_its_events_are_those_that_the_release_fitted(counts: TemplateCounts) -> None:
    """In the quoted range of energy; 671 over all energies after correction, of which the range has 90 per cent."""
    assert 21.8 * counts.at_norm_one.sum() == pytest.approx(671.1, rel=0.1)


def test_counts_are_the_integrals_of_flux_and_area(counts: TemplateCounts) -> None:
    areas = Table.read(FOLDER / "areas.ecsv", format="ascii.ecsv")
    predictions = intensities(counts, 5.0, np.full(5, 0.2), index=-2.4)
    found = counts.counts(predictions)
    assert found.shape == (5, 4)
    low, high = counts.edges[1], counts.edges[2]
    energy = np.geomspace(low, high, 20001)
    area = np.exp(np.interp(np.log(energy), np.log(areas["energy"]), np.log(areas["area_4"])))
    flux = 0.2 * 5e-12 * 1e3 / 1e5**2 * (energy / 1e5) ** -2.4
    expected = 10 * 365.25 * 86400 * integrate.trapezoid(flux * area, energy)
    assert found[3, 1] == pytest.approx(expected, rel=1e-3)


def test_with_the_template_s_shares_it_is_the_fit_of_the_whole_sky(counts: TemplateCounts) -> None:
    """The mean area of icecube_pi0 is that over the same map: only the spectrum is another."""
    one = load_likelihood("icecube_pi0")
    assert isinstance(one, TemplateNormalisation)
    predictions = intensities(counts, 20.0, np.asarray(bands()["template_share"]), index=-2.5)
    whole = (
        sum(part * angle for part, angle in zip(predictions, bands()["solid_angle"], strict=True))
        / parse_region("full_sky").solid_angle
    )
    np.testing.assert_array_equal(one.requests[0].energies, counts.requests[0].energies)
    np.testing.assert_allclose(counts.binned_prediction(predictions), one.binned_prediction((whole,)), rtol=2e-3)


def test_emission_in_the_north_counts_more_events_than_in_the_south(counts: TemplateCounts) -> None:
    north, south = (np.eye(5)[k] for k in (4, 0))
    ratio = [float(counts.binned_prediction(intensities(counts, 1.0, shares))[0]) for shares in (north, south)]
    assert ratio[0] > 1.2
    assert ratio[1] < 1.0


def test_it_is_batched_and_drawn_like_any_template(counts: TemplateCounts) -> None:
    one = intensities(counts, 21.8, np.asarray(bands()["template_share"]))
    batch = tuple(np.stack([part, 2 * part]) for part in one)
    np.testing.assert_allclose(counts.log_likelihood(batch, {})[0], counts.log_likelihood(one, {}))
    many = tuple(np.broadcast_to(part, (2000, part.size)) for part in one)
    drawn = counts.simulate(np.random.default_rng(1), many, {})
    assert drawn.chi2(many, {}).mean() == pytest.approx(1.0, abs=0.2)
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        traced = counts.log_likelihood(tuple(map(jax.numpy.asarray, batch)), {})
        np.testing.assert_allclose(traced, counts.log_likelihood(batch, {}), rtol=1e-9)


def test_the_bands_are_those_of_the_release(shared_data: Path) -> None:
    import healpy

    release = shared_data / "icecube_release"
    energy, edges = (np.loadtxt(release / f"effa_bins_{name}.csv") for name in ("energy", "sindec"))
    areas = np.loadtxt(release / "effa_values.csv", delimiter=",")
    template = np.load(release / "Fermi-LAT_pi0_map.npy")
    height = healpy.pix2vec(128, np.arange(len(template)))[2]
    found = bands()
    np.testing.assert_allclose(found["sin_declination_min"], edges[:-1], atol=1e-6)
    share = np.histogram(height, bins=edges, weights=template)[0] / template.sum()
    np.testing.assert_allclose(found["template_share"], share, rtol=1e-5)
    np.testing.assert_allclose(found["solid_angle"], 2 * np.pi * np.diff(edges), rtol=1e-8)
    table = Table.read(FOLDER / "areas.ecsv", format="ascii.ecsv")
    centre = np.sqrt(energy[1:] * energy[:-1])
    for k in range(5):
        np.testing.assert_allclose(table[f"area_{k + 1}"], np.interp(table["energy"], centre, areas[k]), rtol=1e-4)


@pytest.mark.parametrize("row", range(5))
def test_a_mask_keeps_its_band_of_declination(counts: TemplateCounts, row: int) -> None:
    from astropy.coordinates import SkyCoord

    rng = np.random.default_rng(row)
    longitude, latitude = rng.uniform(-180, 180, 2000), np.degrees(np.arcsin(rng.uniform(-1, 1, 2000)))
    height = np.sin(SkyCoord(longitude, latitude, unit="deg", frame="galactic").icrs.dec.rad)
    region = parse_region(str(counts.requests[row].region))
    low, high = float(bands()["sin_declination_min"][row]), float(bands()["sin_declination_max"][row])
    inside = (height > low) & (height < high)
    away = np.minimum(np.abs(height - low), np.abs(height - high)) > 0.02
    np.testing.assert_array_equal(region.contains(longitude, latitude)[away], inside[away])


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("shares.ecsv", lambda text: "\n".join(text.splitlines()[:-1]), "4 shares"),
        ("shares.ecsv", lambda text: text.replace("0.271611", "0.371611"), "add up"),
        ("areas.ecsv", lambda text: text.replace("name: area_5", "name: area_6"), "area_"),
        ("areas.ecsv", lambda text: "\n".join(text.splitlines()[:-20]), "rising energies"),
        ("likelihood.toml", lambda text: text.replace("live_time = 10.0", "live_time = 0.0"), "live_time"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    tmp_path: Path, file: str, change: Callable[[str], str], message: str
) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(FOLDER, folder)
    path = folder / file
    text = path.read_text()
    if file == "areas.ecsv" and message == "area_":
        text = text.replace(",area_5", ",area_6")
    path.write_text(change(text))
    with pytest.raises(UserError) as caught:
        load_likelihood(str(folder))
    assert message in str(caught.value)

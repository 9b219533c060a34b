"""The catalogue's sources on top of a sky: the formula, what they leave alone, and their place in a posterior."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer import emulator
from crsea_infer.emulator.sky_model import Request
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.inference.catalogue_population import POPULATION_PARAMETERS, SkyWithPopulation
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.inference.unresolved_sources import with_unresolved_sources
from crsea_infer.physics.regions import REGIONS
from crsea_infer.physics.source_catalogue import leaked_light, plane_spectrum
from crsea_infer.physics.source_population import unresolved_intensity

REQUESTS = (
    Request("gamma", (1e3, 2e4, 1e5), "lhaaso_inner"),
    Request("gamma", (2e4,), "tibet_outer"),
    Request("neutrino", (1e3, 1e5), "full_sky"),
    Request("proton", (1e3,)),
)
GIVEN = {"population_leak": 1.5, "population_unresolved": 0.3, "population_tilt": 0.2}


def values_of() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Published values without and with the population, two points of each."""
    hypothesis = load_hypothesis("gamma-optimized-min")
    plain = {parameter.name: np.full(2, parameter.fiducial) for parameter in hypothesis.parameters}
    return plain, plain | {name: np.full(2, value) for name, value in GIVEN.items()}


@pytest.mark.slow
def test_leaks_and_faint_sources_are_added_to_gamma_rays_alone() -> None:
    plain, values = values_of()
    found = SkyWithPopulation(emulator.load(None)).bind(REQUESTS)(values)
    sea = emulator.load(None).bind(REQUESTS)(plain)
    energies = np.array(REQUESTS[0].energies)
    leak = leaked_light(REGIONS["lhaaso_inner"])
    assert leak is not None
    shape = plane_spectrum()(energies) / plane_spectrum()(np.array([5e4]))
    faint = unresolved_intensity(REGIONS["lhaaso_inner"]) * shape
    expected = (1.5 * leak(energies) + 0.3 * faint) * (energies / 5e4) ** -0.2
    np.testing.assert_allclose(found[0] - sea[0], [expected, expected], rtol=1e-9)
    np.testing.assert_allclose(  # without LHAASO's mask there is no leak
        found[1] - sea[1],
        0.3
        * unresolved_intensity(REGIONS["tibet_outer"])
        * plane_spectrum()(np.array([2e4]))
        / plane_spectrum()(np.array([5e4]))
        * 0.4**-0.2
        * np.ones((2, 1)),
        rtol=1e-9,
    )
    for k in (2, 3):
        np.testing.assert_array_equal(found[k], sea[k])


def test_components_add_up() -> None:
    _, values = values_of()
    bound = SkyWithPopulation(emulator.load(None)).bind(REQUESTS)
    for total, parts in zip(bound(values), bound.components(values), strict=True):
        np.testing.assert_allclose(sum(parts.values()), total)
    assert {"leaked sources", "faint sources"} <= set(bound.components(values)[0])


def test_hypotheses_with_a_population_have_its_parameters() -> None:
    hypothesis = load_hypothesis("gamma-optimized-min-population")
    posterior = posterior_for(hypothesis, [load_likelihood("lhaaso_km2a_inner")], emulator.load(None))
    assert set(POPULATION_PARAMETERS) <= set(posterior.names)
    assert np.isfinite(posterior.log_likelihood(posterior.fiducial))
    assert not isinstance(with_unresolved_sources(emulator.load(None), ["hi_scale"]), SkyWithPopulation)


@pytest.mark.parametrize("name", ["base-min", "base-max", "gamma-optimized-min", "gamma-optimized-max"])
def test_every_plain_hypothesis_has_one_with_a_population(name: str) -> None:
    plain, wider = load_hypothesis(name), load_hypothesis(f"{name}-population")
    added = [parameter.name for parameter in wider.parameters if parameter not in plain.parameters]
    assert added == list(POPULATION_PARAMETERS)

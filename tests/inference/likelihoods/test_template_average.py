"""IceCube averaged over templates: the mixture, its limits, and the same templates for every hypothesis."""

from __future__ import annotations

import filecmp
from typing import Any

import numpy as np
import pytest

from crsea_infer import emulator
from crsea_infer.content import finding
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.inference.likelihoods.likelihood import Likelihood, load_likelihood
from crsea_infer.inference.likelihoods.template_average import TemplateAverage
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.support.errors import UserError

TEMPLATES = {"pi0": "icecube_pi0", "kra_gamma_5": "icecube_kra5", "kra_gamma_50": "icecube_kra50"}


def load(**options: Any) -> TemplateAverage:
    likelihood = load_likelihood("icecube_averaged", options)
    assert isinstance(likelihood, TemplateAverage)
    assert isinstance(likelihood, Likelihood)
    return likelihood


def at_norms(likelihood: TemplateAverage, *norms: float) -> tuple[np.ndarray, ...]:
    """Intensities that give each template a norm."""
    return tuple(
        np.full(fit.template.weights.size, norm / fit.template.weights.sum())
        for fit, norm in zip(likelihood.fits, norms, strict=True)
    )


def test_it_is_the_weighted_mean_of_the_likelihoods_of_the_templates() -> None:
    likelihood = load()
    predictions = at_norms(likelihood, 2.0, 0.7, 0.2)
    expected = 0.0
    for fit, one, weight in zip(likelihood.fits, predictions, (0.5, 0.25, 0.25), strict=True):
        alone = load_likelihood(TEMPLATES[fit.template.name])
        expected += weight * np.exp(float(alone.log_likelihood((one,), {})))
    assert float(likelihood.log_likelihood(predictions, {})) == pytest.approx(np.log(expected))
    assert likelihood.log_likelihood_pointwise(predictions, {}).shape == (1,)


def test_weights_are_normalised_and_one_template_is_that_template() -> None:
    both = load(weights={"pi0": 3.0, "kra_gamma_5": 1.0})
    np.testing.assert_allclose(both.weights, [0.75, 0.25])
    single, alone = load(weights={"pi0": 7.0}), load_likelihood("icecube_pi0")
    prediction = at_norms(single, 1.3)
    for name in ("log_likelihood", "chi2", "pulls"):
        np.testing.assert_allclose(
            getattr(single, name)(prediction, {}), getattr(alone, name)(prediction, {}), rtol=1e-12
        )


def test_chi2_is_between_those_of_the_templates() -> None:
    likelihood = load()
    predictions = at_norms(likelihood, 2.0, 0.7, 0.2)
    parts = [float(fit.chi2((one,), {})) for fit, one in zip(likelihood.fits, predictions, strict=True)]
    assert min(parts) < float(likelihood.chi2(predictions, {})) < max(parts)
    np.testing.assert_allclose(likelihood.shares(predictions).sum(), 1.0)


def test_simulated_fits_are_nearer_than_a_few_sigma_and_differ() -> None:
    likelihood, rng = load(), np.random.default_rng(1)
    predictions = at_norms(likelihood, 2.0, 0.7, 0.2)
    drawn = [likelihood.simulate(rng, predictions, {}) for _ in range(50)]
    chi2 = [float(one.chi2(predictions, {})) for one in drawn]
    assert 0.4 < np.mean(chi2) < 2.0
    assert len({float(one.values[0]) for one in drawn}) == 50


def test_every_hypothesis_meets_the_same_templates() -> None:
    model = emulator.load(None)
    for name in ("base-min", "gamma-optimized-min"):
        posterior = posterior_for(load_hypothesis(name), [load()], model)
        (likelihood,) = posterior.likelihoods
        assert isinstance(likelihood, TemplateAverage)
        assert [fit.template.name for fit in likelihood.fits] == list(TEMPLATES)
        assert np.isfinite(posterior.log_likelihood(posterior.fiducial))


def test_it_is_not_used_beside_the_same_events() -> None:
    pair = [load(), load_likelihood("icecube_pi0")]
    with pytest.raises(UserError, match="same observation"):
        posterior_for(load_hypothesis("base-min"), pair, emulator.load(None))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": {}}, "has no weights"),
        ({"weights": {"pi": 1.0}}, "pi0"),
        ({"weights": {"pi0": 0.0}}, "above 0"),
        ({"template": "pi0"}, "template-normalisation"),
    ],
)
def test_what_has_no_meaning_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        load(**options)
    assert message in str(caught.value)


def test_its_tables_are_those_of_the_other_folders() -> None:
    root = finding.packaged_root() / "likelihoods"
    for path in (root / "icecube_averaged").glob("*.ecsv"):
        assert filecmp.cmp(path, root / "icecube_galactic_plane" / path.name, shallow=False)

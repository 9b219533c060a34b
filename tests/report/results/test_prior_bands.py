"""Bands of priors: their middle is the published spectrum, their width that of the prior."""

from __future__ import annotations

import numpy as np
import pytest

from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.hypotheses.prior_sets import load_prior_set
from crsea_infer.report.results.prior_bands import hypothesis_with, local_bands, prior_values


def test_the_norm_of_min_at_ten_tev_and_its_error_are_those_of_its_file() -> None:
    bands = local_bands(load_hypothesis("base-min"), ["proton_norm"], "proton", np.array([1e3, 1e4, 1e5]))
    scale = bands.energies**2.8
    assert (bands.published * scale)[1] == pytest.approx(3.285e4, rel=1e-12)
    np.testing.assert_allclose(bands.quantiles[2], bands.published, rtol=5e-3)
    np.testing.assert_allclose(np.log(bands.quantiles[3] / bands.quantiles[1]) / 2, np.log(1.05) * 0.99446, rtol=0.06)


def test_parameters_that_do_not_vary_keep_their_published_values() -> None:
    hypothesis = load_hypothesis("gamma-optimized-min")
    values = prior_values(hypothesis, ["hi_scale"], 50)
    assert np.ptp(values["hi_scale"]) > 0
    assert np.all(values["halo_height"] == hypothesis.fiducial["halo_height"])
    inside = prior_values(hypothesis, ["halo_height"], 200, {"halo_height": (4.0, 6.0)})["halo_height"]
    assert 0 < inside.size < 200
    assert inside.min() >= 4.0


@pytest.mark.parametrize(
    ("name", "found"), [("min", "base-min"), ("gsf", "base-gsf"), ("leptons", "shown"), ("max_equal_widths", None)]
)
def test_a_prior_set_is_shown_in_a_hypothesis_that_has_it(name: str, found: str | None) -> None:
    hypothesis = hypothesis_with(load_prior_set(name))
    assert found is None or hypothesis.name == found
    assert {one.name for one in load_prior_set(name).parameters} <= set(hypothesis.fiducial)

"""Samples for other packages: each file holds what its format says, and the packages that are installed open them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.special import logsumexp

from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.nested_volumes import Deaths, integrate, live_counts
from crsea_infer.report.exports import FORMATS, birth_contours, export_samples
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.inference.samplers.sampler import SamplerResult
    from crsea_infer.report.results.summary import RunSummary


@pytest.fixture
def weighted(nested_run: RunSummary) -> tuple[SamplerResult, tuple[Parameter, ...]]:
    """A nested run of 3000 dead points, at first among 200 live ones, whose ln Z integrates to what it says."""
    item = nested_run.hypotheses[1]
    result = item.results["dynesty"]
    order = np.argsort(result.log_likelihood)
    n = len(order)
    live = np.minimum(200.0, np.arange(float(n), 0.0, -1.0))
    spread = np.linspace(600.0, 620.0, n)
    lnz, log_weights = integrate(Deaths(spread, live))
    return (
        replace(
            result,
            samples=result.samples[order],
            unit_samples=result.unit_samples[order],
            log_likelihood=spread,
            log_weights=log_weights,
            live=live,
            evidence=Evidence(lnz, 0.1, "nested sampling"),
        ),
        item.parameters,
    )


def test_births_give_the_live_points_again() -> None:
    log_likelihood = np.sort(np.random.default_rng(1).normal(size=60))
    for live in (
        np.minimum(20.0, np.arange(60.0, 0.0, -1.0)),
        np.array([*np.full(20, 10.0), *np.full(25, 15.0), *np.arange(15.0, 0.0, -1.0)]),
    ):
        births = birth_contours(log_likelihood, live)
        assert np.all(births < log_likelihood)
        assert np.array_equal(live_counts(births, log_likelihood), live)


def test_csv_is_the_weighted_posterior(weighted: Any, tmp_path: Path) -> None:
    result, parameters = weighted
    (path,) = export_samples(result, parameters, "csv", tmp_path / "new", "x")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(result.samples)
    weights = np.array([float(row["weight"]) for row in rows])
    assert weights.sum() == pytest.approx(1.0)
    for index, one in enumerate(parameters):
        mean = weights @ np.array([float(row[one.name]) for row in rows])
        assert mean == pytest.approx(result.weights @ result.samples[:, index], rel=1e-12)
    assert float(rows[7]["log_likelihood"]) == result.log_likelihood[7]
    assert float(rows[7]["live_points"]) == 200.0


def test_getdist_has_weight_and_density_before_the_parameters(weighted: Any, tmp_path: Path) -> None:
    result, parameters = weighted
    paths = {path.suffix: path for path in export_samples(result, parameters, "getdist", tmp_path, "x")}
    table = np.loadtxt(paths[".txt"])
    assert table.shape == (np.count_nonzero(result.weights), 2 + len(parameters))
    log_prior = sum(float(one.distribution.log_pdf(result.samples[-1, i])) for i, one in enumerate(parameters))
    assert -table[-1, 1] == pytest.approx(result.log_likelihood[-1] + log_prior)
    names = [line.split("\t") for line in paths[".paramnames"].read_text().splitlines()]
    assert names == [[one.name, one.label] for one in parameters]
    ranges = dict(line.split(" ", 1) for line in paths[".ranges"].read_text().splitlines())
    assert set(ranges) == {one.name for one in parameters}
    assert "inf" not in "".join(ranges.values())


def test_getdist_opens_it(weighted: Any, tmp_path: Path) -> None:
    getdist = pytest.importorskip("getdist")
    result, parameters = weighted
    export_samples(result, parameters, "getdist", tmp_path, "x")
    samples = getdist.loadMCSamples(str(tmp_path / "x"))
    assert samples.getParamNames().list() == [one.name for one in parameters]
    assert samples.mean(parameters[0].name) == pytest.approx(result.weights @ result.samples[:, 0])


def test_anesthetic_finds_the_evidence_again(weighted: Any, tmp_path: Path) -> None:
    anesthetic = pytest.importorskip("anesthetic")
    result, parameters = weighted
    export_samples(result, parameters, "anesthetic", tmp_path, "x")
    samples = anesthetic.read_chains(str(tmp_path / "x"))
    assert np.array_equal(np.asarray(samples.nlive, dtype=float), result.live)
    # it takes ln of the mean shrinkage where this package takes the mean of its ln: by trapezoids, as there
    log_volume = np.array([0.0, *np.cumsum(np.log(result.live / (result.live + 1.0))), -np.inf])
    widths = (np.exp(log_volume[:-2]) - np.exp(log_volume[2:])) / 2
    assert float(samples.logZ()) == pytest.approx(logsumexp(result.log_likelihood, b=widths), abs=1e-9)
    assert float(samples.logZ()) == pytest.approx(result.evidence.lnz, abs=result.evidence.lnz_err)


def test_without_live_points_anesthetic_gets_chains(weighted: Any, tmp_path: Path) -> None:
    result, parameters = weighted
    paths = export_samples(replace(result, live=None), parameters, "anesthetic", tmp_path, "x")
    assert {path.name for path in paths} == {"x.txt", "x.paramnames", "x.ranges"}


def test_bilby_gets_posterior_priors_and_evidence(weighted: Any, tmp_path: Path) -> None:
    result, parameters = weighted
    (path,) = export_samples(result, parameters, "bilby", tmp_path, "x")
    stored = json.loads(path.read_text())
    assert stored["log_evidence"] == result.evidence.lnz
    posterior = stored["posterior"]["content"]
    index = [one.name for one in parameters].index("halo_height")
    mean = result.weights @ result.samples[:, index]
    spread = np.sqrt(result.weights @ (result.samples[:, index] - mean) ** 2)
    assert np.mean(posterior["halo_height"]) == pytest.approx(
        mean, abs=6 * spread / np.sqrt(len(posterior["halo_height"]))
    )
    assert set(stored["search_parameter_keys"]) == {one.name for one in parameters}
    bilby = pytest.importorskip("bilby")
    read = bilby.core.result.read_in_result(str(path))
    for one in parameters:
        assert read.priors[one.name].prob(one.fiducial) == pytest.approx(
            float(np.exp(one.distribution.log_pdf(np.asarray(one.fiducial)))), rel=1e-2
        )


def test_what_cannot_be_exported_is_said(weighted: Any, tmp_path: Path) -> None:
    result, parameters = weighted
    with pytest.raises(UserError, match="getdits"):
        export_samples(result, parameters, "getdits", tmp_path, "x")
    broken = replace(result, samples=np.full_like(result.samples, np.nan))
    for kind in FORMATS:
        with pytest.raises(UserError, match="not finite"):
            export_samples(broken, parameters, kind, tmp_path, "x")
    assert not list(tmp_path.iterdir())

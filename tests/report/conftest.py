"""A run on the two KM2A regions whose samples are made up, so that what a report must say of them is known."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from made_up import SLOPE, result_at

from crsea_infer import emulator
from crsea_infer.analysis.best_fit import find_best_fit
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.plan.run_file import load_run
from crsea_infer.report.results.summary import HypothesisSummary, RunSummary, Sampling

if TYPE_CHECKING:
    from crsea_infer.inference.samplers.sampler import SamplerResult

RUN = """
title = "Nested"
hypotheses = ["base-min", "gamma-optimized-free-min", "gamma-optimized-min"]
likelihoods = ["lhaaso_km2a_inner", "lhaaso_km2a_outer"]
tension = true
[samplers.dynesty]
[samplers.emcee]
"""


def made_up(posterior: Any, sampler: str, lnz: float | None, seed: int) -> SamplerResult:
    """Samples around the middle of the priors, with delta_slope as SLOPE says where its prior is uniform."""
    rng = np.random.default_rng(seed)
    unit = np.clip(rng.normal(0.5, 0.15, size=(3000, len(posterior.names))), 0.01, 0.99)
    for column, parameter in enumerate(posterior.parameters):
        if parameter.name == "delta_slope" and parameter.distribution.kind == "uniform":
            unit[:, column] = SLOPE.rvs(len(unit), random_state=rng) / 0.08
    return result_at(posterior, sampler, lnz, unit)


@pytest.fixture(scope="session")
def nested_run(tmp_path_factory: pytest.TempPathFactory) -> RunSummary:
    """Base, gamma-optimized with a free gradient, which contains it, and gamma-optimized as published."""
    path: Path = tmp_path_factory.mktemp("nested") / "nested.toml"
    path.write_text(RUN)
    run = load_run(path)
    model = emulator.load()
    items = []
    for number, hypothesis in enumerate(run.hypotheses):
        samplings = {}
        for part, (data, likelihoods) in enumerate(run.samplings(hypothesis.name).items()):
            posterior = posterior_for(hypothesis, likelihoods, model)
            lnz = 600.0 - number if data == "all" else 300.0 - part
            results = {"dynesty": made_up(posterior, "dynesty", lnz, 10 * number + part)}
            if data == "all":
                results["emcee"] = made_up(posterior, "emcee", None, 100 + number)
            samplings[data] = Sampling(posterior, results)
        joint = samplings.pop("all")
        best = find_best_fit(joint.posterior, np.full(len(joint.posterior.names), 0.5))
        draws = joint.results["dynesty"].samples
        items.append(HypothesisSummary(joint.posterior, joint.results, best, draws, samplings))
    return RunSummary(run, {"run": "a", "data": "b"}, model, tuple(items))


@pytest.fixture
def changed(nested_run: RunSummary) -> Any:
    """Return a function that gives the run with other hypotheses."""
    return lambda *items: replace(nested_run, hypotheses=items)

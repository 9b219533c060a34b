"""A result that misses a peak does not count as converged; one that has all of them is left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from known_problems import PROBLEMS, QUICK, LinearGaussian, NarrowMode, modest_options

from crsea_infer.inference.checkpoint import Checkpoint
from crsea_infer.inference.samplers.base import SamplerResult, no_progress
from crsea_infer.inference.samplers.peak_check import checked_for_peaks
from crsea_infer.inference.samplers.registry import make

SCOUTS = np.random.SeedSequence(7)


def result_of(sampler: str, target: Any, options: Any = None) -> SamplerResult:
    return make(sampler, options).run(target, np.random.SeedSequence(1), Checkpoint(None), no_progress)


@pytest.mark.parametrize("problem", sorted(PROBLEMS))
@pytest.mark.parametrize("sampler", ["dynesty", "importance"])
def test_a_result_with_all_peaks_is_left_as_it_is(sampler: str, problem: str) -> None:
    target = PROBLEMS[problem]
    result = result_of(sampler, target, modest_options(sampler, len(target.names)))
    checked = checked_for_peaks(result, target, SCOUTS)
    assert checked.diagnostics["status"] == result.diagnostics["status"]
    assert checked.diagnostics["peaks_missed"] == 0.0
    assert checked.diagnostics["peaks_found"] == (2.0 if problem == "two modes" else 1.0)
    assert checked.evidence == result.evidence


def test_nested_sampling_that_misses_a_narrow_peak_says_so_and_where_it_is() -> None:
    target = NarrowMode()
    result = result_of("dynesty", target, modest_options("dynesty", 5))
    assert result.converged  # of itself it sees nothing
    checked = checked_for_peaks(result, target, SCOUTS)
    assert not checked.converged
    status = str(checked.diagnostics["status"])
    assert "the samples miss a peak at x_" in status
    assert "= 0.75" in status
    share = float(status.partition("about ")[2].partition(" %")[0])
    assert share == pytest.approx(50.0, abs=15.0)


def test_a_chain_without_an_evidence_is_held_against_the_peak_it_sits_in() -> None:
    target = NarrowMode()
    result = result_of("emcee", target, QUICK["emcee"])
    checked = checked_for_peaks(result, target, SCOUTS)
    assert checked.diagnostics["peaks_missed"] == 1.0
    assert "of the evidence" in str(checked.diagnostics["status"])


def test_what_a_sampler_says_of_itself_is_kept() -> None:
    target = NarrowMode()
    result = result_of("dynesty", target, modest_options("dynesty", 5))
    result = replace(result, diagnostics={**result.diagnostics, "status": "too short"})
    assert str(checked_for_peaks(result, target, SCOUTS).diagnostics["status"]).startswith("too short; the samples")


def test_a_wrong_evidence_alone_is_not_taken_for_a_missing_peak() -> None:
    """An ln Z that is off by less than its error allows leaves the samples where they are."""
    target = LinearGaussian.make(5, 15, 0.3)
    result = result_of("dynesty", target, modest_options("dynesty", 5))
    assert result.evidence is not None
    low = replace(result, evidence=replace(result.evidence, lnz=result.evidence.lnz - 1.0, lnz_err=0.3))
    assert checked_for_peaks(low, target, SCOUTS).converged


def test_the_check_depends_on_its_seed_alone() -> None:
    target = NarrowMode()
    result = result_of("dynesty", target, modest_options("dynesty", 5))
    first, second = (checked_for_peaks(result, target, SCOUTS).diagnostics for _ in range(2))
    assert first == second

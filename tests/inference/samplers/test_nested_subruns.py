"""Sub-runs of nested sampling check each other; walks too short for any test to notice are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from known_problems import PROBLEMS, modest_options

from crsea_infer.inference.samplers.nested_subruns import merged_result, run_subruns
from crsea_infer.inference.samplers.options import options_from
from crsea_infer.inference.samplers.registry import make, sampler_class
from crsea_infer.inference.samplers.sampler import no_progress
from crsea_infer.support.checkpoint import Checkpoint
from crsea_infer.support.errors import UserError

TARGET = PROBLEMS["Gaussian, 5 dimensions"]


@pytest.fixture(scope="module")
def parts() -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []

    class Keeping(Checkpoint):
        def save(self, content: Any) -> None:
            kept.append(content)

    sampler = make("dynesty", modest_options("dynesty", 5))
    sampler.run(TARGET, np.random.SeedSequence(3), Keeping(None), no_progress)
    finished = int(kept[-1]["plain"]["finished"])
    return [
        {key.removeprefix(f"{index}/"): value for key, value in kept[-1].items() if key.startswith(f"{index}/")}
        for index in range(finished)
    ]


def merged(parts: list[dict[str, Any]]) -> Any:
    return merged_result("dynesty", TARGET, parts, np.random.SeedSequence(3), 0.1, "raise dynesty.walks")


def test_subruns_that_agree_are_converged(parts: list[dict[str, Any]]) -> None:
    result = merged(parts)
    assert result.converged
    assert 1e-3 < float(result.diagnostics["subruns_p_value"]) <= 1.0


def test_subruns_that_contradict_each_other_are_not_converged(parts: list[dict[str, Any]]) -> None:
    low = {**parts[1], "log_likelihood": parts[1]["log_likelihood"] - 3.0}
    result = merged([parts[0], low])
    assert not result.converged
    assert float(result.diagnostics["subruns_p_value"]) < 1e-3
    status = str(result.diagnostics["status"])
    assert "ln Z of sub-runs ranges from" in status
    assert status.endswith("raise dynesty.walks")
    assert result.evidence is not None
    assert result.evidence.lnz_err > 1.0  # the scatter is in the error as well


def test_every_reason_is_given_before_the_cure(parts: list[dict[str, Any]]) -> None:
    low = {**parts[1], "log_likelihood": parts[1]["log_likelihood"] - 3.0, "ranks": parts[1]["ranks"] ** 4}
    status = str(merged([parts[0], low]).diagnostics["status"])
    assert status.startswith("new points are not spread evenly")
    assert status.count("raise dynesty.walks") == 1


@pytest.mark.parametrize("sampler", ["dynesty", "dynesty-dynamic"])
def test_walks_that_no_test_would_find_too_short_are_refused(sampler: str) -> None:
    given = {**modest_options(sampler, 5).model_dump(), "walks": 9}
    with pytest.raises(UserError, match=rf"{sampler}\.walks = 9\n.*a number of at least 10"):
        options_from(sampler_class(sampler).Options, sampler, given)


def test_subruns_are_not_done_again(parts: list[dict[str, Any]]) -> None:
    class Finished(Checkpoint):
        def load(self) -> dict[str, Any]:
            arrays = {f"{i}/{name}": value for i, part in enumerate(parts) for name, value in part.items()}
            return {**arrays, "plain": {"finished": len(parts)}}

    def subrun(*_: Any) -> dict[str, Any]:
        raise AssertionError("a finished sub-run was done again")

    again = run_subruns(subrun, len(parts), TARGET, np.random.SeedSequence(3), Finished(None), no_progress)
    assert merged(again).evidence == merged(parts).evidence

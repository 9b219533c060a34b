"""Volumes of nested sampling, against exact results."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crsea_infer.inference.samplers.nested_volumes import (
    Deaths,
    insertion_ranks,
    integrate,
    merge,
    simulate_error,
    uniform_p_value,
)


def perfect_run(n_live: int, n_dead: int, seed: int, sigma: float = 0.05) -> tuple[Deaths, np.ndarray]:
    """Nested sampling without a sampler: volumes drawn as theory has them, ln L = -(volume / sigma) exactly."""
    generator = np.random.default_rng(seed)
    live = np.sort(generator.random(n_live))
    slots = generator.permutation(n_live)
    dead, names = [], []
    for _ in range(n_dead):
        worst = int(np.argmax(live))
        dead.append(live[worst])
        names.append(slots[worst])
        live[worst] = generator.random() * dead[-1]
    order = np.argsort(-live)
    volumes = np.concatenate([dead, live[order]])
    count = np.minimum(np.arange(n_live + n_dead, 0, -1), n_live)
    return Deaths(-volumes / sigma, count), np.concatenate([names, slots[order]])


LNZ = np.log(0.05 * (1.0 - np.exp(-1.0 / 0.05)))


def test_evidence_and_error_are_right_on_average() -> None:
    runs = [perfect_run(100, 700, seed)[0] for seed in range(60)]
    pulls = [(integrate(run)[0] - LNZ) / simulate_error(run, np.random.default_rng(1)) for run in runs]
    assert abs(np.mean(pulls)) < 3.5 / np.sqrt(60)
    assert 0.75 < np.std(pulls) < 1.3


def test_a_merged_run_is_as_good_as_one_with_all_the_live_points() -> None:
    merged, order = merge([perfect_run(100, 700, seed)[0] for seed in range(9)])
    assert np.all(np.diff(merged.log_likelihood) >= 0.0)
    assert sorted(order) == list(range(9 * 800))
    assert merged.live[0] == 900
    error = simulate_error(merged, np.random.default_rng(1))
    alone = simulate_error(perfect_run(100, 700, 0)[0], np.random.default_rng(1))
    assert error == pytest.approx(alone / 3.0, rel=0.3)
    assert abs(integrate(merged)[0] - LNZ) < 3.5 * error


def test_merging_agrees_with_dynesty() -> None:
    from dynesty.results import Results
    from dynesty.utils import merge_runs

    runs = [perfect_run(50, 400, seed)[0] for seed in range(3)]
    theirs = merge_runs(
        [
            Results(
                {
                    "nlive": 50,
                    "niter": 400,
                    "ncall": np.ones(450, dtype=int),
                    "eff": 1.0,
                    "samples": run.log_likelihood[:, None],
                    "samples_u": run.log_likelihood[:, None],
                    "samples_id": np.arange(450),
                    "samples_it": np.arange(450),
                    "logl": run.log_likelihood,
                    "blob": np.zeros(450),
                }
            )
            for run in runs
        ],
        print_progress=False,
    )
    assert integrate(merge(runs)[0])[0] == pytest.approx(theirs.logz[-1], abs=0.03)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-1e3, 1e3))
def test_evidence_shifts_with_the_likelihood(seed: int, shift: float) -> None:
    run = perfect_run(20, 60, seed)[0]
    shifted = Deaths(run.log_likelihood + shift, run.live)
    assert integrate(shifted)[0] - integrate(run)[0] == pytest.approx(shift, abs=1e-6)


def test_insertion_ranks_pass_a_good_walk_and_fail_a_bad_one() -> None:
    run, slot = perfect_run(100, 2000, 3)
    assert uniform_p_value(insertion_ranks(run.log_likelihood, slot, 100, np.random.SeedSequence(1))) > 1e-3

    generator = np.random.default_rng(1)
    live = generator.random(100)
    dead, names = [], []
    for _ in range(2000):
        worst = int(np.argmax(live))
        dead.append(live[worst])
        names.append(worst)
        live[worst] = dead[-1] * (0.5 + 0.5 * generator.random())  # never gets far from the threshold
    order = np.argsort(-live)
    volumes = np.concatenate([dead, live[order]])
    assert (
        uniform_p_value(insertion_ranks(-volumes, np.concatenate([names, order]), 100, np.random.SeedSequence(1)))
        < 1e-6
    )

"""Linear algebra with one thread, for as long as it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import crsea_infer as cr
from crsea_infer.plan.run_file import load_run
from crsea_infer.support.threads import one_thread
from crsea_infer.workflow import runs

if TYPE_CHECKING:
    from pathlib import Path


def threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_there_is_one_thread_within_and_what_there_was_after() -> None:
    np.linalg.inv(np.eye(3))
    with threadpool_limits(limits=2):
        with one_thread():
            assert threads() == {1}
        assert threads() == {2}


@pytest.mark.slow
def test_what_is_made_of_a_run_is_made_with_one_thread(
    own_copy: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[int]] = []

    def watch(*_: Any) -> list[str]:
        seen.append(threads())
        return []

    monkeypatch.setattr(runs, "write_products", watch)
    path, out = own_copy
    with threadpool_limits(limits=2):
        runs.execute(load_run(path), out, accept_unconverged=True)
        assert threads() == {2}
    assert seen == [{1}]


def test_posteriors_of_the_package_are_sampled_with_one_thread_and_others_as_they_are() -> None:
    seen: list[set[int]] = []

    class Own:
        names = ("a", "b")

        def prior_transform(self, unit: np.ndarray) -> np.ndarray:
            return unit

        def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
            return -np.sum(theta**2, axis=-1)

    options: dict[str, Any] = {
        "draws": 1000,
        "scouts": 0,
        "steps": 40,
        "walkers": 64,
        "progress": lambda *_: seen.append(threads()),
    }
    with threadpool_limits(limits=2):
        cr.sample(cr.Posterior("base-min", data=["lhaaso_km2a_outer"]), "importance", **options)
        assert set(map(frozenset, seen)) == {frozenset({1})}
        seen.clear()
        cr.sample(Own(), "importance", **options)
        assert set(map(frozenset, seen)) == {frozenset({2})}

"""The formulas of the benchmarks whose tables stand on a page: scores of evidences, and exponents of growth."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    return importlib.import_module


@pytest.mark.parametrize(
    ("stated", "true", "seconds"), [(0.05, 0.0, 10.0), (0.1, 0.02, 40.0), (0.01, 0.1, 40.0), (0.01, -0.5, 1000.0)]
)
def test_the_larger_of_stated_and_true_error_counts(
    script: Callable[[str], Any], stated: float, true: float, seconds: float
) -> None:
    assert script("evidence_time").time_to_error(10.0, stated, true) == pytest.approx(seconds)


def _row(method: str, seed: int, lnz: float, status: str = "converged") -> dict[str, Any]:
    numbers = {"lnz": lnz, "lnz_err": 0.05, "effective": 500.0, "cpu_s": 10.0}
    return {"problem": "KM2A", "method": method, "seed": seed, "status": status, "version": "1.0", **numbers}


def test_the_table_says_what_did_not_finish_and_takes_medians(script: Callable[[str], Any]) -> None:
    rows = [
        _row("reference", 1, 600.0),
        *(_row("importance", seed, 600.0 + off) for seed, off in enumerate((0.0, 0.1, -0.15))),
        _row("bilby", 1, np.nan, "unfinished"),
        _row("pocoMC", 1, np.nan, "absent"),
        _row("harmonic", 1, 601.0),
    ]
    told = script("evidence_time").summary(rows)
    assert "| `importance` | 3 | 600.100 ± 0.050 | +0.100 | 10 | 40 | 1 | 50 |" in told
    assert "| harmonic 1.0 | 1 | 601.000 ± 0.050 | +1.000 | 10 | 4e+03 | 100 | 50 |" in told
    assert "unfinished after 10 CPU s" in told
    assert "absent" in told


@pytest.mark.parametrize("power", [0.0, 1.0, 2.5])
def test_exponents_are_found(script: Callable[[str], Any], power: float) -> None:
    sizes = [30, 1, 10, 3]  # in any order; the smallest does not count
    values = [3.0 * size**power if size > 1 else 99.0 for size in sizes]
    assert script("growth").exponent(sizes, values) == pytest.approx(power)


def test_what_grows_too_fast_is_marked_unless_it_is_negligible(script: Callable[[str], Any]) -> None:
    growth = script("growth")
    sizes, square = [1, 10, 30], np.array([1.0, 100.0, 900.0])
    assert growth.is_faster_than_linear("evaluation", sizes, 0.01 * square)
    assert not growth.is_faster_than_linear("evaluation", sizes, 1e-5 * square)
    assert not growth.is_faster_than_linear("evaluation", sizes, np.array(sizes, dtype=float))
    assert growth.is_faster_than_linear(growth.MEMORY, sizes, square)
    assert not growth.is_faster_than_linear(growth.MEMORY, sizes, 0.01 * square)


def test_one_worker_takes_all_tasks_one_after_the_other(script: Callable[[str], Any]) -> None:
    scaling = script("cluster_scaling")
    cost = scaling.Cost(client=0.02, scheduler=0.04)
    # the first has to go there (half of both costs), the last has to come back (the other halves)
    assert scaling.simulate(1, [1.0, 2.0, 3.0], cost) == pytest.approx(6.0 + 0.06)


@pytest.mark.parametrize(("client", "scheduler"), [(0.01, 0.002), (0.002, 0.01)])
def test_a_thousand_workers_wait_for_whoever_is_slowest(
    script: Callable[[str], Any], client: float, scheduler: float
) -> None:
    scaling = script("cluster_scaling")
    wall = scaling.simulate(1000, [0.01] * 20_000, scaling.Cost(client, scheduler))
    assert wall == pytest.approx(20_000 * 0.01, rel=0.01)
    alone = scaling.simulate(10, [5.0] * 1000, scaling.Cost(client, scheduler))
    assert 500.0 < alone < 502.0  # where tasks are long, workers are never idle

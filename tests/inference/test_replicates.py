"""Data drawn at many points, at once or one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.replicates import replicated, values_of

N = 2000


def test_data_drawn_at_once_are_like_those_drawn_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    one: Any = load_likelihood("lhaaso_km2a_inner")
    like = np.geomspace(1.0, 0.5, len(one.requests[0].energies)) * float(np.median(one.values))
    shifts = np.repeat([-2.0, 2.0], N // 2)  # those of the first half are below, and each draw has its own
    nuisances = {nuisance.name: shifts for nuisance in one.nuisances} | {"of another data set": np.full(N, np.nan)}
    predictions = (np.tile(like, (N, 1)),)
    at_once = values_of(replicated(one, predictions, nuisances, np.random.default_rng(1)))
    monkeypatch.setattr(type(one), "simulates_batches", False)
    apart = replicated(one, predictions, nuisances, np.random.default_rng(2))
    assert len(apart) == N
    for half in (slice(None, N // 2), slice(N // 2, None)):
        first, second = at_once[half], values_of(apart)[half]
        error = np.hypot(first.std(axis=0), second.std(axis=0)) / np.sqrt(N // 2)
        assert np.all(np.abs(first.mean(axis=0) - second.mean(axis=0)) < 5.0 * error)
        assert first.std(axis=0) == pytest.approx(second.std(axis=0), rel=0.15)
    assert np.all(at_once[N // 2 :].mean(axis=0) > at_once[: N // 2].mean(axis=0))

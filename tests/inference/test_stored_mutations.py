"""Checkpoints and finished results from strangers: whatever is wrong is one message, even when it is signed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
from mutations import NUMBERS, SHAPES, TYPES, VALUES, paths, replaced, sets, without

from crsea_infer.inference.samplers.sampler import result_from_arrays
from crsea_infer.support.checkpoint import read_arrays, write_arrays
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY = {"run": "aa", "data": "bb", "seed": "1"}
NAMES = ("samples", "unit_samples", "log_weights", "log_likelihood", "chains")
PLAIN = {
    "sampler": "importance",
    "names": ["a", "b"],
    "evidence": {"lnz": 612.8, "lnz_err": 0.1, "method": "importance"},
    "n_calls": 1000,
    "wall_s": 1.5,
    "diagnostics": {"status": "converged", "k_hat": float("-inf"), "r_hat": float("nan")},
}


def arrays() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    samples = rng.random((12, 2))
    return {
        "samples": samples,
        "unit_samples": samples / 2,
        "log_weights": -rng.random(12),
        "log_likelihood": -rng.random(12),
        "chains": samples.reshape(3, 4, 2),
    }


def _read(path: Path) -> Any:
    return result_from_arrays(read_arrays(path, IDENTITY), str(path))


def _refused(path: Path) -> None:
    with pytest.raises(UserError) as caught:
        _read(path)
    assert str(path) in caught.value.given
    assert "--fresh" in caught.value.fix
    assert "\x1b" not in str(caught.value)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_arrays(tmp_path / "r.h5", IDENTITY, {**arrays(), "plain": PLAIN})
    result = _read(tmp_path / "r.h5")
    assert all(np.array_equal(getattr(result, name), value) for name, value in arrays().items())


@pytest.mark.parametrize("mutation", [*SHAPES, *TYPES, *NUMBERS])
@pytest.mark.parametrize("name", NAMES)
def test_other_arrays_of_a_result_are_refused(name: str, mutation: str, tmp_path: Path) -> None:
    found = arrays()
    found[name] = {**SHAPES, **TYPES, **NUMBERS}[mutation](found[name])
    write_arrays(tmp_path / "r.h5", IDENTITY, {**found, "plain": PLAIN})
    if name == "log_likelihood" and mutation == "with inf":
        return
    _refused(tmp_path / "r.h5")


@pytest.mark.parametrize("mutation", ["missing", "renamed", "beside an unknown one"])
@pytest.mark.parametrize("name", NAMES)
def test_other_sets_of_arrays_are_refused(name: str, mutation: str, tmp_path: Path) -> None:
    write_arrays(tmp_path / "r.h5", IDENTITY, {**sets(arrays(), name)[mutation], "plain": PLAIN})
    if mutation == "missing" and name in {"log_weights", "chains"}:
        assert getattr(_read(tmp_path / "r.h5"), name) is None
        return
    _refused(tmp_path / "r.h5")


@pytest.mark.parametrize("value", [*VALUES, "absent"])
@pytest.mark.parametrize("path", list(paths(PLAIN)), ids=str)
def test_other_plain_entries_are_refused_or_harmless(path: tuple[Any, ...], value: str, tmp_path: Path) -> None:
    plain = without(PLAIN, path) if value == "absent" else replaced(PLAIN, path, VALUES[value])
    write_arrays(tmp_path / "r.h5", IDENTITY, {**arrays(), "plain": plain})
    try:
        result = _read(tmp_path / "r.h5")
    except UserError:
        _refused(tmp_path / "r.h5")
        return
    assert isinstance(result.sampler, str)
    assert len(result.names) == 2
    assert result.evidence is None or np.isfinite(result.evidence.lnz)
    assert all(isinstance(one, int | float | str) for one in result.diagnostics.values())


@pytest.mark.parametrize("attribute", ["format", "identity", "plain", "sha256"])
@pytest.mark.parametrize("value", [*VALUES, "absent", "deep", "array"])
def test_other_attributes_are_refused(attribute: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    write_arrays(path, IDENTITY, {**arrays(), "plain": PLAIN})
    with h5py.File(path, "r+") as file:
        del file.attrs[attribute]
        if value in VALUES:
            given = VALUES[value]
            file.attrs[attribute] = (
                json.dumps(given) if given is None or isinstance(given, dict | list | int) else given
            )
        elif value != "absent":
            file.attrs[attribute] = "[" * 60_000 if value == "deep" else np.arange(3)
    _refused(path)


@pytest.mark.parametrize("mutation", ["huge", "soft", "external", "twice", "words", "compound", "nothing"])
@pytest.mark.parametrize("name", ["samples", "chains"])
def test_odd_files_are_refused(name: str, mutation: str, tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    write_arrays(path, IDENTITY, {**arrays(), "plain": PLAIN})
    with h5py.File(path, "r+") as file:
        del file[name]
        if mutation == "huge":
            file.create_dataset(name, (10**8, 10**4), "f8", chunks=True)
        elif mutation == "soft":
            file[name] = h5py.SoftLink("/log_weights")
        elif mutation == "external":
            file[name] = h5py.ExternalLink("other.h5", name)
        elif mutation == "twice":
            file[name] = file["log_weights"]
        elif mutation == "words":
            file[name] = "words"
        elif mutation == "compound":
            file[name] = np.zeros(3, dtype=[("a", "f8")])
        else:
            file[name] = h5py.Empty("f8")
    _refused(path)

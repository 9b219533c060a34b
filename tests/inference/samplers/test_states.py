"""Unfinished work from strangers, signed or not: whatever is wrong is one message, and what is right goes on."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
from known_problems import QUICK, LinearGaussian
from mutations import CONTENT, NUMBERS, SHAPES, TYPES, VALUES, paths, replaced, sets, without

from crsea_infer.inference.samplers import nautilus
from crsea_infer.inference.samplers.registry import make
from crsea_infer.inference.samplers.sampler import no_progress
from crsea_infer.support.checkpoint import Checkpoint, write_arrays
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TARGET = LinearGaussian.make(3, 5, 0.5)  # as elsewhere, so that it is compiled once
COSTLY = {"jax-nested", "nuts"}  # to compile
ARRAYS = {
    "dynesty": ("log_likelihood", "unit", "live", "log_volume_start", "ranks", "n_calls", "wall_s"),
    "importance": ("unit", "log_likelihood", "log_weights", "scouts", "peaks", "missed", "second", "n_calls", "wall_s"),
    "emcee": ("points", "log_posterior", "accepted", "walkers", "walkers_log_posterior", "random_keys"),
    "nuts": ("points", "log_posterior", "positions", "steps", "masses"),
    "nautilus": ("nautilus",),
    "smc": (
        *("points", "log_likelihood", "log_share", "turn", "difference"),
        *("betas", "history", "moves", "remembered", "taken"),
    ),
}
ARRAYS |= {"dynesty-dynamic": ARRAYS["dynesty"], "jax-nested": ARRAYS["dynesty"]}
SAMPLERS = [pytest.param(name, marks=pytest.mark.slow) if name in COSTLY else name for name in sorted(ARRAYS)]
IN_PARTS = ("dynesty", "dynesty-dynamic", "jax-nested", "importance")
HARMLESS = {
    *((name, what) for name in ("n_calls", "wall_s", "scouts", "peaks", "missed", "second") for what in CONTENT),
    *(("accepted", what) for what in CONTENT),
    ("random_keys", "moved"),  # other random numbers
    ("random_keys", "nudged"),
    *(("ranks", what) for what in ("moved", "cut", "cut at the end of its last axis", "longer", "empty")),
    ("log_weights", "nudged"),  # one weight below the largest there can be
    ("live", "nudged"),
    ("log_volume_start", "moved"),  # a single number
    *((name, what) for name in ("turn", "difference") for what in ("moved", "nudged")),  # lengths of moves
    *((name, "nudged") for name in ("history", "moves", "remembered", "taken")),  # of particles that are gone
    ("steps", "moved"),
    ("steps", "nudged"),
    ("masses", "nudged"),  # still a covariance
    ("masses", "moved"),
}
"""Changes that make another state of the same work; those that only a signature tells."""
OF_AXES = {"transposed", "cut", "cut at the end of its last axis", "longer", "empty", "flat"}


class WentOnError(Exception):
    """The state was taken."""


def _state(sampler: str) -> dict[str, Any]:
    """Return what a sampler keeps near the middle of its work."""
    kept: list[dict[str, Any]] = []

    class Keeping(Checkpoint):
        def save(self, arrays: Any) -> None:
            kept.append({name: np.array(value) if name != "plain" else value for name, value in arrays.items()})

        def offer(self, arrays: Any) -> bool:
            self.save(arrays())
            return True

    make(sampler, QUICK[sampler]).run(TARGET, np.random.SeedSequence(1), Keeping(None), no_progress)
    # parts of which one is left to do, particles on their way
    return kept[0] if sampler == "smc" else kept[-2 if sampler in IN_PARTS else -1]


@pytest.fixture(scope="module")
def states() -> Callable[[str], dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    return lambda sampler: found.setdefault(sampler, found[sampler] if sampler in found else _state(sampler))


def _go_on(sampler: str, arrays: dict[str, Any], folder: Path) -> None:
    """Let a sampler go on from a state, signed anew, up to its first step."""
    path = folder / "c.h5"
    write_arrays(path, {}, arrays)

    def stop(*_: Any, **__: Any) -> Any:
        raise WentOnError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crsea_infer.inference.samplers.dynesty_static._subrun", stop)
        patch.setattr("crsea_infer.inference.samplers.dynesty_dynamic._subrun", stop)
        patch.setattr("crsea_infer.inference.samplers.jax_nested._subrun", stop)
        patch.setattr("crsea_infer.inference.samplers.importance._repetition", stop)
        patch.setattr("crsea_infer.inference.samplers.emcee_ensemble._Chain.finished", stop)
        patch.setattr("crsea_infer.inference.samplers.nuts._Chains.finished", stop)
        patch.setattr("crsea_infer.inference.samplers.particles.Particles.advance", stop)
        kind = nautilus._stopping_on_plateaus()
        patch.setattr(kind, "run", stop)
        patch.setattr(nautilus, "_stopping_on_plateaus", lambda: kind)
        make(sampler, QUICK[sampler]).run(TARGET, np.random.SeedSequence(1), Checkpoint(path, {}), no_progress)


def _is_taken(sampler: str, arrays: dict[str, Any], folder: Path) -> bool:
    """Return whether a sampler goes on from a state; when it does not, it says so in one message."""
    with pytest.raises((WentOnError, UserError)) as caught:
        _go_on(sampler, arrays, folder)
    error = caught.value
    if isinstance(error, UserError):
        assert str(folder / "c.h5") in error.given
        assert "--fresh" in error.fix
        assert "\x1b" not in str(error)
        assert len(str(error)) < 1500
    return isinstance(error, WentOnError)


def _key(sampler: str, name: str) -> str:
    return f"0/{name}" if sampler in IN_PARTS else name


@pytest.mark.slow
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_was_kept_is_gone_on_from(sampler: str, states: Callable[[str], dict[str, Any]], tmp_path: Path) -> None:
    state = states(sampler)
    assert set(state) == {*(_key(sampler, name) for name in ARRAYS[sampler]), "plain"} or sampler in IN_PARTS
    assert _is_taken(sampler, state, tmp_path)


@pytest.mark.parametrize(
    ("sampler", "name"),
    [
        pytest.param(sampler, name, marks=[pytest.mark.slow] * (sampler in COSTLY))
        for sampler in sorted(ARRAYS)
        for name in ARRAYS[sampler]
        if name != "nautilus"
    ],
)
def test_other_arrays_of_a_state_are_refused(
    sampler: str, name: str, states: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    """One array in every other shape, type and number; all mutations in one test, because the state is read once."""
    state, key = states(sampler), _key(sampler, name)
    array = np.asarray(state[key])
    taken = set()
    for mutation, change in {**SHAPES, **TYPES, **NUMBERS, **CONTENT}.items():
        if (array.ndim == 0 and mutation in OF_AXES) or (array.dtype.kind in "iu" and mutation in NUMBERS):
            continue
        changed = change(array)
        if changed.dtype == array.dtype and np.array_equal(changed, array):
            continue
        if _is_taken(sampler, {**state, key: changed}, tmp_path):
            taken.add((name, mutation))
    assert taken <= HARMLESS


@pytest.mark.parametrize("mutation", ["missing", "renamed", "beside an unknown one"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_other_sets_of_arrays_are_refused(
    sampler: str, mutation: str, states: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    state = states(sampler)
    found = {name: value for name, value in state.items() if name != "plain"}
    for name in ARRAYS[sampler]:
        arrays = sets(found, _key(sampler, name))[mutation]
        assert not _is_taken(sampler, {**arrays, "plain": state["plain"]}, tmp_path), name


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_other_plain_entries_are_refused_or_harmless(
    sampler: str, states: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    state = states(sampler)
    told = ("n_calls", "wall_s", "divergent", "random_rest", "taus")
    for path in paths(state["plain"]):
        for value in [*VALUES, "absent"]:
            given = state["plain"]
            plain = without(given, path) if value == "absent" else replaced(given, path, VALUES[value])
            if plain != given and _is_taken(sampler, {**state, "plain": plain}, tmp_path):
                assert path[0] in told, path
                assert value in {"zero", "huge", "infinite", "no number", "minus one"}, (path, value)


# --- the file of nautilus inside


def _inner(state: dict[str, Any], change: Callable[[Any], None]) -> dict[str, Any]:
    """Return the state with a change in the file of nautilus."""
    image = io.BytesIO(state["nautilus"].tobytes())
    with h5py.File(image, "r+") as file:
        change(file)
    return {**state, "nautilus": np.frombuffer(image.getvalue(), dtype=np.uint8)}


def _replace(place: str, value: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[place]
        if value is not None:
            file[place] = value

    return change


def _places(state: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return one array, and one attribute of a group, of every kind: those whose names differ by more than a number."""
    arrays: dict[str, tuple[str, Any]] = {}
    attributes: dict[str, tuple[str, str]] = {}
    with h5py.File(io.BytesIO(state["nautilus"].tobytes())) as file:

        def visit(name: str, entry: Any) -> None:
            kind = re.sub(r"\d+", "N", name)
            if isinstance(entry, h5py.Dataset):
                arrays.setdefault(kind, (name, entry[()]))
            for key in entry.attrs:
                attributes.setdefault(f"{kind}/{key}", (name, key))

        file.visititems(visit)
    return dict(arrays.values()), list(attributes.values())


READ = ("n_like", "explored", "_discard_exploration", "shell_", "n_update_iter", "n_like_iter", "rng_")
"""Attributes of the sampler that nautilus reads back; the others are its options, which come from the run file."""


@pytest.mark.slow
def test_other_arrays_in_the_file_of_nautilus_are_refused(
    states: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    state = states("nautilus")
    contents, _ = _places(state)
    assert len(contents) >= 12
    for name, array in contents.items():
        changes = {"absent": None, "bytes": array.astype("S8"), "with another axis": array[None]}
        if array.dtype.kind == "f" and array.size:
            changes |= {mutation: change(array) for mutation, change in NUMBERS.items()}
        if name in {"sampler/points_0", "sampler/log_l_0"}:
            changes |= {mutation: change(array) for mutation, change in CONTENT.items()}
        for mutation, changed in changes.items():
            taken = _is_taken("nautilus", _inner(state, _replace(name, changed)), tmp_path)
            assert not taken, (name, mutation)


@pytest.mark.slow
def test_other_attributes_in_the_file_of_nautilus_are_refused(
    states: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    state = states("nautilus")
    _, attributes = _places(state)
    attributes = [(name, key) for name, key in attributes if name != "sampler" or key.startswith(READ)]
    assert len(attributes) > 60
    for name, key in attributes:
        for value in ("abc", np.zeros((2, 2, 2))):

            def change(file: Any, name: str = name, key: str = key, value: Any = value) -> None:
                file[name].attrs[key] = value

            assert not _is_taken("nautilus", _inner(state, change), tmp_path), (name, key)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_file_of_nautilus_that_is_cut_or_none_is_refused(
    share: float, states: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    state = states("nautilus")
    image = state["nautilus"]
    for changed in (image[: max(int(share * len(image)), 1)], image[::-1], np.zeros_like(image)):
        assert not _is_taken("nautilus", {**state, "nautilus": changed}, tmp_path)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_work_on_another_posterior_is_refused(
    sampler: str, states: Callable[[str], dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The identity of a checkpoint tells them apart; where it was forged, ln L does."""
    monkeypatch.setitem(globals(), "TARGET", LinearGaussian.make(3, 5, 0.5, seed=4))
    assert not _is_taken(sampler, states(sampler), tmp_path)

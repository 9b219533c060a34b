"""Ways to spoil arrays and descriptions, by name: what every reader of files of arrays is held against."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Array = np.ndarray[Any, np.dtype[Any]]


def _one_number(array: Array, value: float) -> Array:
    changed = np.array(array)
    changed.reshape(-1)[changed.size // 2] = value
    return changed


def _moved(array: Array) -> Array:
    """Another order of the same numbers in the same shape: of any two, one differs."""
    return np.roll(np.array(array).reshape(-1), 1).reshape(array.shape)


def _nudged(array: Array) -> Array:
    changed = np.array(array)
    changed.reshape(-1)[0] += 1
    return changed


SHAPES: dict[str, Callable[[Array], Array]] = {
    "transposed": lambda array: np.array(array.T) if array.ndim > 1 else array[:, None],
    "cut": lambda array: array[:-1],
    "cut at the end of its last axis": lambda array: array[..., :-1],
    "longer": lambda array: np.concatenate([array, array]),
    "empty": lambda array: array[:0],
    "a scalar": lambda array: np.array(array.reshape(-1)[0]),
    "flat": lambda array: array.reshape(-1) if array.ndim > 1 else array.reshape(1, -1),
    "with another axis": lambda array: array[None],
}
TYPES: dict[str, Callable[[Array], Array]] = {
    "half precision": lambda array: np.clip(array, -1e4, 1e4).astype(np.float16),
    "whole": lambda array: array.astype(np.int32),
    "complex": lambda array: array.astype(complex),
    "true or false": lambda array: array.astype(bool),
    "bytes": lambda array: array.astype("S8"),
}
NUMBERS: dict[str, Callable[[Array], Array]] = {
    "with NaN": lambda array: _one_number(array, np.nan),
    "with inf": lambda array: _one_number(array, np.inf),
}
CONTENT: dict[str, Callable[[Array], Array]] = {"moved": _moved, "nudged": _nudged}
"""Only a signature shows them."""

VALUES: dict[str, Any] = {
    "null": None,
    "text": "abc",
    "empty text": "",
    "escape": "\x1b[2J",
    "minus one": -1,
    "zero": 0,
    "huge": 10**30,
    "infinite": float("inf"),
    "no number": float("nan"),
    "true": True,
    "a list": [],
    "a list of lists": [[1]],
    "a table": {},
}
"""What any value of a description is replaced by."""


def paths(content: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key of nested tables, and the first entry of every list."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield (*above, key)
            yield from paths(value, (*above, key))
    elif isinstance(content, list | tuple) and content:
        yield (*above, 0)
        yield from paths(content[0], (*above, 0))


def replaced(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy in which one value is another."""
    changed = copy.deepcopy(content)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


def without(content: Any, path: tuple[Any, ...]) -> Any:
    """A copy in which one key or entry is missing."""
    changed = copy.deepcopy(content)
    place = changed
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return changed


def sets(arrays: dict[str, Array], name: str) -> dict[str, dict[str, Array]]:
    """All arrays with one missing, renamed, or beside an unknown one."""
    others = {key: value for key, value in arrays.items() if key != name}
    return {
        "missing": others,
        "renamed": {**others, f"{name}_": arrays[name]},
        "beside an unknown one": {**arrays, f"more_{name}": arrays[name]},
    }

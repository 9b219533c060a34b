"""One function body for NumPy and for JAX.

Everything that is evaluated per posterior sample takes its array namespace from its input, so the same code runs on
NumPy arrays (in the samplers of the core) and on JAX arrays (traced, on any device). Only calls of the Python array API
standard may be used on such arrays.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Array", "Float64", "array_namespace", "full_precision", "reshaped", "stack_last"]

Array: TypeAlias = Any
"""An array of any library that follows the array API standard; shapes stand in docstrings."""

Float64: TypeAlias = np.typing.NDArray[np.float64]
"""A NumPy array of double precision: what everything outside the per-sample path uses."""


def array_namespace(*arrays: Array) -> Any:
    """Return the array API namespace of the first argument that has one (NumPy when none has)."""
    for array in arrays:
        if type(array) is np.ndarray:  # nearly always, and the question is asked often
            continue
        namespace = getattr(array, "__array_namespace__", None)
        if namespace is not None and not isinstance(array, np.ndarray | np.generic):
            return namespace()
    return np


_AS_IT_IS: Final = nullcontext()


def full_precision(xp: Any) -> AbstractContextManager[Any]:
    """Return a context in which matrix products of a namespace have the precision of their arrays.

    JAX multiplies matrices of single precision with ten bits on a GPU and eight on a TPU, unless it is asked not to.
    """
    if xp is np or not xp.__name__.startswith("jax"):
        return _AS_IT_IS
    import jax

    context: AbstractContextManager[Any] = jax.default_matmul_precision("highest")
    return context


def stack_last(xp: Any, arrays: Sequence[Array]) -> Array:
    """Return arrays of one shape [...] as one [..., n]; faster than `stack` on NumPy's small arrays."""
    if xp is not np:
        return xp.stack(arrays, axis=-1)
    if np.ndim(arrays[0]) == 0:
        return np.array(arrays)
    stacked = np.empty((*np.shape(arrays[0]), len(arrays)))
    for place, array in enumerate(arrays):
        stacked[..., place] = array
    return stacked


def reshaped(xp: Any, array: Array, shape: tuple[int, ...]) -> Array:
    """Return an array in another shape; NumPy's own method takes a fraction of the time of its function."""
    return array.reshape(shape) if xp is np else xp.reshape(array, shape)

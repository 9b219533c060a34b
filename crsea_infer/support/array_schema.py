"""What the arrays of a file must be, said once, and checked before anything uses them.

A schema names arrays and gives each a type, a shape and what its numbers must be. Sizes of a shape are whole numbers or
words; a word stands for one size wherever it occurs, whether it is known beforehand (from the settings in the file) or
not. Types, shapes and the memory that they ask for are checked on the headers alone, before a number is read. A
signature of all that a file says finds what no schema can: numbers that were exchanged, transposed or edited.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "TEXT",
    "AnyArray",
    "ArrayHeader",
    "ArraySpec",
    "check_headers",
    "check_numbers",
    "signature",
    "size_limit",
]

AnyArray = np.ndarray[tuple[int, ...], np.dtype[Any]]
Numbers = Literal["finite", "positive", "not negative", "not NaN", "log", "any"]

TEXT: Final = "text"
"""Type of an array of words."""

_FLOOR: Final = 2**26
_RATIO: Final = 50
"""Numbers of physics compress by less; what unpacks to more, and to more than 64 MiB, is no file of this package."""

_TYPES: Final = {
    "f4": "numbers in single precision",
    "f8": "numbers in double precision",
    "i2": "whole numbers of 16 bits",
    "i8": "whole numbers of 64 bits",
    "u1": "bytes",
    "u4": "whole numbers of 32 bits without sign",
    TEXT: "words",
}
_WORDS: Final = {
    "finite": "finite numbers",
    "positive": "finite numbers above 0",
    "not negative": "finite numbers of at least 0",
    "not NaN": "numbers, or infinity",
    "log": "finite numbers, or -inf",
    "any": "numbers",
}


@dataclass(frozen=True)
class ArraySpec:
    """What one array must be.

    Attributes
    ----------
    shape
        Sizes: a number, or a word for a size that other arrays or settings share.
    dtypes
        Types that are allowed, in NumPy's short names without byte order, or :data:`TEXT`.
    numbers
        What the numbers must be.
    required
        Whether it must be there.
    may_be_empty
        Whether a size may be 0.
    """

    shape: tuple[int | str, ...]
    dtypes: tuple[str, ...] = ("f8",)
    numbers: Numbers = "finite"
    required: bool = True
    may_be_empty: bool = False


@dataclass(frozen=True)
class ArrayHeader:
    """What a file says of one of its arrays before it is read.

    Attributes
    ----------
    type
        NumPy's short name without byte order, or :data:`TEXT`.
    shape
        Sizes.
    item_bytes
        Bytes per number.
    """

    type: str
    shape: tuple[int, ...]
    item_bytes: int

    @classmethod
    def of(cls, dtype: np.dtype[Any], shape: Sequence[int]) -> ArrayHeader:
        """Return the header of an array of that type and shape."""
        plain = dtype.kind in "fiub" and dtype.names is None and dtype.subdtype is None
        name = f"{dtype.kind}{dtype.itemsize}" if plain else str(dtype)[:40]
        return cls(name, tuple(int(size) for size in shape), max(int(dtype.itemsize), 1))

    @property
    def n_bytes(self) -> int:
        """Memory that the array takes."""
        return math.prod(self.shape) * self.item_bytes


def size_limit(file_bytes: int) -> int:
    """Return how many bytes of arrays a file of `file_bytes` may hold: enough for any that this package wrote."""
    return max(_FLOOR, _RATIO * file_bytes)


def check_headers(
    headers: Mapping[str, ArrayHeader],
    schema: Mapping[str, ArraySpec],
    sizes: Mapping[str, int],
    *,
    where: str,
    fix: str,
    limit: int,
) -> dict[str, int]:
    """Check names, types, shapes and total memory of arrays that have not been read.

    Parameters
    ----------
    headers
        What the file says of its arrays.
    schema
        What it must hold, and nothing else.
    sizes
        Words of shapes whose size is known already.
    where, fix
        The file, and what helps, for the message.
    limit
        Bytes that all arrays together may take.

    Returns
    -------
    dict
        The size that each word stands for.

    Raises
    ------
    UserError
        For the first array that is missing, not known, or of another type or shape.
    """
    extra = sorted(set(headers) - set(schema))
    if extra:
        raise UserError(f"{where}: holds an array {extra[0][:60]!r}", valid=", ".join(schema), fix=fix)
    missing = [name for name, spec in schema.items() if spec.required and name not in headers]
    if missing:
        raise UserError(f"{where}: lacks the array {missing[0]!r}", valid=", ".join(schema), fix=fix)
    total = sum(header.n_bytes for header in headers.values())
    if total > limit:
        raise UserError(
            f"{where}: its arrays would take {total / 2**30:.3g} GiB",
            valid=f"at most {limit / 2**30:.3g} GiB for a file of this size",
            fix=fix,
        )
    known = dict(sizes)
    for name, spec in schema.items():
        if name in headers:
            _check_header(name, headers[name], spec, known, where, fix)
    return known


def _check_header(name: str, header: ArrayHeader, spec: ArraySpec, known: dict[str, int], where: str, fix: str) -> None:
    """Check one array; the words of its shape that had no size have one afterwards."""
    if header.type not in spec.dtypes:
        raise UserError(
            f"{where}: {name} has the type {_TYPES.get(header.type, header.type)}",
            valid=" or ".join(_TYPES[one] for one in spec.dtypes),
            fix=fix,
        )
    wanted = _shape_words(spec.shape, known)
    fits = len(header.shape) == len(spec.shape)
    for symbol, size in zip(spec.shape, header.shape, strict=False):
        expected = symbol if isinstance(symbol, int) else known.setdefault(symbol, size)
        fits = fits and size == expected and (size > 0 or spec.may_be_empty)
    if not fits:
        raise UserError(f"{where}: {name} has the shape {list(header.shape)}", valid=wanted, fix=fix)


def _shape_words(shape: Sequence[int | str], known: Mapping[str, int]) -> str:
    if not shape:
        return "a single number"
    return f"[{', '.join(f'{size} {known[size]}' if size in known else str(size) for size in map(_name, shape))}]"


def _name(size: int | str) -> str:
    return str(size)


def check_numbers(
    arrays: Mapping[str, AnyArray], schema: Mapping[str, ArraySpec], *, where: str, fix: str
) -> dict[str, AnyArray]:
    """Check the numbers of arrays whose headers were checked.

    Returns
    -------
    dict
        The arrays in the byte order of this machine, contiguous.

    Raises
    ------
    UserError
        For the first number that the schema does not allow.
    """
    checked: dict[str, AnyArray] = {}
    for name, array in arrays.items():
        spec = schema[name]
        if TEXT in spec.dtypes:
            checked[name] = array
            continue
        native = np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")
        good = _good(native, spec.numbers)
        if not good.all():
            where_bad = tuple(int(index) for index in np.argwhere(~good)[0])
            raise UserError(
                f"{where}: {name}{list(where_bad) if where_bad else ''} is {native[where_bad]:g}",
                valid=_WORDS[spec.numbers],
                fix=fix,
            )
        checked[name] = native
    return checked


def _good(array: AnyArray, numbers: Numbers) -> np.typing.NDArray[np.bool_]:
    """Tell which numbers are as they must be."""
    if numbers == "any":
        return np.ones(array.shape, dtype=bool)
    if numbers == "not NaN":
        return np.asarray(~np.isnan(array))
    if numbers == "log":
        return np.asarray(array < np.inf)
    finite = np.isfinite(array)
    if numbers == "positive":
        finite &= array > 0
    elif numbers == "not negative":
        finite &= array >= 0
    return np.asarray(finite)


def signature(texts: Sequence[str], arrays: Mapping[str, Any]) -> str:
    """Return the SHA-256 of texts and of arrays with their names, types and shapes, whatever the order of the arrays.

    Arrays of words count by their words.
    """
    found = hashlib.sha256(json.dumps(list(texts)).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        if array.dtype.kind in "OUT":
            found.update(json.dumps([name, TEXT, array.shape, array.tolist()]).encode())
            continue
        found.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        if array.size:
            found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()

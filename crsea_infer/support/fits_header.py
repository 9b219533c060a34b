"""What a FITS header says, checked as it is asked for, and the data that it describes.

Readers state what they need of a header by a :class:`Key` each; a value that is missing, of another type, out of range,
or given twice with two meanings is told by its name. Data are decoded here and not by astropy, which goes on without a
scaling, a null or a column that it does not understand: a file that leaves any of these unsure must not be read. Only
columns of numbers are (TFORM L, B, I, J, K, E or D).
"""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.support.arrays import Float64

__all__ = ["IMAGE_TYPES", "Column", "Hdu", "Key", "Unusable"]

_WIDTHS: Final[Mapping[str, int]] = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16}
_TYPES: Final[Mapping[str, str]] = {"L": "u1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
IMAGE_TYPES: Final[Mapping[int, str]] = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
"""BITPIX -> type of the values of an image."""
_FORM: Final = re.compile(r"(\d{0,9})([LXBIJKAEDCMPQ])(.*)", re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class Key:
    """What a reader needs of one keyword.

    Attributes
    ----------
    name
        The keyword.
    kind
        ``str``, ``int`` or ``float`` (which takes whole numbers too); logical values are neither.
    valid, fix
        For the message.
    default
        Value when the keyword is absent; without one it is refused.
    choices
        Text in capitals -> its meaning, which is what the reader gets.
    low, high
        Range of a number, both included.
    """

    name: str
    kind: type[str | int | float]
    valid: str = ""
    fix: str = ""
    default: Any = ...
    choices: Mapping[str, Any] | None = None
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Column:
    """Where a column of a binary table lies, and how it is stored."""

    name: str
    letter: str
    repeat: int
    offset: int
    number: int


@dataclass(frozen=True)
class Unusable:
    """A card that cannot be used, and why."""

    reason: str


@dataclass(frozen=True, eq=False)
class Hdu:
    """One header with its data.

    Attributes
    ----------
    path, number
        File, and place in it, from 0.
    kind
        "image", "table" (binary) or "other".
    written_by
        Code that writes such files, for messages.
    cards
        Keyword -> value; read them with :meth:`value`.
    data
        Bytes, without padding.
    """

    path: Path
    number: int
    kind: str
    written_by: str
    cards: Mapping[str, Any]
    data: bytes

    @property
    def where(self) -> str:
        """File and HDU, as messages name them."""
        return f"{self.path}, {'table' if self.kind == 'table' else 'HDU'} {self.number}"

    @property
    def name(self) -> str:
        """EXTNAME in capitals, empty without one."""
        return str(self.value(Key("EXTNAME", str, default=""))).upper()

    def refuse(self, given: str, valid: str = "", fix: str = "") -> UserError:
        """Return the error for something that is wrong in this HDU."""
        return UserError(f"{self.where}: {given}", valid=valid, fix=fix)

    def has(self, name: str) -> bool:
        """Tell whether a keyword is there and has a value."""
        return name.upper() in self.cards

    def value(self, key: Key) -> Any:
        """Return the value of a keyword.

        Raises
        ------
        UserError
            When it is not as the key says.
        """
        given = self.cards.get(key.name.upper())
        blank = isinstance(given, str) and not given.strip()
        if given is None or blank:
            if key.default is ...:
                raise self.refuse(f"{key.name} is absent", key.valid, key.fix)
            return key.default
        if isinstance(given, Unusable):
            raise self.refuse(f"{key.name} {given.reason}", key.valid or "one value, as FITS writes it", key.fix)
        right = isinstance(given, (int, float) if key.kind is float else key.kind) and not isinstance(given, bool)
        words = {str: "a text", int: "a whole number", float: "a number"}[key.kind]
        if not right:
            raise self.refuse(f"{key.name} is {given!r}", key.valid or words, key.fix)
        if key.kind is str:
            text = given.strip()
            if key.choices is None:
                return text
            if text.upper() not in key.choices:
                raise self.refuse(f"{key.name} is {text}", key.valid or ", ".join(key.choices), key.fix)
            return key.choices[text.upper()]
        if not key.low <= given <= key.high:
            raise self.refuse(
                f"{key.name} is {given:g}", key.valid or f"{words} from {key.low:g} to {key.high:g}", key.fix
            )
        return float(given) if key.kind is float else given

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """Columns of a binary table by their names in capitals.

        Raises
        ------
        UserError
            When it is no binary table, or its TFORMn are no formats, or not of its rows, or two have one name.
        """
        if self.kind != "table":
            raise self.refuse("it is no binary table", "a binary table", f"write it with {self.written_by}")
        found: dict[str, Column] = {}
        offset = 0
        for number in range(1, self.value(Key("TFIELDS", int, low=0, high=999)) + 1):
            form = self.value(Key(f"TFORM{number}", str, "a format of a binary table, such as 1E or D")).upper()
            match = _FORM.fullmatch(form)
            if match is None:
                raise self.refuse(f"TFORM{number} is {form}", "a format of a binary table, such as 1E or D")
            repeat, letter = int(match[1] or 1), match[2]
            name = self.value(Key(f"TTYPE{number}", str, default=f"column {number}"))
            if name.upper() in found:
                raise self.refuse(f"two columns have the name {name}", "one name for each")
            found[name.upper()] = Column(name, letter, repeat, offset, number)
            if letter in "PQ":  # a descriptor; what it points to is not read
                offset += repeat * (8 if letter == "P" else 16)
            else:
                offset += -(-repeat // 8) if letter == "X" else repeat * _WIDTHS[letter]
        if offset != self.value(Key("NAXIS1", int)):
            raise self.refuse(f"its columns take {offset} bytes a row", f"NAXIS1 = {self.value(Key('NAXIS1', int))}")
        return found

    def column(self, name: str) -> Column:
        """Return a column; a UserError when there is none of the name."""
        if name.upper() not in self.columns:
            raise self.refuse(
                f"has no column {name}",
                valid=f"it has {', '.join(list(self.columns)[:8]) or 'none'}",
                fix=f"write it with {self.written_by}",
            )
        return self.columns[name.upper()]

    def numbers(self, name: str) -> Float64:
        """Return a column in double precision, row after row, scaled as the header says; nulls are NaN.

        Raises
        ------
        UserError
            When it has no values, or none that are numbers, or a scaling or null that is no number.
        """
        column, raw = self._raw(name)
        scale, zero = self._scaling(f"TSCAL{column.number}", f"TZERO{column.number}")
        values = raw.astype(np.float64)
        if column.letter == "L":  # 'T' and 'F'; anything else is undefined
            values = np.where(raw == ord("T"), 1.0, np.where(raw == ord("F"), 0.0, np.nan))
        null = self.value(Key(f"TNULL{column.number}", int, default=None))
        if null is not None and column.letter in "BIJK":
            values[raw == null] = np.nan
        return self._scaled(values, scale, zero)

    def integers(self, name: str) -> np.typing.NDArray[np.int64]:
        """Return a column of whole numbers, row after row; raises as :meth:`numbers`."""
        column, raw = self._raw(name)
        scale, zero = self._scaling(f"TSCAL{column.number}", f"TZERO{column.number}")
        if column.letter not in "BIJK" or scale != 1.0 or not zero.is_integer() or abs(zero) > 2.0**31:
            raise self.refuse(f"the column {name} holds no whole numbers", "TFORM I, J or K, and TSCAL 1")
        return raw.astype(np.int64) + int(zero)

    def image(self) -> Float64:
        """Return an image in double precision, axes in NumPy's order, scaled as the header says; blanks are NaN.

        Raises
        ------
        UserError
            When it is no image, is empty, or has a scaling that is no number.
        """
        if self.kind != "image" or not self.data:
            raise self.refuse("it holds no image", "an image", f"write it with {self.written_by}")
        bits = self.value(Key("BITPIX", int))
        shape = [self.value(Key(f"NAXIS{axis}", int)) for axis in range(self.value(Key("NAXIS", int)), 0, -1)]
        raw = np.frombuffer(self.data, dtype=IMAGE_TYPES[bits]).reshape(shape)
        scale, zero = self._scaling("BSCALE", "BZERO")
        values = raw.astype(np.float64)
        blank = self.value(Key("BLANK", int, default=None))
        if blank is not None and bits > 0:
            values[raw == blank] = np.nan
        return self._scaled(values, scale, zero)

    def unit(self, column: str, to: str, usual: str | None = None, fix: str = "") -> float:
        """Return what a column's TUNIT is in another unit.

        Parameters
        ----------
        column
            Its name.
        to
            A unit of astropy.
        usual
            The unit of a column without TUNIT; None: that is refused.
        fix
            For the message.

        Raises
        ------
        UserError
            When it is no unit, a logarithmic one, or not of the same kind.
        """
        key = f"TUNIT{self.column(column).number}"
        missing = ... if usual is None else usual
        text = self.value(Key(key, str, f"a unit such as {to}", fix, default=missing))
        factor = _unit_factor(text, to)
        if not (math.isfinite(factor) and factor > 0):
            raise self.refuse(f"{key} is {text!r}", f"a unit such as {to}", fix)
        return factor

    def _raw(self, name: str) -> tuple[Column, np.typing.NDArray[Any]]:
        column = self.column(name)
        if column.letter not in _TYPES:
            raise self.refuse(f"the column {name} has the format {column.letter}", "numbers: L, B, I, J, K, E or D")
        width, rows = (self.value(Key(f"NAXIS{axis}", int)) for axis in (1, 2))
        if not rows * column.repeat:
            raise self.refuse(f"the column {name} has no values", "at least one row")
        kind = np.dtype(_TYPES[column.letter])
        shape, steps = (rows, column.repeat), (width, kind.itemsize)
        return column, np.ndarray(shape, kind, self.data, column.offset, steps).ravel()

    def _scaling(self, scale: str, zero: str) -> tuple[float, float]:
        factor = self.value(Key(scale, float, "a number that is not 0", default=1.0))
        offset = self.value(Key(zero, float, "a number", default=0.0))
        if factor == 0 or not math.isfinite(factor) or not math.isfinite(offset):
            raise self.refuse(f"{scale} is {factor:g} and {zero} is {offset:g}", "finite numbers, the scale not 0")
        return factor, offset

    def _scaled(self, values: Float64, scale: float, zero: float) -> Float64:
        if (scale, zero) == (1.0, 0.0):
            return values
        with np.errstate(all="ignore"):  # what overflows is infinite, and refused where it is used
            return values * scale + zero


def _unit_factor(text: str, to: str) -> float:
    """Return what a unit is in another one; NaN when it is none, logarithmic, or of another kind."""
    from astropy import units

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            unit = units.Unit(text)
            # mag, dex and their like convert too, as numbers that are powers of ten
            return float(unit.to(units.Unit(to))) if isinstance(unit, units.UnitBase) else math.nan
    except (ValueError, TypeError, ArithmeticError, RecursionError, Warning):
        return math.nan

"""What the unfinished work of a sampler must be, checked before the sampler goes on from it.

A checkpoint is signed, which finds damage; but whoever writes one can sign it. So every sampler says of its state what
the arrays are, by the schema of :mod:`crsea_infer.support.array_schema`, and what stands beside them; and the ln L that
a state tells of its points is held against the likelihood at some of them, which also finds points that were exchanged.
Whatever is wrong is one message that says how to start again.

Samplers that work in independent parts (sub-runs, repetitions) keep those that are finished; :func:`finished_parts`
reads them back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, TypeVar

import numpy as np
from pydantic import ConfigDict, Field, FiniteFloat

from crsea_infer.content.toml_files import Entry, validate
from crsea_infer.support.array_schema import ArrayHeader, ArraySpec, check_headers, check_numbers
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from crsea_infer.inference.target import Target
    from crsea_infer.support.array_schema import AnyArray
    from crsea_infer.support.checkpoint import Checkpoint

__all__ = ["START_AGAIN", "Calls", "Kept", "Seconds", "StateEntry", "finished_parts", "kept_state", "save_parts"]

START_AGAIN: Final = "start again with --fresh (what is there is replaced), or choose another directory with --output"

Calls = Annotated[int, Field(ge=0)]
"""Likelihood evaluations."""

Seconds = Annotated[FiniteFloat, Field(ge=0.0)]
"""Of work."""

_HELD = 16  # points at which ln L is evaluated again
_LEAST_DIFFERENCE = 0.05  # single precision leaves 0.01 where ln L is within 100 of the best
_RELATIVE_DIFFERENCE = 1e-4  # and less than this far from it


class StateEntry(Entry):
    """What stands beside the arrays of a state; numbers that a sampler tells of itself may be infinite."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=True)


class _Finished(StateEntry):
    """Beside the arrays of finished parts."""

    finished: Annotated[int, Field(ge=1)]


P = TypeVar("P", bound=StateEntry)


@dataclass(frozen=True)
class Kept(Generic[P]):
    """A state that was read and checked by its schema.

    Attributes
    ----------
    plain
        What is no array.
    arrays
        The arrays, in the byte order of this machine.
    where
        The file, for messages.
    """

    plain: P
    arrays: dict[str, AnyArray]
    where: str

    def require(self, holds: object, given: str, valid: str) -> None:
        """Refuse the state unless a condition holds.

        Raises
        ------
        UserError
            With what was found, and what is valid.
        """
        if not holds:
            _refuse(f"{self.where}: {given}", valid)

    def hold_against(self, target: Target, unit: AnyArray, log_likelihood: AnyArray) -> None:
        """Evaluate ln L [n] at some of the points [n, d] of the unit cube again.

        Raises
        ------
        UserError
            Where it is something else than the state tells.
        """
        _hold_against(target, unit, log_likelihood, self.where)


def kept_state(
    checkpoint: Checkpoint, model: type[P], schema: Mapping[str, ArraySpec], sizes: Mapping[str, int]
) -> Kept[P] | None:
    """Read what a checkpoint holds; None when there is nothing yet.

    Parameters
    ----------
    model
        Of what is no array.
    schema
        Of the arrays.
    sizes
        Words of shapes whose size is known.

    Raises
    ------
    UserError
        When the file is damaged, belongs to something else, or is not what the sampler writes.
    """
    stored = checkpoint.load()
    if not stored:
        return None
    where = f"the checkpoint {checkpoint.path}"
    plain = _plain(model, stored, where)
    return Kept(plain, _checked(stored, schema, sizes, where), where)


def finished_parts(
    checkpoint: Checkpoint,
    schema: Mapping[str, ArraySpec],
    target: Target,
    most: int,
    *,
    sizes: Mapping[str, int] | None = None,
) -> list[dict[str, AnyArray]]:
    """Read the parts that a sampler had finished, at most `most` of them.

    The arrays "unit" [n, d] and "log_likelihood" [n] of each are held against the likelihood.

    Raises
    ------
    UserError
        As :func:`kept_state` does.
    """
    stored = checkpoint.load()
    if not stored:
        return []
    where = f"the checkpoint {checkpoint.path}"
    finished = _plain(_Finished, stored, where).finished
    if finished > most:
        _refuse(f"{where}: holds {finished} finished parts", f"at most {most}")
    own: list[dict[str, Any]] = [{} for _ in range(finished)]
    for name, array in stored.items():
        if name == "plain":
            continue
        number, _, rest = name.partition("/")
        if number not in map(str, range(finished)):
            _refuse(f"{where}: holds an array {name[:60]!r}", f"arrays of parts 0 to {finished - 1}")
        own[int(number)][rest] = array
    known = {**(sizes or {}), "parameter": len(target.names)}
    parts = []
    for index, part in enumerate(own):
        own_place = f"{where}, part {index + 1}"
        arrays = _checked(part, schema, known, own_place)
        if arrays["unit"].max() > 1.0:
            _refuse(f"{own_place}: unit lies outside the unit cube", "0 to 1")
        _hold_against(target, arrays["unit"], arrays["log_likelihood"], own_place)
        parts.append(arrays)
    return parts


def save_parts(checkpoint: Checkpoint, parts: Sequence[Mapping[str, Any]]) -> None:
    """Keep finished parts for :func:`finished_parts`."""
    arrays = {f"{index}/{name}": value for index, part in enumerate(parts) for name, value in part.items()}
    checkpoint.save({**arrays, "plain": {"finished": len(parts)}})


def _plain(model: type[P], stored: Mapping[str, Any], where: str) -> P:
    try:
        return validate(model, stored["plain"], where)
    except UserError as error:
        raise UserError(error.given, valid=error.valid, fix=START_AGAIN) from error


def _checked(
    stored: Mapping[str, Any], schema: Mapping[str, ArraySpec], sizes: Mapping[str, int], where: str
) -> dict[str, AnyArray]:
    found = {name: np.asarray(value) for name, value in stored.items() if name != "plain"}
    headers = {name: ArrayHeader.of(array.dtype, array.shape) for name, array in found.items()}
    total = sum(header.n_bytes for header in headers.values())
    check_headers(headers, schema, sizes, where=where, fix=START_AGAIN, limit=total)
    return check_numbers(found, schema, where=where, fix=START_AGAIN)


def _hold_against(target: Target, unit: AnyArray, log_likelihood: AnyArray, where: str) -> None:
    some = np.unique(np.linspace(0, len(unit) - 1, min(_HELD, len(unit))).astype(np.int64))
    told = np.asarray(log_likelihood[some], dtype=np.float64)
    here = np.asarray(target.log_likelihood(target.prior_transform(unit[some])), dtype=np.float64)
    finite = np.isfinite(told) & np.isfinite(here)
    agree = told == here
    tolerance = _LEAST_DIFFERENCE + _RELATIVE_DIFFERENCE * np.abs(here[finite])
    agree[finite] = np.abs(told[finite] - here[finite]) <= tolerance
    if not agree.all():
        worst = int(np.argmin(agree))
        _refuse(
            f"{where}: ln L is {told[worst]:.6g} at a point where it is {here[worst]:.6g}", "work on this posterior"
        )


def _refuse(given: str, valid: str) -> NoReturn:
    raise UserError(given, valid=valid, fix=START_AGAIN)

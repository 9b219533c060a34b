"""What the file of a finished result must hold, checked before anything uses it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
from pydantic import ConfigDict, Field, FiniteFloat

from crsea_infer.content.toml_files import Entry, validate
from crsea_infer.support.array_schema import ArrayHeader, ArraySpec, check_headers, check_numbers
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.support.array_schema import AnyArray

__all__ = ["check_result"]

_FIX: Final = "start again with --fresh (what is there is replaced), or choose another directory with --output"
_FLOATS: Final = ("f4", "f8")
_SCHEMA: Final = {
    "samples": ArraySpec(("draw", "parameter"), _FLOATS),
    "unit_samples": ArraySpec(("draw", "parameter"), _FLOATS, "not negative"),
    "log_weights": ArraySpec(("draw",), _FLOATS, "not NaN", required=False),
    "log_likelihood": ArraySpec(("draw",), _FLOATS, "not NaN"),
    "chains": ArraySpec(("chain", "step", "parameter"), _FLOATS, required=False),
    "live": ArraySpec(("draw",), _FLOATS, "positive", required=False),
}


class _Entry(Entry):
    # what a sampler tells of itself may be infinite or no number
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=True)


class _Evidence(_Entry):
    """An evidence."""

    lnz: FiniteFloat
    lnz_err: Annotated[float, Field(ge=0.0)]
    method: Annotated[str, Field(min_length=1)]


class _Plain(_Entry):
    """Whatever is no array."""

    sampler: Annotated[str, Field(min_length=1)]
    names: list[str]  # none of a hypothesis whose parameters are all fixed
    evidence: _Evidence | None
    conditional: _Evidence | None = None
    n_calls: Annotated[int, Field(ge=0)]
    wall_s: Annotated[FiniteFloat, Field(ge=0.0)]
    diagnostics: dict[str, float | str]


def check_result(stored: Mapping[str, Any], where: str) -> dict[str, AnyArray]:
    """Check what a file of a finished result holds, and return its arrays.

    Parameters
    ----------
    stored
        Arrays by name, and "plain": a mapping.
    where
        The file.

    Raises
    ------
    UserError
        For the first entry that is missing, not known, or of another type, shape or range.
    """
    try:
        plain = validate(_Plain, stored["plain"], where)
    except UserError as error:
        raise UserError(error.given, valid=error.valid, fix=_FIX) from error
    if len(set(plain.names)) < len(plain.names):
        raise UserError(f"{where}: names a parameter twice", fix=_FIX)
    found = {name: np.asarray(value) for name, value in stored.items() if name != "plain"}
    headers = {name: ArrayHeader.of(array.dtype, array.shape) for name, array in found.items()}
    total = sum(header.n_bytes for header in headers.values())
    schema = _SCHEMA
    if not plain.names:  # of a hypothesis whose parameters are all fixed; its draws are points without coordinates
        schema = {name: replace(spec, may_be_empty="parameter" in spec.shape) for name, spec in _SCHEMA.items()}
    sizes = check_headers(headers, schema, {"parameter": len(plain.names)}, where=where, fix=_FIX, limit=total)
    arrays = check_numbers(found, schema, where=where, fix=_FIX)
    if "chains" in arrays and sizes["chain"] * sizes["step"] != sizes["draw"]:
        raise UserError(
            f"{where}: {sizes['chain']} chains of {sizes['step']} draws beside {sizes['draw']} samples",
            valid="samples that are the draws of the chains",
            fix=_FIX,
        )
    if arrays["unit_samples"].size and arrays["unit_samples"].max() > 1.0:
        raise UserError(f"{where}: unit_samples lie outside the unit cube", valid="0 to 1", fix=_FIX)
    if "log_weights" in arrays and not np.isfinite(arrays["log_weights"].max()):
        raise UserError(f"{where}: the log_weights give no weights", valid="at least one finite, none +inf", fix=_FIX)
    return arrays

"""Options of samplers: one frozen pydantic model for each, read from a table of a run file.

Types are strict, unknown names are refused with the nearest one, and the bounds of a number stand beside its default.
What ties two options together is checked by a validator of the model, with :func:`require`; what ties them to the
problem, such as its number of parameters, by :meth:`crsea_infer.inference.samplers.sampler.Sampler.check`. The
docstring of a model describes its options, in the documentation as in the JSON schema that editors read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import Field

from crsea_infer.content.toml_files import Entry, WrongValueError, validate

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Count", "OptionsType", "SamplerOptions", "options_from", "require"]

Count = Annotated[int, Field(le=1_000_000_000)]
"""A whole number, with an upper bound far beyond what anybody waits for."""


class SamplerOptions(Entry):
    """Options of a sampler: a frozen model whose fields all have a default."""


OptionsType = TypeVar("OptionsType", bound=SamplerOptions)


def require(condition: bool, option: str, given: object, valid: str) -> None:
    """Refuse, within a validator of a model, the value of an option unless `condition` holds.

    Raises
    ------
    WrongValueError
        Which becomes one message that names the option, what was given and what is allowed.
    """
    if not condition:
        raise WrongValueError(option, given, valid)


def options_from(kind: type[OptionsType], sampler: str, given: Mapping[str, object], where: str = "") -> OptionsType:
    """Build the options `kind` of a sampler from a table, checking names, types and bounds.

    Parameters
    ----------
    where
        The file, for messages; without one they speak of an option of the sampler.

    Raises
    ------
    UserError
        For an unknown option, a value of the wrong type or a value that is not allowed.
    """
    return validate(kind, given, where, prefix=f"samplers.{sampler}." if where else f"{sampler}.")

"""Which samplers there are: name -> options, and how to make one."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from crsea_infer.errors import unknown_name
from crsea_infer.inference.samplers.ensemble import Emcee, EmceeOptions
from crsea_infer.inference.samplers.importance import Importance, ImportanceOptions
from crsea_infer.inference.samplers.nested import Dynesty, DynestyOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.inference.samplers.base import Sampler

__all__ = ["OPTIONS", "make"]

OPTIONS: Mapping[str, type[Any]] = MappingProxyType(
    {"dynesty": DynestyOptions, "emcee": EmceeOptions, "importance": ImportanceOptions}
)
"""Name of each sampler -> the dataclass of its options."""

_SAMPLERS: Mapping[str, type[Any]] = MappingProxyType({"dynesty": Dynesty, "emcee": Emcee, "importance": Importance})


def make(name: str, options: Any = None) -> Sampler:
    """Return the sampler of that name, with its default options when none are given.

    Raises
    ------
    UserError
        When there is no such sampler.
    """
    if name not in _SAMPLERS:
        raise unknown_name("sampler", name, _SAMPLERS)
    sampler: Sampler = _SAMPLERS[name](OPTIONS[name]() if options is None else options)
    return sampler

"""Which samplers there are: name -> options, and how to make one."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from crsea_infer.errors import unknown_name
from crsea_infer.inference.samplers.dynamic import DynamicDynesty, DynamicDynestyOptions
from crsea_infer.inference.samplers.ensemble import Emcee, EmceeOptions
from crsea_infer.inference.samplers.hamiltonian import Nuts, NutsOptions
from crsea_infer.inference.samplers.importance import Importance, ImportanceOptions
from crsea_infer.inference.samplers.nested import Dynesty, DynestyOptions
from crsea_infer.inference.samplers.neural import Nautilus, NautilusOptions
from crsea_infer.inference.samplers.slices import JaxNested, JaxNestedOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.inference.samplers.base import Sampler

__all__ = ["OPTIONS", "make", "needs_jax"]

_SAMPLERS: Mapping[str, tuple[type[Any], type[Any]]] = MappingProxyType(
    {
        "dynesty": (Dynesty, DynestyOptions),
        "dynesty-dynamic": (DynamicDynesty, DynamicDynestyOptions),
        "emcee": (Emcee, EmceeOptions),
        "importance": (Importance, ImportanceOptions),
        "jax-nested": (JaxNested, JaxNestedOptions),
        "nautilus": (Nautilus, NautilusOptions),
        "nuts": (Nuts, NutsOptions),
    }
)

OPTIONS: Mapping[str, type[Any]] = MappingProxyType({name: options for name, (_, options) in _SAMPLERS.items()})
"""Name of each sampler -> the dataclass of its options."""


def make(name: str, options: Any = None) -> Sampler:
    """Return the sampler of that name, with its default options when none are given.

    Raises
    ------
    UserError
        When there is no such sampler.
    """
    if name not in _SAMPLERS:
        raise unknown_name("sampler", name, _SAMPLERS)
    kind, defaults = _SAMPLERS[name]
    sampler: Sampler = kind(defaults() if options is None else options)
    return sampler


def needs_jax(name: str) -> bool:
    """Tell whether a sampler computes with JAX, and so on a device where there is one."""
    kind, _ = _SAMPLERS[name]
    return bool(getattr(kind, "needs_jax", False))

"""Which samplers there are: those of this package, and those that others announce by an entry point.

Classes load when they are asked for. What a sampler is, stands on its class; see
:class:`crsea_infer.inference.samplers.sampler.Sampler`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crsea_infer.inference.samplers.options import SamplerOptions
from crsea_infer.support.errors import UserError
from crsea_infer.support.names import is_name
from crsea_infer.support.plugins import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crsea_infer.inference.samplers.sampler import Sampler

__all__ = ["SAMPLERS", "gives_conditional", "longest_first", "make", "sampler_class", "sampler_names"]

_HOME: Final = "crsea_infer.inference.samplers"

SAMPLERS: Final = Registry(
    kind="sampler",
    group="crsea_infer.samplers",
    built_in={
        "bridge": f"{_HOME}.bridge:Bridge",
        "dynesty": f"{_HOME}.dynesty_static:Dynesty",
        "dynesty-dynamic": f"{_HOME}.dynesty_dynamic:DynamicDynesty",
        "emcee": f"{_HOME}.emcee_ensemble:Emcee",
        "importance": f"{_HOME}.importance:Importance",
        "jax-nested": f"{_HOME}.jax_nested:JaxNested",
        "nautilus": f"{_HOME}.nautilus:Nautilus",
        "nuts": f"{_HOME}.nuts:Nuts",
        "smc": f"{_HOME}.tempered_particles:Smc",
    },
    members=(
        "name",
        "title",
        "gives_evidence",
        "packages",
        "extra",
        "duration",
        "precedence",
        "references",
        "Options",
        "check",
        "run",
    ),
)
"""By the names of run files."""


def gives_conditional(name: str) -> bool:
    """Return whether a sampler gives evidences conditional on a training set, by itself; raises as `sampler_class`."""
    return bool(getattr(sampler_class(name), "gives_conditional", False))  # not every plugin says so


def sampler_names() -> tuple[str, ...]:
    """Return the names of all samplers at hand, installed or announced."""
    return tuple(SAMPLERS.places)


def sampler_class(name: str, where: str = "") -> type[Sampler]:
    """Return the class of a sampler.

    Raises
    ------
    UserError
        When there is no such sampler, or what an entry point announces under that name is none.
    """
    kind: type[Sampler] = SAMPLERS.load(name, where)
    if not is_name(name):
        raise UserError(
            f"{name!r} cannot name a sampler",
            valid="letters, digits and . _ + -: it becomes the name of a file in the output",
        )
    if kind.name != name:
        raise UserError(
            f"the sampler {name!r} calls itself {kind.name!r}",
            valid=f"an entry point of the group {SAMPLERS.group} with the name of its class",
        )
    if not (isinstance(kind.Options, type) and issubclass(kind.Options, SamplerOptions)):
        raise UserError(
            f"the options of the sampler {name!r} are {kind.Options!r}",
            valid="a class derived from crsea_infer.inference.samplers.options.SamplerOptions",
        )
    return kind


def make(name: str, options: SamplerOptions | None = None) -> Sampler:
    """Return the sampler of that name, with its default options when none are given; raises as `sampler_class`."""
    kind = sampler_class(name)
    return kind(kind.Options() if options is None else options)  # type: ignore[call-arg]


def longest_first(names: Iterable[str]) -> list[str]:
    """Order samplers so that the longest start first and workers end together."""
    return sorted(names, key=lambda name: -sampler_class(name).duration)

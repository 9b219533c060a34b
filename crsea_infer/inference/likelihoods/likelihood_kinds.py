"""Which kinds of likelihood there are, and the class that a `likelihood.toml` names.

A kind is a built-in one, one that an installed package announces by an entry point, or a class in a Python file beside
the `likelihood.toml`, which is executed only where the user allows that; see :mod:`crsea_infer.support.user_code`. No
other module is ever imported because a file names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crsea_infer.support.errors import UserError
from crsea_infer.support.plugins import Registry
from crsea_infer.support.user_code import load_class

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LIKELIHOOD_KINDS", "class_of_kind"]

_HOME: Final = "crsea_infer.inference.likelihoods"

LIKELIHOOD_KINDS: Final = Registry(
    kind="kind of likelihood",
    group="crsea_infer.likelihoods",
    built_in={
        "flux-points": f"{_HOME}.flux_points:FluxPoints",
        "profile": f"{_HOME}.profile:Profile",
        "spectral-index": f"{_HOME}.spectral_index:SpectralIndex",
        "template-normalisation": f"{_HOME}.template_normalisation:TemplateNormalisation",
        "template-counts": f"{_HOME}.template_counts:TemplateCounts",
        "template-average": f"{_HOME}.template_average:TemplateAverage",
        "cosmic-ray-flux": f"{_HOME}.cosmic_ray_flux:CosmicRayFlux",
        "counts-map": f"{_HOME}.counts_map:CountsMap",
        "counts-table": f"{_HOME}.counts_table:CountsTable",
    },
    members=("read",),
)
"""By the names of likelihood.toml."""


def class_of_kind(kind: str, path: Path) -> Any:
    """Return the class of a kind.

    Parameters
    ----------
    kind
        A name among :data:`LIKELIHOOD_KINDS`, or "file.py:Class".
    path
        The `likelihood.toml` that names it.

    Raises
    ------
    UserError
        When there is no such kind, it cannot be loaded, or its code is not allowed.
    """
    if ":" not in kind:
        return LIKELIHOOD_KINDS.load(kind, str(path))
    where = f"{path}: kind = {kind!r}"
    file, _, name = kind.rpartition(":")
    if not file.endswith(".py"):
        raise UserError(
            f"{where} names a module",
            valid=f"{', '.join(LIKELIHOOD_KINDS.places)}; or 'file.py:Class' for a Python file beside likelihood.toml",
            fix=f"announce the class in an installed package by an entry point of the group {LIKELIHOOD_KINDS.group}, "
            "or put its file beside likelihood.toml and run with --allow-code",
        )
    if "/" in file or "\\" in file or file == ".py" or not name.isidentifier():
        raise UserError(f"{where} names no class beside it", valid="'file.py:Class', of a file beside likelihood.toml")
    found = load_class(path.parent / file, name, where)
    LIKELIHOOD_KINDS.check(found, where)
    return found

"""The `[[variants]]` of a run file, read and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.content.toml_files import validate
from crsea_infer.hypotheses.variants import Variant
from crsea_infer.inference.samplers.registry import sampler_class
from crsea_infer.plan.run_entries import RunEntry, VariantEntry
from crsea_infer.support.errors import UserError
from crsea_infer.support.names import check_name, refuse_alike

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.hypotheses.demanded_physics import DemandedPhysics

__all__ = ["read_variants", "refuse_bad_list"]


def read_variants(path: Path, entry: RunEntry, samplers: list[str]) -> tuple[Variant, ...]:
    """Return the variants of a run file, their weights summing to one.

    Raises
    ------
    UserError
        For a name that is none or stands twice, for the same physics twice, and where no sampler gives an evidence.
    """
    if not entry.variants:
        return ()
    found = [
        validate(VariantEntry, table, f"{path}: [[variants]] number {number}")
        for number, table in enumerate(entry.variants, start=1)
    ]
    where = f"{path}: [[variants]]"
    names = [one.name for one in found]
    for name in names:
        check_name(name, where, "variant")
        if "_on_" in name:
            raise UserError(
                f"{where}: the name {name!r} holds '_on_'", valid="a name without it: it names parts of data"
            )
    refuse_bad_list(where, names, "variant")
    same: dict[DemandedPhysics, str] = {}
    for one in found:
        other = same.setdefault(one.demanded(), one.name)
        if other != one.name:
            raise UserError(
                f"{where}: {other!r} and {one.name!r} are the same physics",
                valid="variants that differ",
                fix="keep one of them, and give it the weight of both",
            )
    if not any(sampler_class(name).gives_evidence for name in samplers):
        raise UserError(
            f"{path}: has [[variants]], but no sampler that gives an evidence, which weighs them",
            valid="a run with a sampler such as dynesty or importance",
            fix="add a table, such as [samplers.importance]",
        )
    total = sum(one.weight for one in found)
    return tuple(Variant(one.name, one.title or one.name, one.weight / total, one.demanded()) for one in found)


def refuse_bad_list(where: str, names: list[str], kind: str) -> None:
    """Refuse a list that is empty, or names something twice or in two ways that a file system takes for one."""
    if not names:
        raise UserError(f"{where}: the list is empty", valid=f"the name of at least one {kind}")
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise UserError(f"{where}: {repeated[0]!r} is given twice", valid=f"each {kind} once")
    refuse_alike(names, where, kind)

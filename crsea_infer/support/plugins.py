"""Classes of this package and of others, found by name.

What may be added to (samplers, sky models, kinds of likelihood) is found in two ways alike: the built-in ones by
"module:Class", those of other packages by entry points of a group. A class loads when it is asked for, and is held
against the members that its protocol wants, so that whatever is wrong with it is one message.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Registry"]


@dataclass(frozen=True)
class Registry:
    """Classes of one sort by their names.

    Attributes
    ----------
    kind
        What they are, in messages: "sampler".
    group
        Of entry points, by which other packages announce theirs.
    built_in
        Name -> "module:Class". An entry point of the same name does not replace it.
    members
        That each class must have.
    """

    kind: str
    group: str
    built_in: Mapping[str, str]
    members: tuple[str, ...]

    @property
    def places(self) -> dict[str, str]:
        """Name -> "module:Class" of all of them, the built-in ones first."""
        announced = {point.name: point.value for point in importlib.metadata.entry_points(group=self.group)}
        return {**self.built_in, **{name: announced[name] for name in sorted(announced.keys() - self.built_in)}}

    def load(self, name: str, where: str = "") -> Any:
        """Return the class of that name.

        Raises
        ------
        UserError
            When there is none, when it cannot be loaded, or when it lacks a member.
        """
        places = dict(self.built_in) if name in self.built_in else self.places
        if name not in places:
            raise unknown_name(self.kind, name, places, where=where)
        opening = f"{where + ': ' if where else ''}the {self.kind} {name!r} ({places[name]})"
        module, _, attribute = places[name].partition(":")
        try:
            found: Any = importlib.import_module(module.strip())
            for part in attribute.split("[")[0].strip().split("."):
                found = getattr(found, part)
        except Exception as error:  # whatever a stranger's module raises while it loads
            raise UserError(
                f"{opening} cannot be loaded: {type(error).__name__}: {error}",
                valid=f"an entry point of the group {self.group} that names a class as 'package.module:Class'",
                fix="mend or uninstall the package that announces it",
            ) from error
        self.check(found, opening)
        return found

    def check(self, found: Any, opening: str) -> None:
        """Hold what was found against the members that a class of this sort has; `opening` opens the message.

        Raises
        ------
        UserError
            When it is no class, or lacks one of them.
        """
        missing = [member for member in self.members if not hasattr(found, member)]
        if not isinstance(found, type) or missing:
            lacks = f"lacks {', '.join(missing)}" if isinstance(found, type) else "is no class"
            raise UserError(f"{opening} {lacks}", valid=f"a class with {', '.join(self.members)}")

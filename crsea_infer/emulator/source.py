"""Where a sky model comes from: a file of this package, or a class by its name.

The built-in sky models are read from emulator files, which say themselves what they are. A model of another package is
a class that is announced under the entry point group `crsea_infer.sky_models`; it has the members of
:class:`crsea_infer.emulator.sky_model.SkyModel`, and a class method ``read(path, options)`` that makes one, from the
file (or None) and the table that a run file gives under `[emulator]`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.support.errors import UserError
from crsea_infer.support.plugins import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.emulator.sky_model import SkyModel

__all__ = ["SKY_MODELS", "SkyModelSource", "refuse_options"]

_MEMBERS: Final = ("parameters", "box", "fingerprint", "description", "relative_error", "bind")

SKY_MODELS: Final = Registry(
    kind="sky model",
    group="crsea_infer.sky_models",
    built_in={
        "responses": "crsea_infer.emulator.response.response_sky:EmulatedSky",
        "spectra": "crsea_infer.emulator.spectra.spectra_sky:SpectraSky",
    },
    members=("read",),
)
"""By the names of run files."""


@dataclass(frozen=True)
class SkyModelSource:
    """A sky model by its name, as a run file has it.

    Attributes
    ----------
    kind
        Name among :data:`SKY_MODELS`.
    path
        The file that it reads, if it has one.
    options
        Whatever else it wants to know.
    """

    kind: str
    path: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def read(self) -> SkyModel:
        """Return the sky model.

        Raises
        ------
        UserError
            When there is no such model, it cannot be loaded or read, or lacks a member.
        """
        model: SkyModel = SKY_MODELS.load(self.kind).read(self.path, self.options)
        # held against the object: attributes of a dataclass are members of its objects alone
        missing = [name for name in _MEMBERS if not hasattr(model, name)]
        if missing:
            raise UserError(
                f"the sky model {self.kind!r} lacks {', '.join(missing)}", valid=f"an object with {', '.join(_MEMBERS)}"
            )
        return model


def refuse_options(kind: str, options: Mapping[str, Any]) -> None:
    """Refuse options for a sky model that has none.

    Raises
    ------
    UserError
        Naming the first of them.
    """
    for name in options:
        raise UserError(f"emulator.options.{name}: the sky model {kind!r} has no options", fix="remove it")

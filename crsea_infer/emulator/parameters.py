"""Which parameters a sky model takes: those it needs, those it can use, and those that act on nothing.

What a model needs depends on what is asked of it: cosmic rays at the Sun need no transport, gamma rays of imported maps
need no local spectra. So a model answers for a list of requests, and hypotheses are held against the answer before
anything is bound or sampled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from crsea_infer.physics.local_spectrum import SpectrumParameters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crsea_infer.physics.local_spectrum import Species

__all__ = ["SPECIES", "Names", "SkyParameters"]

SPECIES: Final[tuple[Species, ...]] = ("proton", "helium")
"""Those that have local spectra."""

_NUMBER: Final = re.compile(r"(?P<stem>.+)_[1-9]\d*")


@dataclass(frozen=True)
class Names:
    """Names of parameters, some of them numbered.

    Attributes
    ----------
    single
        Names as they stand.
    numbered
        Stems: "proton_slope" for proton_slope_1, proton_slope_2, ...
    named
        How names begin that end in the name of a file: "proton_table_".
    """

    single: tuple[str, ...] = ()
    numbered: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    def __contains__(self, name: object) -> bool:
        match = _NUMBER.fullmatch(str(name))
        is_numbered = match is not None and match["stem"] in self.numbered
        return name in self.single or is_numbered or (bool(self.named) and str(name).startswith(self.named))

    def __add__(self, other: Names) -> Names:
        pairs = ((self.single, other.single), (self.numbered, other.numbered), (self.named, other.named))
        return Names(*(tuple(dict.fromkeys((*ours, *theirs))) for ours, theirs in pairs))

    def without(self, names: Iterable[str]) -> Names:
        """Return all but some of the single ones."""
        return Names(tuple(name for name in self.single if name not in set(names)), self.numbered, self.named)

    @property
    def words(self) -> list[str]:
        """The names as messages list them."""
        return [*sorted(self.single), *(f"{stem}_N" for stem in self.numbered), *(f"{stem}NAME" for stem in self.named)]


@dataclass(frozen=True)
class SkyParameters:
    """What a sky model takes for some requests.

    Attributes
    ----------
    required
        Without which it says nothing.
    optional
        That it uses when they are given.
    idle
        That other data or another model would use, and that act on nothing here.
    """

    required: tuple[str, ...]
    optional: Names = Names()
    idle: Names = Names()

    @property
    def taken(self) -> Names:
        """Required and optional ones together."""
        return Names(self.required) + self.optional

    def lacking(self, given: Iterable[str]) -> list[str]:
        """Return the required names that are not given; a table of a local spectrum stands in for its power law."""
        known = set(given)
        by_table = {
            name
            for species in SPECIES
            for name in SpectrumParameters.of(species).required
            if any(one.startswith(SpectrumParameters.of(species).table) for one in known)
        }
        return [name for name in self.required if name not in known and name not in by_table]

r"""Units as people print them: "TeV-1 cm-2 s-1", "CM^-2 S^-1 SR^-1 TEV^-1", "GeV$^{-1}$ m$^{-2}$", "1/(TeV s cm^2)".

astropy reads what astropy and FITS write. Tables of papers and of HEPData have capital letters, dollar signs and carets
besides, and name photons, which are no unit here. What is still not read is refused, never guessed.
"""

from __future__ import annotations

import re
import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["is_unit", "printed_unit"]

_SPELLED: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{word.lower(): word for word in ("eV", "keV", "MeV", "GeV", "TeV", "PeV", "EeV", "erg", "J")},
        **dict(zip(("m", "cm", "km", "s", "sec", "sr", "ster"), ("m", "cm", "km", "s", "s", "sr", "sr"), strict=True)),
        **dict.fromkeys(("ph", "photon", "photons", "counts", "count", "particles", "particle", "neutrinos"), ""),
    }
)
_FACTOR: Final = re.compile(r"([A-Za-z]+)\s*(?:\*\*|\^)?\s*(\(?[+-]?\d+(?:\.\d+)?\)?)?")


def printed_unit(text: str, where: str, fix: str = "") -> Any:
    """Return the astropy unit that a printed text stands for, photons being no unit.

    Raises
    ------
    UserError
        When it is none; `where` opens the message.
    """
    found = _read(text)
    if found is None:
        raise UserError(
            f"{where}: the unit {text!r} cannot be read", valid="a unit such as GeV, or 1 / (TeV cm2 s)", fix=fix
        )
    return found


def is_unit(text: str) -> bool:
    """Tell whether :func:`printed_unit` reads a text."""
    return bool(text.strip()) and _read(text) is not None


def _read(text: str) -> Any:
    from astropy import units

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for attempt in (text, _respelled(text)):
            try:
                unit = units.Unit(attempt) if attempt is not None else None
            except (ValueError, TypeError):
                continue
            if unit is not None and not isinstance(unit, units.function.FunctionUnitBase):
                return _without_photons(unit)
    return None


def _without_photons(unit: Any) -> Any:
    from astropy import units

    for base, power in zip(unit.bases, unit.powers, strict=True):
        if base in {units.ph, units.ct}:
            unit = unit / base**power
    return unit


def _respelled(text: str) -> str | None:
    """Return the text in astropy's spelling; None when a word of it is no unit that is met in spectra."""
    plain = (
        re.sub(r"\\(?:rm|mathrm|text|,|;|cdot|times)|[${}]", " ", text).replace("\u2212", "-").replace("\u00b7", " ")
    )
    above, _, below = plain.partition("/")
    words = []
    for printed, sign in ((above, 1), (below, -1)):
        if printed.count("(") != printed.count(")") or "/" in printed:
            return None
        part = re.sub(r"[()]", " ", printed)
        left = _FACTOR.sub(" ", part).replace("*", " ").strip()
        if left not in {"", "1"}:
            return None
        for word, power in _FACTOR.findall(part):
            spelled = _SPELLED.get(word.lower())
            if spelled is None:
                return None
            if spelled:
                words.append(f"{spelled}({sign * float(power.strip('()') or 1):g})")
    return " ".join(words) if words else None

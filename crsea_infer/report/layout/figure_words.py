"""Words of figures: what hypotheses, data sets and components are called in legends and titles.

Machine names stand in tables and on the command line; a figure for a paper has titles. Where titles of several
hypotheses have a part in common ("Gamma-optimized transport, Min local spectra" and "..., Max local spectra"), a legend
has only what tells them apart, and the caption says the rest.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "MESSENGERS",
    "component_words",
    "in_common",
    "legend_words",
    "plain_text",
    "region_words",
    "typeset",
    "wrapped",
]

_COMPONENTS: Final[Mapping[str, str]] = {
    "total": "total",
    "HI": "pion decay on atomic gas",
    "H2": "pion decay on molecular gas",
    "HII": "pion decay on ionised gas",
    "IC": "inverse Compton",
    "bremsstrahlung": "bremsstrahlung",
    "isotropic": "isotropic background",
}

MESSENGERS: Final[Mapping[str, str]] = {"gamma": "gamma rays", "neutrino": "neutrinos of one flavour"}
"""What is seen on the sky."""


def component_words(name: str) -> str:
    """Return what a component of the emission is called in a legend.

    Examples
    --------
    >>> component_words("H2"), component_words("unresolved sources")
    ('pion decay on molecular gas', 'unresolved sources')
    """
    return _COMPONENTS.get(name, name)


def legend_words(titles: Mapping[str, str]) -> dict[str, str]:
    """Return what tells hypotheses apart in a legend, by name.

    Parts of the titles, which commas separate, that all of them have are left out, unless nothing is left of one. A
    title that several share, or none, leaves the names.

    Examples
    --------
    >>> legend_words({"a": "Base transport, Min spectra", "b": "Base transport, Max spectra"})
    {'a': 'Min spectra', 'b': 'Max spectra'}
    >>> legend_words({"a": "Base transport", "b": "Base transport, sources"})
    {'a': 'Base transport', 'b': 'Base transport, sources'}
    """
    titles = {name: plain_text(title) or plain_text(name) for name, title in titles.items()}
    if len(set(titles.values())) < len(titles):
        return {name: plain_text(name) for name in titles}
    shared = set(_parts(in_common(titles.values())))
    left = {name: [part for part in _parts(title) if part not in shared] for name, title in titles.items()}
    return {name: _capital(", ".join(left[name])) for name in titles} if shared else dict(titles)


def in_common(titles: Iterable[str]) -> str:
    """Return what legends leave out of titles; empty for a single one, and where one would have nothing left.

    Examples
    --------
    >>> in_common(["Base transport, Min spectra", "Base transport, Max spectra"])
    'Base transport'
    """
    parts = [_parts(plain_text(title)) for title in titles]
    if len(parts) < 2:
        return ""
    shared = [part for part in parts[0] if all(part in one for one in parts)]
    return ", ".join(shared) if all(set(one) - set(shared) for one in parts) else ""


def region_words(region: str) -> str:
    """Return what a region is called: LHAASO inner for lhaaso_inner; boxes as they are written, in degrees.

    Examples
    --------
    >>> region_words("lhaaso_inner"), region_words("l=25..100,b=-5..5")
    ('LHAASO inner region, known sources masked', '25° < l < 100°, −5° < b < 5°')
    """
    from crsea_infer.physics.regions import REGIONS, parse_region

    if region in REGIONS:
        return REGIONS[region].description
    found = parse_region(region)
    ranges = (("l", found.longitude), ("b", found.latitude))
    box = ", ".join(f"{low:g}° < {axis} < {high:g}°" for axis, (low, high) in ranges)
    return box.replace("-", "\u2212") + ("" if found.mask is None else ", masked")


def plain_text(words: str) -> str:
    """Return words in which matplotlib finds no mathematics, with true minus signs before numbers."""
    return words.replace("$", "").replace(" -", " \u2212").strip()


def typeset(words: str) -> str:
    r"""Return words for matplotlib in which X_CO, which titles and tables write so, has its index below.

    Examples
    --------
    >>> typeset("X_CO the same everywhere")
    '$X_{\\mathrm{CO}}$ the same everywhere'
    """
    return plain_text(words).replace("X_CO", r"$X_{\mathrm{CO}}$")


def wrapped(words: str, width: int) -> str:
    """Return words in lines of at most so many characters."""
    return "\n".join(textwrap.wrap(words, width, break_long_words=False)) or words


def _parts(title: str) -> list[str]:
    return [part.strip() for part in title.split(",") if part.strip()]


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]

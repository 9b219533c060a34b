r"""Labels for plots: what matplotlib cannot set as mathematics is refused when a file is read, not after sampling.

Matplotlib's own parser decides. Importing it takes longer than reading a run file, so labels that are made of letters,
Greek ones, `\mathrm{...}` and one index, as nearly all are, pass without it.
"""

from __future__ import annotations

import re

from crsea_infer.support.errors import UserError
from crsea_infer.support.loading import load_matplotlib

__all__ = ["check_label", "check_symbol", "unit_in_tex"]

_ATOM = (
    r"(?:[A-Za-z0-9,]|\\mathrm\{(?:[A-Za-z0-9.+-]|\\ )*\}|\\(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|kappa"
    r"|lambda|mu|nu|xi|pi|rho|sigma|tau|phi|chi|psi|omega|odot|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega)"
    r"(?![A-Za-z]))"
)
_INDEXED = rf"{_ATOM}+(?:_(?:{_ATOM}|\{{{_ATOM}+(?:_{_ATOM})?\}}))?"
_SURE_SYMBOL = re.compile(_INDEXED)
_SURE_UNIT = re.compile(r"(?:[A-Za-z]+(?:\^-?[0-9.]+)? ?)*")


def check_symbol(label: str, unit: str = "", *, where: str = "") -> None:
    """Refuse the label of a parameter, LaTeX without dollar signs, or its unit, when they cannot be drawn.

    Parameters
    ----------
    label, unit
        As a prior set gives them.
    where
        File and parameter, for the message.

    Raises
    ------
    UserError
        With the reason that matplotlib gives.
    """
    if not _SURE_SYMBOL.fullmatch(label):
        _parse(
            f"${label}$",
            UserError(
                f"{where}: label = '{label}' is not mathematics that matplotlib can draw",
                valid=r"LaTeX without dollar signs, such as H, s_\mathrm{HI} or \gamma_{\mathrm{p},1}",
                fix="close every brace, and put an index of an index into braces: a_{b_c}, not a_b_c",
            ),
        )
    if not _SURE_UNIT.fullmatch(unit):
        _parse(
            rf"$\mathrm{{{unit_in_tex(unit)}}}$",
            UserError(
                f"{where}: unit = '{unit}' is not mathematics that matplotlib can draw",
                valid="words with powers, such as kpc, kpc^-1 or GeV^1.8 m^-2 s^-1 sr^-1",
                fix="leave out what is no letter, digit or power",
            ),
        )


def check_label(label: str, *, where: str = "") -> None:
    """Refuse a label of words when the mathematics between its dollar signs cannot be drawn.

    Raises
    ------
    UserError
        With the reason that matplotlib gives.
    """
    if "$" not in label:
        return
    load_matplotlib()
    from matplotlib.cbook import is_math_text

    if is_math_text(label):
        _parse(
            label,
            UserError(
                f"{where}: label = '{label}' is not text that matplotlib can draw",
                valid="words, with LaTeX between dollar signs where it is needed",
                fix=r"close every brace between the dollar signs; write \$ for a dollar",
            ),
        )


def unit_in_tex(unit: str) -> str:
    """Write a unit such as "kpc^-1" in mathematical type."""
    words = []
    for word in unit.split():
        base, caret, power = word.partition("^")
        words.append(f"{base}^{{{power}}}" if caret else base)
    return r"\,".join(words)


def _parse(text: str, refusal: UserError) -> None:
    load_matplotlib()
    from matplotlib.mathtext import MathTextParser

    try:
        MathTextParser("path").parse(text)
    except (ValueError, RecursionError) as error:
        reason = str(error).strip().splitlines()
        said = f" ({reason[-1].strip()})" if reason else ""
        raise UserError(f"{refusal.given}{said}", valid=refusal.valid, fix=refusal.fix) from error

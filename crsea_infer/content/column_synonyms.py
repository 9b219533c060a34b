"""What other formats call the columns that this package reads.

Flux points come from gammapy (GADF: ``e_ref``, ``dnde``, ``dnde_errn``, ...), from HEPData, from papers and scripts,
each with words of its own. The words stand here, once: the reader of tables tells from them how to rename a column that
it does not know, and the converter of other formats reads them outright.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from crsea_infer.support.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["fix_for_column", "known_as"]

_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "energy_reference": ("e_ref", "e_mean", "e_center", "e_centre", "e_mid", "energy_mean", "energy_center"),
        "energy_min": ("e_min", "e_low", "e_lo", "e_lower", "energy_low", "energy_lower", "energy_lo", "elow"),
        "energy_max": (
            "e_max",
            "e_high",
            "e_hi",
            "e_up",
            "e_upper",
            "energy_high",
            "energy_upper",
            "energy_hi",
            "ehigh",
        ),
        "energy": ("e",),
        "intensity": (
            "dnde",
            "flux",
            "dn_de",
            "diff_flux",
            "differential_flux",
            "differential_intensity",
            "phi",
            "value",
        ),
        "error": ("dnde_err", "flux_err", "err", "flux_error", "intensity_error", "error_stat", "stat", "stat_err"),
        "error_low": (
            *(
                "dnde_errn",
                "flux_errn",
                "err_low",
                "err_lo",
                "errn",
                "error_lo",
                "error_minus",
                "error_down",
                "stat_lo",
            ),
            *("stat_low", "stat_minus", "stat_down", "flux_err_low", "flux_error_low", "err_minus"),
        ),
        "error_high": (
            *("dnde_errp", "flux_errp", "err_high", "err_hi", "err_up", "errp", "error_hi", "error_up", "error_plus"),
            *("stat_hi", "stat_high", "stat_up", "stat_plus", "flux_err_high", "flux_error_high", "err_plus"),
        ),
        "systematic": ("dnde_sys", "sys", "syst", "sys_err", "syst_err", "error_sys", "error_syst", "systematic_error"),
        "systematic_low": ("sys_lo", "sys_low", "sys_minus", "syst_low", "syst_minus", "sys_down"),
        "systematic_high": ("sys_hi", "sys_high", "sys_up", "sys_plus", "syst_high", "syst_up", "syst_plus"),
        "upper_limit": ("dnde_ul", "flux_ul", "ul", "limit", "flux_limit"),
        "is_upper_limit": ("is_ul", "is_limit", "uplim", "isul"),
        "total_energy": ("e_total", "e_tot", "etot"),
        "kinetic_energy": ("e_kin", "ekin", "e_k"),
        "kinetic_energy_per_nucleon": ("e_kin_per_nucleon", "ekn", "ek_n", "e_k_n", "ekin_n"),
        "rigidity": ("rig", "r", "rho"),
    }
)
_OURS: Final[Mapping[str, str]] = MappingProxyType(
    {word: ours for ours, words in _WORDS.items() for word in (ours, *words)}
)
_STANDS_FOR: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "energy": ("energy_reference", "total_energy", "kinetic_energy", "kinetic_energy_per_nucleon"),
        "error": ("error_low", "error_high"),
        "systematic": ("systematic_low", "systematic_high"),
        "intensity": ("flux", "norm"),
        "upper_limit": (),
    }
)
"""What a word may mean where a table has no column of its own name for it."""


def known_as(name: str) -> str | None:
    """Return what this package calls a column that others call `name`; None when the word is not known."""
    return _OURS.get(re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"))


def fix_for_column(name: str, known: Collection[str], present: Collection[str]) -> str:
    """Return what to do about a column that a table has and its reader does not know.

    Parameters
    ----------
    name
        Of the column.
    known
        What the reader knows.
    present
        What the table has.
    """
    ours = known_as(name)
    meant = [] if ours is None else [ours, *_STANDS_FOR.get(ours, ())]
    candidates = [one for one in meant if one in known]
    free = [one for one in candidates if one not in present]
    if ours == "error" and {"error_low", "error_high"} <= set(free):
        return f"give {name} twice, as error_low and as error_high: the errors downwards and upwards"
    if ours == "systematic" and {"systematic_low", "systematic_high"} <= set(free):
        return f"give {name} twice, as systematic_low and as systematic_high"
    if free:
        return f"rename {name} to {free[0]}"
    if candidates:
        return f"remove the column: the table has {candidates[0]} beside it"
    match = nearest(name, known)
    if match is not None:
        return f"did you mean {match!r}?"
    return "remove the column; crsea-infer init --from FILE does so while it converts tables of other formats"

"""What must be said of a run whose systematic errors are one shift of all points of a data set.

One shift is the limit of an error that is correlated over any distance in energy. It is what most
fits of such tables assume, and data sets by themselves; whether the data bear it out their evidence tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["shift_words"]

_KM2A = " That of LHAASO-KM2A says no; the numbers stand in the documentation (docs/likelihoods/flux-points.md)."


def shift_words(likelihoods: Sequence[Any]) -> str:
    """Return what is to be known of data sets with one shift; empty when there are none."""
    names = [one.name for one in likelihoods if getattr(getattr(one, "systematics", None), "kind", "") == "correlated"]
    if not names:
        return ""
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    evidence = _KM2A if any(name.startswith("lhaaso_km2a") for name in names) else ""
    return (
        f"The systematic error of {listed} is one shift of all points, as if it were one at all energies. The evidence "
        f"of the data tells whether it is (crsea-infer robustness RUN).{evidence} What else it may be: [options.NAME] "
        'systematics = { kind = "energy-correlated", length_dex = 0.5 } in the run file.'
    )

"""What there is to name: hypotheses, data, prior sets, regions, runs, choices, forecasts; packaged and one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.support.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KINDS", "available"]


def _regions() -> dict[str, str]:
    from crsea_infer.physics.regions import REGIONS

    return {name: region.description for name, region in REGIONS.items()}


def _hypotheses() -> dict[str, str]:
    from crsea_infer.hypotheses.hypothesis import available_hypotheses

    return {name: title for name, (title, _, _) in available_hypotheses().items()}


def _content(kind: str) -> dict[str, str]:
    from crsea_infer.content.finding import available as found
    from crsea_infer.content.toml_files import read_toml

    return {item.name: str(read_toml(item.path).get("title", "")) for item in found(kind)}  # type: ignore[arg-type]


_READERS: dict[str, Callable[[], dict[str, str]]] = {
    "regions": _regions,
    "priors": lambda: _content("priors"),
    "likelihoods": lambda: _content("likelihoods"),
    "hypotheses": _hypotheses,
    "runs": lambda: _content("runs"),
    "choices": lambda: _content("choices"),
    "forecasts": lambda: _content("forecasts"),
}
KINDS = tuple(_READERS)
"""Kinds of content, in the order in which the command line lists them."""


def available(kind: str) -> dict[str, str]:
    """Return what there is of a kind: name -> title.

    Parameters
    ----------
    kind
        "regions", "priors", "likelihoods", "hypotheses", "runs", "choices" or "forecasts".

    Raises
    ------
    UserError
        When the kind is unknown, or a file of that kind cannot be read.

    Examples
    --------
    >>> import crsea_infer as cr
    >>> cr.available("runs")["min_vs_max"]
    'Min against Max, LHAASO-KM2A'
    """
    if kind not in _READERS:
        raise unknown_name("kind of content", kind, _READERS)
    return dict(sorted(_READERS[kind]().items()))

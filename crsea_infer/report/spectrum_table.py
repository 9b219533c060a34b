"""The numbers behind the figures of spectra: spectra.ecsv.

Bands of the posterior of every hypothesis: the intensity of each region that has flux points, in total and by
components, and the local proton and helium spectra. Systematic shifts of the data are not in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from crsea_infer.emulator.sky_model import Request
from crsea_infer.report.ecsv import Column, write_table
from crsea_infer.report.spectrum_curves import (
    BANDS,
    N_CURVES,
    component_curves,
    curve_energies,
    curves,
    own_data_set,
    shown_data_sets,
)
from crsea_infer.support.errors import UserError
from crsea_infer.support.output_names import PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from crsea_infer.emulator.sky_model import Messenger
    from crsea_infer.report.summary import HypothesisSummary, RunSummary
    from crsea_infer.support.arrays import Float64

__all__ = ["FILE", "TOTAL", "files", "write_spectrum_table"]

(FILE,) = PRODUCTS["tables of spectra"].tables
TOTAL = "total"
"""Of all components together."""

_INTENSITY = "1 / (GeV cm2 s sr)"
_LOCAL_ENERGIES = tuple(np.geomspace(1e2, 1e7, 51).tolist())
_LOCAL: tuple[Messenger, ...] = ("proton", "helium")
_PER_CM2 = 1e-4  # a sky model gives cosmic rays per m2
_THE_SUN = "the Sun"
_Curves: TypeAlias = "Callable[[Float64], dict[str, Float64]]"

_COLUMNS = {
    "hypothesis": Column("name of the hypothesis", str),
    "messenger": Column("gamma, neutrino (per flavour, with antineutrinos), proton or helium", str),
    "place": Column("region of the sky that the intensity is averaged over, or the Sun", str),
    "data_set": Column("the data set of that region; empty for local spectra", str),
    "component": Column(f"part of the emission, or {TOTAL}", str),
    "energy": Column("energy; of protons kinetic, of helium kinetic per nucleon", unit="GeV"),
    **{
        name: Column(f"{100 * quantile:g} % quantile of the posterior; of helium per GeV per nucleon", unit=_INTENSITY)
        for name, quantile in BANDS.items()
    },
    "published": Column("at the published parameters", unit=_INTENSITY),
}


def files(_summary: RunSummary) -> list[str]:
    """Return the table."""
    return [FILE]


def write_spectrum_table(directory: Path, summary: RunSummary) -> None:
    """Write the table."""
    rows = [row for item in summary.hypotheses for row in _rows(item, summary)]
    write_table(directory / FILE, _COLUMNS, rows, summary.table_meta)


def _rows(item: HypothesisSummary, summary: RunSummary) -> Iterator[dict[str, Any]]:
    for likelihood in shown_data_sets(summary):
        if own_data_set(item, likelihood) is None or likelihood.region is None:
            continue
        energies = curve_energies(likelihood, summary)
        request = Request(likelihood.requests[0].messenger, tuple(energies.tolist()), likelihood.region)
        if likelihood.components:  # of the data set's own, known at its points alone: in total only
            parts = _in_total(curves(item, likelihood, energies, summary))
        else:
            parts = component_curves(item, request, summary)
        yield from _rows_of(item, request, likelihood.name, parts, 1.0)
    for messenger in _LOCAL:
        request = Request(messenger, _LOCAL_ENERGIES)
        try:
            rows = list(_rows_of(item, request, "", component_curves(item, request, summary), _PER_CM2))
        except UserError:  # a sky model or a hypothesis without this nucleus, or not so far
            continue
        yield from rows


def _in_total(total: Callable[[Float64], Float64]) -> _Curves:
    return lambda theta: {TOTAL: total(theta)}


def _rows_of(
    item: HypothesisSummary, request: Request, data_set: str, parts: _Curves, unit: float
) -> Iterator[dict[str, Any]]:
    drawn, published = parts(item.draws[:N_CURVES]), parts(item.posterior.fiducial)
    n_energies = len(request.energies)
    for name in (TOTAL, *(drawn if len(drawn) > 1 else ())):
        bands = np.quantile(_part(drawn, name), list(BANDS.values()), axis=0) * unit
        bands = np.broadcast_to(bands, (len(BANDS), n_energies))
        middle = np.broadcast_to(_part(published, name), n_energies) * unit
        for index, energy in enumerate(request.energies):
            yield {
                "hypothesis": item.name,
                "messenger": request.messenger,
                "place": request.region or _THE_SUN,
                "data_set": data_set,
                "component": name,
                "energy": energy,
                **dict(zip(BANDS, bands[:, index].tolist(), strict=True)),
                "published": float(middle[index]),
            }


def _part(components: dict[str, Float64], name: str) -> Float64:
    """Return a component [..., n_energies], or all of them together."""
    return np.asarray(components[name] if name in components else sum(components.values()))

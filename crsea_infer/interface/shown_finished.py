"""A finished run as figures show it, from its files alone."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.report.figures.data_set_pulls import read_pulls
from crsea_infer.report.figures.posterior_figures import informativeness_of
from crsea_infer.report.tables.spectrum_table import read_curves

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.interface.finished_hypothesis import FinishedHypothesis
    from crsea_infer.report.results.shown_run import ShownData
    from crsea_infer.report.results.spectrum_curves import Curve
    from crsea_infer.support.arrays import Float64

__all__ = ["FinishedShown"]

_TRANSPORT: Final = frozenset({"delta_slope", "delta_sun", "halo_height"})


class FinishedShown:
    """A run as figures show it; see :class:`crsea_infer.report.results.shown_run.ShownRun`.

    Parameters
    ----------
    directory
        Of the run.
    hypotheses
        In the order of the run file.
    data_sets
        Names, likewise.
    """

    transport = _TRANSPORT

    def __init__(self, directory: Path, hypotheses: Sequence[FinishedHypothesis], data_sets: Sequence[str]) -> None:
        self._directory, self._inner, self._order = directory, tuple(hypotheses), tuple(data_sets)
        self.hypotheses = tuple(_Shown(one) for one in hypotheses)

    @cached_property
    def data_sets(self) -> tuple[ShownData, ...]:
        """Those of the run file, as the first hypothesis that has them knows them."""
        found: dict[str, ShownData] = {}
        for one in self._inner:
            for data_set in one.data_sets():
                found.setdefault(data_set.name, data_set)
        return tuple(found[name] for name in self._order if name in found)

    @cached_property
    def curves(self) -> tuple[Curve, ...]:
        """Bands of all spectra, of the table."""
        return tuple(read_curves(self._directory))

    @cached_property
    def pulls(self) -> dict[str, dict[str, Float64]]:
        """Pulls of all hypotheses, of the table."""
        return read_pulls(self._directory)


class _Shown:
    """See :class:`crsea_infer.report.results.shown_run.ShownHypothesis`."""

    def __init__(self, inner: FinishedHypothesis) -> None:
        self._inner, self.name = inner, inner.name

    @cached_property
    def title(self) -> str:
        return self._inner.title

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return self._inner.parameters

    @property
    def names(self) -> tuple[str, ...]:
        return self._inner.names

    @property
    def draws(self) -> Float64:
        return self._inner.draws

    @cached_property
    def informativeness(self) -> Float64:
        return informativeness_of(self.parameters, self.draws)

    def expected(self, data_set: str) -> Float64 | None:
        return self._inner.expected(data_set)

    def prior_values(self) -> dict[str, Float64]:
        drawn = {str(name): np.asarray(one).ravel() for name, one in self._inner.prior.data_vars.items()}
        n = next(iter(drawn.values())).size if drawn else 1
        return {name: np.full(n, value) for name, value in self._inner.fixed.items()} | drawn

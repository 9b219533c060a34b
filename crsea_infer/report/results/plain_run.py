"""A run as figures show it, as plain numbers: what is sent to a process that draws.

A summary of a run has its posteriors and its sky model, which are large and know much more than a figure asks. What
figures ask of it is taken here once, so that a figure drawn from it is, byte for byte, the one drawn from the summary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crsea_infer.report.results.shown_run import is_profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.report.results.shown_run import ShownData, ShownHypothesis, ShownRun
    from crsea_infer.report.results.spectrum_curves import Curve
    from crsea_infer.support.arrays import Float64

__all__ = ["PlainHypothesis", "PlainRun", "plain_run"]


@dataclass(frozen=True, eq=False)
class PlainHypothesis:
    """A hypothesis; see :class:`crsea_infer.report.results.shown_run.ShownHypothesis`.

    Attributes
    ----------
    name, title, parameters, names, draws, informativeness
        As there.
    expected_at
        What draws of the posterior expect at the points of profiles, the only ones of which figures ask it:
        data set -> [n_draws, n_data]; None without it.
    at_prior
        Every parameter at draws of the prior, each [n_draws].
    """

    name: str
    title: str
    parameters: tuple[Parameter, ...]
    names: tuple[str, ...]
    draws: Float64
    informativeness: Float64
    expected_at: Mapping[str, Float64 | None]
    at_prior: dict[str, Float64]

    def expected(self, data_set: str) -> Float64 | None:
        """Return what draws of the posterior expect at the points of a profile [n_draws, n_data], None without it."""
        return self.expected_at[data_set]

    def prior_values(self) -> dict[str, Float64]:
        """Return every parameter at draws of the prior, each [n_draws]; fixed ones too."""
        return self.at_prior


@dataclass(frozen=True, eq=False)
class PlainRun:
    """A run; see :class:`crsea_infer.report.results.shown_run.ShownRun`.

    Attributes
    ----------
    hypotheses, data_sets, curves, pulls, transport
        As there.
    """

    hypotheses: tuple[PlainHypothesis, ...]
    data_sets: tuple[ShownData, ...]
    curves: tuple[Curve, ...]
    pulls: Mapping[str, Mapping[str, Float64]]
    transport: frozenset[str]


def plain_run(run: ShownRun) -> PlainRun:
    """Return what figures show of a run, without the run."""
    profiles = [data.name for data in run.data_sets if is_profile(data)]
    return PlainRun(
        tuple(_plain(item, profiles) for item in run.hypotheses),
        tuple(run.data_sets),
        tuple(run.curves),
        run.pulls,
        run.transport,
    )


def _plain(item: ShownHypothesis, profiles: list[str]) -> PlainHypothesis:
    return PlainHypothesis(
        item.name,
        item.title,
        tuple(item.parameters),
        tuple(item.names),
        item.draws,
        item.informativeness,
        {name: item.expected(name) for name in profiles},
        item.prior_values(),
    )

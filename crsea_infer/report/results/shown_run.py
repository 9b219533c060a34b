"""What figures show of a run, wherever it comes from: just sampled, or read from its directory.

A figure of a run is a function of a :class:`ShownRun`. A :class:`crsea_infer.report.results.summary.RunSummary` is one,
and what :func:`crsea_infer.open_run` returns has one that is read from files alone. Both have the same numbers: so the
figure in a notebook is that of the run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from crsea_infer.inference.posterior_file import columns_of
from crsea_infer.report.layout.figure_words import in_common, legend_words, plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.report.results.spectrum_curves import Curve
    from crsea_infer.support.arrays import Float64

__all__ = [
    "PULLS",
    "Drawn",
    "ShownData",
    "ShownHypothesis",
    "ShownRun",
    "common_words",
    "is_local",
    "is_profile",
    "is_spectrum",
    "shown_data",
    "titles_of",
]

PULLS: Final = ("best_fit", "posterior_mean")
"""Points of the parameters at which pulls are known."""


class Drawn(Protocol):
    """A posterior as corners draw it."""

    @property
    def name(self) -> str:
        """How tables call it."""

    @property
    def title(self) -> str:
        """What it is, in a line."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The n sampled parameters."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""

    @property
    def draws(self) -> Float64:
        """Equally weighted draws of the posterior [n_draws, n]."""


class ShownHypothesis(Drawn, Protocol):
    """A hypothesis as figures show it."""

    @property
    def informativeness(self) -> Float64:
        """How much the data say about each parameter [n], in nats, beyond its prior."""

    def expected(self, data_set: str) -> Float64 | None:
        """Return what draws of the posterior expect at the points of a data set [n_draws, n_data], None without it."""

    def prior_values(self) -> dict[str, Float64]:
        """Return every parameter at draws of the prior, each [n_draws]; fixed ones too."""


@dataclass(frozen=True, eq=False)
class ShownData:
    """A data set as figures show it.

    Attributes
    ----------
    name
        How tables call it.
    title, label
        What it is in a line, and shorter.
    region
        Of the sky; empty for what is measured at the Sun.
    settings
        Keys of its file.
    columns
        The data ("values") and what else is known of each point, each [n_data].
    unit
        Of the data.
    """

    name: str
    title: str
    label: str
    region: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Float64] = field(default_factory=dict)
    unit: str = ""

    @property
    def words(self) -> str:
        """Short title of a panel."""
        return plain_text(self.label or self.title)


class ShownRun(Protocol):
    """A run as figures show it."""

    @property
    def hypotheses(self) -> Sequence[ShownHypothesis]:
        """In the order of the run file."""

    @property
    def data_sets(self) -> Sequence[ShownData]:
        """In the order of the run file."""

    @property
    def curves(self) -> Sequence[Curve]:
        """Bands of all spectra."""

    @property
    def pulls(self) -> Mapping[str, Mapping[str, Float64]]:
        """Pulls at :data:`PULLS`, hypothesis -> data set -> [2, n_data]."""

    @property
    def transport(self) -> frozenset[str]:
        """Names of the parameters of transport."""


def shown_data(likelihood: Likelihood) -> ShownData:
    """Return a data set as figures show it."""
    columns = columns_of(likelihood)
    return ShownData(
        likelihood.name,
        likelihood.title,
        likelihood.label,
        likelihood.region or "",
        likelihood.settings,
        {name: np.asarray(column.values, dtype=np.float64) for name, column in columns.items()},
        columns["values"].unit if "values" in columns else "",
    )


def titles_of(run: ShownRun) -> dict[str, str]:
    """Return what the hypotheses of a run are called in legends, by name."""
    return legend_words({item.name: item.title for item in run.hypotheses})


def common_words(run: ShownRun) -> str:
    """Return a sentence for captions with what legends leave out; empty where they leave out nothing."""
    shared = in_common([item.title for item in run.hypotheses])
    return f" All hypotheses: {shared[:1].lower() + shared[1:]}." if shared else ""


def is_spectrum(data: ShownData) -> bool:
    """Tell whether a data set has flux points of a region."""
    return {"energy_min", "energy_max", "energy_reference", "systematic", "is_upper_limit"} <= data.columns.keys()


def is_profile(data: ShownData) -> bool:
    """Tell whether a data set is a profile along an axis of the sky."""
    return {"window_min", "window_max", "energy_min", "energy_max"} <= data.columns.keys()


def is_local(data: ShownData, species: str) -> bool:
    """Tell whether a data set is a spectrum of a nucleus at the Sun."""
    return data.settings.get("species") == species and {"energy_reference", "error_low"} <= data.columns.keys()

"""What sampling a posterior gave: evidence, samples, and the figures and files made from them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.interface.showing import parameter_rows
from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from astropy.table import QTable
    from matplotlib.figure import Figure

    from crsea_infer.inference.evidence import Evidence
    from crsea_infer.inference.samplers.sampler import SamplerResult
    from crsea_infer.interface.named_posterior import Posterior
    from crsea_infer.support.arrays import Float64

__all__ = ["Sampled"]

_DRAWS = 2000


class Sampled:
    """Samples of a posterior and, where the sampler gives one, its evidence; returned by :func:`crsea_infer.sample`.

    Examples
    --------
    >>> import crsea_infer as cr
    >>> result = cr.sample(cr.Posterior("base-min", data="lhaaso_km2a_outer"), "importance", draws=4000, seed=3)
    >>> result.converged, result.samples.shape[1] == len(result.names)
    (True, True)
    >>> result.summary().colnames
    ['parameter', 'median', 'low68', 'high68', 'prior', 'unit']
    """

    def __init__(self, posterior: Posterior | None, result: SamplerResult) -> None:
        self._posterior, self._result = posterior, result

    @property
    def posterior(self) -> Posterior:
        """The posterior that was sampled.

        Raises
        ------
        UserError
            When what was sampled is not a :class:`crsea_infer.Posterior`.
        """
        if self._posterior is None:
            raise UserError(
                "what was sampled knows neither data nor labels",
                valid="a crsea_infer.Posterior",
                fix="use samples, weights and evidence",
            )
        return self._posterior

    @property
    def result(self) -> SamplerResult:
        """All that the sampler returned."""
        return self._result

    @property
    def evidence(self) -> Evidence:
        """The natural log of the evidence, with its error and method.

        Raises
        ------
        UserError
            When the sampler gives none, or refused to give one.
        """
        if self._result.evidence is None:
            raise UserError(
                f"{self._result.sampler} gives no evidence here: {self.status}",
                valid="a sampler that gives one, converged",
                fix='for example crsea_infer.sample(posterior, "dynesty")',
            )
        return self._result.evidence

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the n parameters."""
        return self._result.names

    @property
    def labels(self) -> tuple[str, ...]:
        """LaTeX labels of the parameters, without dollar signs."""
        return self.posterior.labels

    @property
    def samples(self) -> Float64:
        """Samples theta [n_samples, n], with the weights `weights`."""
        return self._result.samples

    @property
    def weights(self) -> Float64:
        """Weights [n_samples], summing to one."""
        return self._result.weights

    @property
    def converged(self) -> bool:
        """Whether the sampler says of itself that it converged."""
        return self._result.converged

    @property
    def status(self) -> str:
        """The word "converged", or why not."""
        return str(self._result.diagnostics.get("status", "convergence unknown"))

    @cached_property
    def draws(self) -> Float64:
        """Equally weighted draws [n_draws, n] in random order, always the same ones."""
        return self.equal_samples(_DRAWS)

    def equal_samples(self, n: int, seed: int = 1) -> Float64:
        """Return n equally weighted samples [n, n_parameters], fewer of chains that are shorter."""
        return np.asarray(self.samples[self._result.resampled(n, np.random.default_rng(seed))[:n]])

    def summary(self) -> QTable:
        """Return a table of the parameters: median, 68 % interval, prior, unit."""
        from astropy.table import QTable

        low, middle, high = np.quantile(self.draws, [0.16, 0.5, 0.84], axis=0)
        columns: dict[str, Any] = {"parameter": list(self.names), "median": middle, "low68": low, "high68": high}
        if self._posterior is not None:
            columns["prior"] = [one.distribution.describe() for one in self._posterior.parameters]
            columns["unit"] = list(self._posterior.units)
        table = QTable(columns)
        for name in ("median", "low68", "high68"):
            table[name].info.format = ".4g"
        return table

    def to_datatree(self, seed: int = 1) -> Any:
        """Return all of it as ArviZ takes it: posterior, prior, predictions, data and their units.

        A DataTree with ArviZ 1.x; with 0.x an InferenceData. The groups are those of a run's `posterior.nc`.
        """
        from crsea_infer.inference.posterior_file import posterior_datasets
        from crsea_infer.report.layout.arviz_versions import datatree_of

        return datatree_of(posterior_datasets(self.posterior.inner, self._result, {}, np.random.default_rng(seed)))

    def write(self, path: Path | str, seed: int = 1) -> None:
        """Write the same to a netCDF file that ArviZ opens, as a run's `posterior.nc`."""
        from pathlib import Path as _Path

        from crsea_infer.inference.posterior_file import write_posterior

        write_posterior(_Path(path), self.posterior.inner, self._result, {}, np.random.default_rng(seed))

    def corner(self, parameters: Sequence[str] | None = None) -> Figure:
        """Draw the posterior of some parameters; by default of at most eight, those on which the data say most.

        Raises
        ------
        UserError
            When a parameter is not one of the posterior.
        """
        from crsea_infer.report.figures.posterior_figures import corner_of

        return corner_of(self._title, self.posterior.parameters, self.draws, parameters)

    def spectrum(self, data_set: str) -> QTable:
        """Return the points of a data set with what is expected there: data, errors, energies, median and bands.

        Raises
        ------
        UserError
            When there is no such data set.
        """
        from crsea_infer.interface.bands import points_table

        if data_set not in self.posterior.data:
            raise unknown_name("data set", data_set, self.posterior.data)
        expected = self.posterior.inner.predictions(self.draws)[data_set]
        return points_table(self.posterior.data[data_set], np.asarray(expected))

    def plot_spectrum(self, data_set: str) -> Figure:
        """Draw the points of a data set with the bands of what is expected there.

        Raises
        ------
        UserError
            When there is no such data set, or its points have no energies.
        """
        from crsea_infer.report.figures.posterior_figures import spectrum_of

        return spectrum_of(self._title, self.spectrum(data_set))

    def predict(self, **request: Any) -> QTable:
        """Return the posterior of an intensity, with bands, for any region, messenger and energies.

        Parameters are those of :func:`crsea_infer.predict` but the hypothesis and `changes`.
        """
        from crsea_infer.interface.bands import predicted_bands

        inner = self.posterior.inner
        values = inner.values(self.draws)
        names = [parameter.name for parameter in inner.hypothesis.parameters]
        return predicted_bands(self.posterior.model, {name: values[name] for name in names}, **request)

    @property
    def _title(self) -> str:
        return self.posterior.hypothesis.title or self.posterior.hypothesis.name

    def __repr__(self) -> str:
        evidence = self._result.evidence
        said = "no evidence" if evidence is None else f"ln Z = {evidence.lnz:.3f} +- {evidence.lnz_err:.3f}"
        whose = "" if self._posterior is None else f" of {self._posterior.hypothesis.name}"
        return f"<Samples{whose} by {self._result.sampler}: {said}, {len(self.samples)} samples, {self.status}>"

    def _repr_html_(self) -> str:
        units = self._posterior.units if self._posterior is not None else ("",) * len(self.names)
        return parameter_rows(repr(self)[1:-1], self.names, units, self.draws)

"""The fit of several sky templates to the same events, averaged over the templates.

Which template a hypothesis resembles most is a choice that a Bayes factor should not hang on: the pi0 and KRAgamma
templates of IceCube differ in their test statistics by 3 to 7, and neither has the morphology of a hypothesis exactly.
Here every hypothesis meets all templates with the same weights w_t, which add up to 1:

    L = sum over templates of w_t L_t,      ln L_t = TS_t / 2 - x_t^2 / 2,

each L_t being that of :mod:`crsea_infer.inference.likelihoods.template_normalisation`, relative to the same events
without Galactic emission. A template counts by its weight, by how well its morphology fits (TS_t), and by how near the
predicted norm of it is to the best one (x_t). Chi2 and pulls are means over the templates, with the shares that they
have in L at the point in question.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from crsea_infer.content.toml_files import validate
from crsea_infer.inference.likelihoods.likelihood import CommonEntry, DataSet, LikelihoodFolder
from crsea_infer.inference.likelihoods.template_entries import TemplateNormalisationEntry
from crsea_infer.inference.likelihoods.template_normalisation import TemplateNormalisation
from crsea_infer.support.arrays import Array, Float64, array_namespace, stack_last
from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.hypotheses.prior_sets import Parameter

__all__ = ["TemplateAverage"]


class _AverageEntry(TemplateNormalisationEntry):
    """Fits of several templates to the same events, averaged.

    Attributes
    ----------
    weights
        Prior weight of each template; all alike if none is given.
    """

    weights: dict[str, float] = Field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class TemplateAverage(DataSet):
    """The fits of several templates to the same events, as one datum.

    Attributes
    ----------
    fits
        One for each template; what the sky model gives for their requests comes in the same order.
    weights
        w_t [n_templates].
    """

    column_units: ClassVar[Mapping[str, tuple[str, str]]] = {
        "values": ("", "best-fit norm of the template of the largest w_t exp(TS_t / 2)"),
        "error_low": ("", "error downwards"),
        "error_high": ("", "error upwards"),
    }
    Settings: ClassVar[type[CommonEntry]] = _AverageEntry

    fits: tuple[TemplateNormalisation, ...]
    weights: Float64

    @classmethod
    def read(cls, folder: LikelihoodFolder) -> Self:
        """Read a data set's folder.

        Raises
        ------
        UserError
            When `likelihood.toml` or a table is not valid, or the weights are not above 0 or of no template.
        """
        entry = validate(_AverageEntry, folder.settings, folder.where)
        if entry.template or entry.morphologies:
            raise UserError(
                f"{folder.where}: names one template, and the kind is 'template-average'",
                valid="a table [weights] of several templates",
                fix="use the kind 'template-normalisation' for one template",
            )
        if not entry.weights:
            raise UserError(f"{folder.where}: has no weights", valid="[weights] with a number for each template")
        for name, weight in entry.weights.items():
            if name not in entry.templates:
                raise unknown_name("template", name, entry.templates, where=f"{folder.where}: weights")
            if not weight > 0:
                raise UserError(f"{folder.where}: weights.{name} = {weight:g}", valid="a number above 0")
        fits = tuple(_one_fit(folder, name) for name in entry.weights)
        weights = np.array(list(entry.weights.values()))
        hashes = {key: value for fit in fits for key, value in fit.settings["tables_sha256"].items()}
        first = fits[int(np.argmax(_heights(fits, weights)))]
        return cls(
            name=folder.name,
            title=entry.title,
            label=entry.label,
            region=entry.region,
            citations=first.citations,
            provenance=first.provenance,
            settings={**entry.model_dump(), "tables_sha256": hashes},
            requests=tuple(fit.requests[0] for fit in fits),
            fits=fits,
            weights=weights / weights.sum(),
        )

    @property
    def n_data(self) -> int:
        """One: all templates are fits to the same events."""
        return 1

    @property
    def values(self) -> Float64:
        """The best-fit norm of the template that is shown [1]."""
        return self._shown.values

    @property
    def error_low(self) -> Float64:
        """Its lower error [1]."""
        return self._shown.error_low

    @property
    def error_high(self) -> Float64:
        """Its upper error [1]."""
        return self._shown.error_high

    @property
    def nuisances(self) -> tuple[Parameter, ...]:
        """None: detector systematics are in the published intervals."""
        return ()

    def with_model_error(self, relative_error: float) -> Self:
        """Return the same data set with the sky model's relative error in its error budget."""
        return replace(self, fits=tuple(fit.with_model_error(relative_error) for fit in self.fits))

    def binned_prediction(
        self,
        predictions: tuple[Array, ...],
        nuisances: Mapping[str, Array] | None = None,  # noqa: ARG002
    ) -> Array:
        """Return the predicted norm of the template that is shown [..., 1]."""
        place = self.fits.index(self._shown)
        return self._shown.binned_prediction((predictions[place],))

    def log_likelihood(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return ln L [...] relative to no Galactic emission."""
        xp, terms = self._terms(predictions, nuisances)
        largest = xp.max(terms, axis=-1)
        return largest + xp.log(xp.sum(xp.exp(terms - largest[..., None]), axis=-1))

    def log_likelihood_pointwise(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return ln L [..., 1]."""
        return self.log_likelihood(predictions, nuisances)[..., None]

    def shares(self, predictions: tuple[Array, ...]) -> Array:
        """Return the share of each template in L [..., n_templates]."""
        xp, terms = self._terms(predictions, {})
        relative = xp.exp(terms - xp.max(terms, axis=-1)[..., None])
        return relative / xp.sum(relative, axis=-1)[..., None]

    def chi2(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:  # noqa: ARG002
        """Return the mean of x_t^2 [...] over the templates."""
        return self.chi2_profiled(predictions)

    def chi2_profiled(self, predictions: tuple[Array, ...]) -> Array:
        """Return the mean of x_t^2 [...] over the templates: there is no nuisance to profile."""
        return self._mean(predictions, [fit.chi2_profiled((one,)) for fit, one in self._pairs(predictions)])

    def pulls(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return the mean of (measured - predicted norm) / sigma over the templates [..., 1]."""
        found = [fit.pulls((one,), nuisances)[..., 0] for fit, one in self._pairs(predictions)]
        return self._mean(predictions, found)[..., None]

    def simulate(
        self,
        rng: np.random.Generator,
        predictions: tuple[Float64, ...],
        nuisances: Mapping[str, float],  # noqa: ARG002
    ) -> Self:
        """Return the same fits with norms drawn around the predicted ones: one pull for all, the events being the same.

        A template keeps by how much its TS exceeds that of the others at their best norms only through these norms.
        """
        pull = float(rng.standard_normal())
        return replace(self, fits=tuple(fit.simulated((one,), pull) for fit, one in self._pairs(predictions)))

    @property
    def _shown(self) -> TemplateNormalisation:
        return self.fits[int(np.argmax(_heights(self.fits, self.weights)))]

    def _pairs(self, predictions: tuple[Array, ...]) -> list[tuple[TemplateNormalisation, Array]]:
        return list(zip(self.fits, predictions, strict=True))

    def _terms(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> tuple[Any, Array]:
        """Return the array namespace and ln(w_t L_t) [..., n_templates]."""
        xp = array_namespace(*predictions)
        found = [fit.log_likelihood((one,), nuisances) for fit, one in self._pairs(predictions)]
        return xp, stack_last(xp, found) + xp.asarray(np.log(self.weights))

    def _mean(self, predictions: tuple[Array, ...], values: list[Array]) -> Array:
        xp = array_namespace(*predictions)
        return xp.sum(self.shares(predictions) * stack_last(xp, values), axis=-1)


def _heights(fits: tuple[TemplateNormalisation, ...], weights: Float64) -> Float64:
    return np.array([0.5 * fit.curve.test_statistic for fit in fits]) + np.log(weights)


def _one_fit(folder: LikelihoodFolder, name: str) -> TemplateNormalisation:
    """Return the fit of one of the templates, for all hypotheses."""
    settings = {key: value for key, value in folder.settings.items() if key != "weights"}
    chosen = {**settings, "template": name, "templates": {name: settings["templates"][name]}}
    return TemplateNormalisation.read(replace(folder, settings=chosen))

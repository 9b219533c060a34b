"""Intensities in energy bins: the measurement most experiments publish.

Each point is an intensity with statistical errors that may be asymmetric, a systematic error, or an upper limit. Four
things are done with care. The prediction is what the experiment would have quoted for the bin, not the value at its
centre: the bins are up to 0.4 dex wide and the spectra steep. The statistical error is a two-piece normal, normalised
over the data. The systematic column moves all points together by default. What the measurement contains beyond the sky
model, sources and the isotropic background, is added with free norms.

With m_i the prediction of point i, c_ik that of extra component k and n_k its norm, y_i the datum, eta ~ N(0, 1) the
systematic nuisance and s_i the systematic error:

    mu_i = m_i + sum_k n_k c_ik + eta s_i       ("correlated"; f(E_i) s_i if "energy-correlated"; neither otherwise)
    sigma_i^2 = (error_high_i if mu_i > y_i else error_low_i)^2  [+ s_i^2 if "diagonal"]  + (eps d_i)^2  [+ (f d_i)^2]

where eps is the sky model's own relative error, of the published data d_i (where it matters it is common to all points
too: see :mod:`crsea_infer.inference.likelihoods.common_error`), and p(y_i | mu_i) is the two-piece normal of
:mod:`crsea_infer.inference.likelihoods.asymmetric_errors`, as are upper limits. Data sets that give the same
`systematic_name` share one eta, which is how a scale common to several of them is expressed. The process f(E) and the
extra scatter f are those of :mod:`crsea_infer.inference.likelihoods.flux_systematics`; a free scale of the energies in
m_i is that of :mod:`crsea_infer.inference.likelihoods.energy_scale`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from crsea_infer.emulator.sky_model import Request
from crsea_infer.hypotheses.distributions import normal
from crsea_infer.hypotheses.prior_sets import Parameter
from crsea_infer.inference.likelihoods import asymmetric_errors
from crsea_infer.inference.likelihoods.best_nuisances import minimise, pull_of
from crsea_infer.inference.likelihoods.common_error import chi2_change, is_noticeable, log_likelihood_change
from crsea_infer.inference.likelihoods.energy_bins import Averaging, averaged, bin_average
from crsea_infer.inference.likelihoods.energy_scale import EnergyScale
from crsea_infer.inference.likelihoods.extra_components import ExtraComponent, read_components
from crsea_infer.inference.likelihoods.flux_points_file import COLUMN_UNITS, INTENSITY, FluxPointsEntry, read_points
from crsea_infer.inference.likelihoods.flux_systematics import (
    FluxSystematics,
    independent_and_systematic,
    read_systematics,
)
from crsea_infer.inference.likelihoods.likelihood import CommonEntry, DataSet, LikelihoodFolder
from crsea_infer.inference.likelihoods.prediction_errors import PredictionErrors, read_prediction_errors
from crsea_infer.support.arrays import Array, Float64, array_namespace, stack_last
from crsea_infer.support.files import file_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FluxPoints"]

_COMMON_SHIFT = Parameter("common_model_error", normal(0.0, 1.0), 0.0, "")


@dataclass(frozen=True, eq=False)
class FluxPoints(DataSet):
    """Flux points of one data set.

    Arrays have one entry per data point and are in GeV^-1 cm^-2 s^-1 sr^-1.

    Attributes
    ----------
    values, error_low, error_high
        Data (or upper limits) and errors that are independent from point to point.
    systematic
        Systematic error [n_data]; used as `systematics` says.
    is_upper_limit
        True for upper limits.
    averaging
        [n_data, n_energies]: turns intensities at the requested energies, or those that the energy scale makes of them,
        into predictions of the points.
    components
        Emission in the data that the sky model does not contain.
    prediction_errors
        Errors of the sky model in this data set, that scale its predictions.
    relative_model_error
        eps of the module's formula.
    model_scale
        What eps is relative to: the published data, also when others are simulated in their place.
    energy_scale
        A free scale of the energies, if there is one.
    energy_min, energy_max, energy_reference
        Of the points, GeV: for figures.
    """

    column_units: ClassVar[Mapping[str, tuple[str, str]]] = COLUMN_UNITS

    Settings: ClassVar[type[CommonEntry]] = FluxPointsEntry
    simulates_batches: ClassVar[bool] = True

    systematics: FluxSystematics
    energy_min: Float64
    energy_max: Float64
    energy_reference: Float64
    values: Float64
    error_low: Float64
    error_high: Float64
    systematic: Float64
    is_upper_limit: np.typing.NDArray[np.bool_]
    averaging: Averaging
    model_scale: Float64
    components: tuple[ExtraComponent, ...] = ()
    prediction_errors: PredictionErrors = field(default_factory=PredictionErrors)
    relative_model_error: float = 0.0
    energy_scale: EnergyScale | None = None

    @classmethod
    def read(cls, folder: LikelihoodFolder) -> Self:
        """Read a data set's folder.

        Raises
        ------
        UserError
            When `likelihood.toml` or a table is not valid.
        """
        entry, table = read_points(folder)
        low, high = table.columns["energy_min"], table.columns["energy_max"]
        centre = table.columns.get("energy_reference", np.sqrt(low * high))
        limits = table.columns.get("is_upper_limit", np.zeros(len(table))) > 0
        values = asymmetric_errors.points_and_limits(table, "intensity", limits)
        error_low, error_high = asymmetric_errors.statistical_errors(table, "intensity", limits)
        cited = table.provenance.reference
        errors = read_systematics(
            folder, entry.systematics, entry.extra_scatter, entry.systematic_name, entry.label, centre, cited
        )
        error_low, error_high, systematic = independent_and_systematic(
            folder, errors.kind, entry.common_error_share, table, error_low, error_high
        )
        energies, averaging = bin_average(low, high, centre, entry.reference_index)
        settings = {**entry.content(), "table_sha256": file_digest(table.path), **errors.content}
        scale = None
        if entry.energy_scale is not None:
            scale = EnergyScale.read(folder, entry.energy_scale, entry.label, energies, cited)
        asked = energies if scale is None else scale.lattice
        components: tuple[ExtraComponent, ...] = ()
        if entry.components:
            components, settings["components_sha256"] = read_components(
                folder.path.parent / (entry.components_table or entry.table),
                entry.components,
                INTENSITY,
                energies,
                averaging,
                where=folder.where,
                data_set=folder.name,
            )
        return cls(
            name=folder.name,
            title=entry.title,
            label=entry.label,
            region=entry.region,
            citations=tuple(text.strip() for text in entry.citations),
            provenance=table.provenance,
            settings=settings,
            requests=(Request(entry.messenger, tuple(asked.tolist()), entry.region),),
            systematics=errors,
            energy_scale=scale,
            energy_min=low,
            energy_max=high,
            energy_reference=centre,
            values=values,
            error_low=error_low,
            error_high=error_high,
            systematic=systematic,
            is_upper_limit=limits,
            averaging=averaging,
            model_scale=np.maximum(values, 0.0),
            components=components,
            prediction_errors=read_prediction_errors(
                folder, entry.prediction_errors, entry.use_prediction_errors, len(table), cited
            ),
        )

    @property
    def n_data(self) -> int:
        """Number of points, upper limits included."""
        return int(self.values.shape[-1])

    @cached_property
    def nuisances(self) -> tuple[Parameter, ...]:
        """Those of the systematic error, norms of extra components, errors of predictions, scatter and energy scale."""
        norms = tuple(component.nuisance for component in self.components)
        others = [self.systematics.scatter, None if self.energy_scale is None else self.energy_scale.nuisance]
        found = (*self.systematics.nuisances, *norms, *self.prediction_errors.nuisances, *others)
        return tuple(nuisance for nuisance in found if nuisance is not None)

    def with_model_error(self, relative_error: float) -> Self:
        """Return the same points with the sky model's relative error in their error budget."""
        return replace(self, relative_model_error=relative_error)

    def binned_prediction(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array] | None = None) -> Array:
        """Return the prediction of each point [..., n_data] from intensities [..., n_energies].

        Extra components are in it, with the norms of `nuisances` (by default those of their priors); the systematic
        shift and the energy scale are not.
        """
        total = self._from_sky(predictions)
        xp = array_namespace(total)
        if nuisances is not None:
            total = self.prediction_errors.scaled(xp, total, nuisances)
        for component in self.components:
            name = component.nuisance.name
            norm = component.nuisance.fiducial if nuisances is None else nuisances[name]
            total = total + xp.asarray(norm)[..., None] * component.prediction
        return total

    def log_likelihood_pointwise(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return ln p of each datum [..., n_data]; what errors in common change is shared out evenly."""
        xp, residual, low, high = self._residuals(predictions, nuisances)
        terms = asymmetric_errors.log_density(xp, residual, low, high, self._limits)
        if self._has_common_error:
            terms = (
                terms
                + log_likelihood_change(*self._common(xp, predictions, residual, low, high))[..., None] / self.n_data
            )
        return terms

    def log_likelihood(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return ln p(data) [...], by the formula at the head of this module."""
        xp, residual, low, high = self._residuals(predictions, nuisances)
        if self.is_sum_of_squares:
            return self._two_piece.log_likelihood(xp, residual)
        total = xp.sum(asymmetric_errors.log_density(xp, residual, low, high, self._limits), axis=-1)
        if self._has_common_error:
            total = total + log_likelihood_change(*self._common(xp, predictions, residual, low, high))
        return total

    def chi2(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return the sum of squared pulls [...] plus those of the nuisances; an upper limit counts -2 ln Phi."""
        xp, residual, low, high = self._residuals(predictions, nuisances)
        total = xp.sum(asymmetric_errors.squares(xp, residual, low, high, self._limits), axis=-1)
        if self._has_common_error:
            total = total + chi2_change(*self._common(xp, predictions, residual, low, high))
        own = self._pulled
        if self.energy_scale is not None:
            own = (*own, self.energy_scale.nuisance)
        return total + pull_of(own, [nuisances[nuisance.name] for nuisance in own]) if own else total

    def chi2_profiled(self, predictions: tuple[Array, ...]) -> Array:
        """Return chi2 [...] at the nuisances that make it least."""
        return self.chi2(predictions, self.best_nuisances(predictions))

    def best_nuisances(self, predictions: tuple[Array, ...], at: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Return the nuisances [...] that minimise chi2 for given predictions; empty without any.

        A length and a scatter, which chi2 alone would make infinite, stay at their published values, the scatter unless
        `at` has it. An energy scale is the best of some.
        """
        kept: dict[str, Array] = {}
        if at is not None and self.systematics.scatter is not None:
            kept = {self.systematics.scatter.name: at[self.systematics.scatter.name]}
        if self.energy_scale is None:
            return self._best_beside(predictions, kept)
        return self.energy_scale.best(
            predictions[0],
            lambda scale: self._best_beside(predictions, kept | scale),
            lambda values: self.chi2(predictions, values),
        )

    def _best_beside(self, predictions: tuple[Array, ...], given: dict[str, Array]) -> dict[str, Array]:
        """Return the best nuisances with some of them, among them the energy scale if there is one, as given."""
        prediction = self._from_sky(predictions, given or None)
        xp = array_namespace(prediction)
        held = given | {
            nuisance.name: xp.full(prediction.shape[:-1], nuisance.fiducial)
            for nuisance in self.nuisances
            if nuisance not in self._pulled and nuisance.name not in given
        }
        if not self._pulled:
            return held
        nuisances_of_fit = self._pulled
        columns = [xp.asarray(shift) for shift in self.shifts.values()]
        columns += self.prediction_errors.design(xp, prediction)
        if self._has_common_error:  # minimising over a common shift is the same as having it in the covariance
            columns.append(self.relative_model_error * prediction)
            nuisances_of_fit = (*nuisances_of_fit, _COMMON_SHIFT)
        design = stack_last(xp, list(xp.broadcast_arrays(*columns)))
        residual = self.values - prediction
        low, high = self._errors_at(xp, held)

        def cost(nuisances: Array) -> tuple[Array, Array, Array, Array]:
            left = residual - xp.matmul(design, nuisances[..., None])[..., 0]
            return *asymmetric_errors.cost_slope_curvature(xp, left, low, high, self._limits), design

        best = minimise(cost, nuisances_of_fit, prediction[..., 0])
        return held | {nuisance.name: best[..., k] for k, nuisance in enumerate(self._pulled)}

    def pulls(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return (data - mu) / sigma [..., n_data]; for limits (U - mu) / sigma."""
        return asymmetric_errors.pulls(*self._residuals(predictions, nuisances), self._limits)

    def simulate(
        self, rng: np.random.Generator, predictions: tuple[Float64, ...], nuisances: Mapping[str, float]
    ) -> Self:
        """Return the same data set with points drawn from the density above around a prediction [..., n_energies].

        Upper limits stay as they are: a limit carries no data to draw.
        """
        _, residual, low, high = self._residuals(predictions, nuisances)
        expected = self.values - residual
        if self._has_common_error:
            sky = self._from_sky(predictions)
            expected = expected + self.relative_model_error * rng.standard_normal((*sky.shape[:-1], 1)) * sky
        drawn = asymmetric_errors.draw(rng, expected, low, high)
        return replace(self, values=np.where(self.is_upper_limit, self.values, drawn))

    @cached_property
    def shifts(self) -> dict[str, Float64]:
        """What one unit of each linear nuisance adds to the prediction of each point [n_data].

        Those of an error whose length is free are at its published length.
        """
        found: dict[str, Float64] = {}
        if self.systematics.process is not None:
            found = self.systematics.process.shifts(self.systematic)
        elif self.systematics.kind == "correlated":
            found = {self.systematics.name: self.systematic}
        return found | {component.nuisance.name: component.prediction for component in self.components}

    @cached_property
    def _pulled(self) -> tuple[Parameter, ...]:
        """Nuisances with normal priors that the prediction is linear in: those of `shifts`, then those that scale."""
        by_name = {nuisance.name: nuisance for nuisance in self.nuisances}
        return (*(by_name[name] for name in self.shifts), *self.prediction_errors.nuisances)

    @cached_property
    def is_sum_of_squares(self) -> bool:
        """Whether ln L is a constant minus half the sum of the squared pulls of the points."""
        return self._limits is None and not self._has_common_error and len(self.shifts) == len(self.nuisances)

    @cached_property
    def _two_piece(self) -> asymmetric_errors.TwoPiece:
        return asymmetric_errors.TwoPiece(*self.errors)

    @cached_property
    def _limits(self) -> np.typing.NDArray[np.bool_] | None:
        return self.is_upper_limit if self.is_upper_limit.any() else None

    def _from_sky(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array] | None = None) -> Array:
        """Return the sky model's part of the prediction [..., n_data], with the energy scale of `nuisances`."""
        (intensity,) = predictions
        if self.energy_scale is not None:
            intensity = self.energy_scale.intensities(intensity, nuisances)
        return averaged(self.averaging, intensity)

    @cached_property
    def _has_common_error(self) -> bool:
        errors = np.minimum(self.error_low, self.error_high)
        counted = ~self.is_upper_limit
        return is_noticeable(self.relative_model_error, self.values[..., counted], errors[counted])

    def _common(
        self, xp: Any, predictions: tuple[Array, ...], residual: Array, low: Array, high: Array
    ) -> tuple[Any, Array, Array, Array, float]:
        """Return what the functions of common_error take."""
        variance = xp.where(residual < 0, high, low) ** 2
        if self._limits is not None:
            variance = xp.where(self._limits, xp.inf, variance)
        return xp, residual, variance, self._from_sky(predictions), self.relative_model_error

    @cached_property
    def errors(self) -> tuple[Float64, Float64]:
        """The errors below and above the datum [n_data], with those of the model."""
        common = (self.relative_model_error * self.model_scale) ** 2
        if self.systematics.kind == "diagonal":
            common = common + self.systematic**2
        return np.sqrt(self.error_low**2 + common), np.sqrt(self.error_high**2 + common)

    def _errors_at(self, xp: Any, nuisances: Mapping[str, Array]) -> tuple[Array, Array]:
        """Return the errors below and above the datum [..., n_data], with the extra scatter of `nuisances`."""
        low, high = (xp.asarray(errors) for errors in self.errors)
        scatter = self.systematics.scatter
        if scatter is None:
            return low, high
        extra = (xp.asarray(nuisances[scatter.name])[..., None] * self.model_scale) ** 2
        return xp.sqrt(low**2 + extra), xp.sqrt(high**2 + extra)

    def _residuals(
        self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]
    ) -> tuple[Any, Array, Array, Array]:
        """Return the array namespace, y - mu, and the errors below and above the datum, all [..., n_data]."""
        prediction = self._from_sky(predictions, nuisances)
        xp = array_namespace(prediction)
        residual = self.values - self.prediction_errors.scaled(xp, prediction, nuisances)
        process = self.systematics.process
        is_free = process is not None and process.length_dex is None
        if process is not None and is_free:
            residual = residual - process.shift(nuisances, self.systematic)
        for name, shift in self.shifts.items():
            if not (process is not None and is_free and name in process.components):
                residual = residual - xp.asarray(nuisances[name])[..., None] * shift
        return xp, residual, *self._errors_at(xp, nuisances)

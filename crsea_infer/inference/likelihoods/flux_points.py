"""Intensities in energy bins: the measurement most experiments publish.

Each point is an intensity with statistical errors that may be asymmetric, a systematic error, or an upper limit. Three
things are done with care. The prediction is what the experiment would have quoted for the bin, not the value at its
centre: the bins are up to 0.4 dex wide and the spectra steep. The statistical error is a two-piece normal, normalised
over the data. The systematic column moves all points together by default.

With m_i the prediction of point i, y_i the datum, eta ~ N(0, 1) the systematic nuisance and s_i the systematic error:

    mu_i = m_i + eta s_i                                             ("correlated"; mu_i = m_i otherwise)
    sigma_i^2 = (error_high_i if mu_i > y_i else error_low_i)^2  [+ s_i^2 if "diagonal"]  + (eps m_i)^2
    p(y_i | mu_i) = sqrt(2 / pi) / (sigma_low_i + sigma_high_i) exp(-(y_i - mu_i)^2 / (2 sigma_i^2))

where eps is the sky model's own relative error; the two-piece form is Barlow's (physics/0401042, eq. 3, read as a
density of the datum). An upper limit U at confidence level c contributes Phi((U - mu_i) / sigma_i) with
sigma_i = U / z_c, Phi(z_c) = c, unless the table gives error_high.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from scipy import special

from crsea_infer.arrays import Array, Float64, array_namespace
from crsea_infer.emulator.model import Request
from crsea_infer.errors import UserError
from crsea_infer.files import file_digest
from crsea_infer.inference.distributions import normal, special_functions
from crsea_infer.inference.likelihoods.base import CommonEntry, LikelihoodFolder
from crsea_infer.inference.priors import Parameter
from crsea_infer.inference.tables import Column, MeasurementTable, Provenance, check_bins, read_table
from crsea_infer.inference.validation import validate

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FluxPoints"]

_INTENSITY = "1 / (GeV cm2 s sr)"
_COLUMNS = (
    Column("energy_min", "GeV", "positive"),
    Column("energy_max", "GeV", "positive"),
    Column("energy_reference", "GeV", "positive", required=False),
    Column("intensity", _INTENSITY),
    Column("error_low", _INTENSITY, "non-negative"),
    Column("error_high", _INTENSITY, "non-negative"),
    Column("systematic", _INTENSITY, "non-negative", required=False),
    Column("is_upper_limit", None, required=False),
)

Systematics = Literal["correlated", "diagonal", "none"]


class _Entry(CommonEntry):
    messenger: Literal["gamma", "neutrino"]
    region: str
    table: str
    systematics: Systematics = "correlated"
    systematic_name: str | None = None
    reference_index: float | None = None


@dataclass(frozen=True, eq=False)
class FluxPoints:
    """Flux points of one data set.

    Arrays have one entry per data point and are in GeV^-1 cm^-2 s^-1 sr^-1.

    Attributes
    ----------
    values, error_low, error_high
        Data (or upper limits) and statistical errors.
    systematic
        Systematic error; used as `systematics` says.
    is_upper_limit
        True for upper limits.
    averaging
        [n_data, n_energies]: turns intensities at the requested energies into predictions of the points.
    relative_model_error
        eps of the module's formula.
    energy_min, energy_max, energy_reference
        Of the points, GeV: for figures.
    """

    name: str
    title: str
    label: str
    region: str
    citations: tuple[str, ...]
    provenance: Provenance
    settings: Mapping[str, Any]
    requests: tuple[Request, ...]
    systematics: Systematics
    systematic_name: str
    energy_min: Float64
    energy_max: Float64
    energy_reference: Float64
    values: Float64
    error_low: Float64
    error_high: Float64
    systematic: Float64
    is_upper_limit: np.typing.NDArray[np.bool_]
    averaging: Float64
    relative_model_error: float = 0.0

    @classmethod
    def read(cls, folder: LikelihoodFolder) -> Self:
        """Read a data set's folder.

        Raises
        ------
        UserError
            When `likelihood.toml` or the table is not valid.
        """
        entry = validate(_Entry, folder.settings, folder.where)
        table = read_table(folder.path.parent / entry.table, _COLUMNS)
        check_bins(table, "energy_min", "energy_max", "energy_reference")
        low, high = table.columns["energy_min"], table.columns["energy_max"]
        centre = table.columns.get("energy_reference", np.sqrt(low * high))
        limits = table.columns.get("is_upper_limit", np.zeros(len(table))) > 0
        systematic = table.columns.get("systematic")
        if systematic is None:
            if entry.systematics != "none":
                raise UserError(
                    f"{table.path}: the column 'systematic' is missing, but systematics = {entry.systematics!r}",
                    fix=f"add the column, or write systematics = 'none' in {folder.path}",
                )
            systematic = np.zeros(len(table))
        error_low, error_high = _statistical_errors(table, limits)
        energies, averaging = bin_average(low, high, centre, entry.reference_index)
        return cls(
            name=folder.name,
            title=entry.title,
            label=entry.label,
            region=entry.region,
            citations=tuple(text.strip() for text in entry.citations),
            provenance=table.provenance,
            settings={**entry.model_dump(), "table_sha256": file_digest(table.path)},
            requests=(Request(entry.messenger, tuple(energies.tolist()), entry.region),),
            systematics=entry.systematics,
            systematic_name=entry.systematic_name or f"{folder.name}_systematic",
            energy_min=low,
            energy_max=high,
            energy_reference=centre,
            values=table.columns["intensity"],
            error_low=error_low,
            error_high=error_high,
            systematic=systematic,
            is_upper_limit=limits,
            averaging=averaging,
        )

    @property
    def n_data(self) -> int:
        """Number of points, upper limits included."""
        return len(self.values)

    @property
    def nuisances(self) -> tuple[Parameter, ...]:
        """The systematic shift eta ~ N(0, 1) when it is correlated, else nothing."""
        if not self._is_correlated:
            return ()
        return (
            Parameter(
                name=self.systematic_name,
                distribution=normal(0.0, 1.0),
                fiducial=0.0,
                label=r"\eta_\mathrm{" + re.sub("[^A-Za-z0-9.+-]+", r"\\ ", self.label) + "}",
                description=f"common systematic shift of {self.label}, in standard deviations",
                source=self.provenance.reference,
                prior_set=self.name,
            ),
        )

    def with_model_error(self, relative_error: float) -> Self:
        """Return the same points with the sky model's relative error in their error budget."""
        return replace(self, relative_model_error=relative_error)

    def binned_prediction(self, predictions: tuple[Array, ...]) -> Array:
        """Return the prediction of each point [..., n_data] from intensities [..., n_energies]."""
        (intensity,) = predictions
        xp = array_namespace(intensity)
        return intensity @ xp.asarray(self.averaging.T)

    def log_likelihood(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return ln p(data) [...], by the formula at the head of this module."""
        xp, residual, low, high = self._residuals(predictions, nuisances)
        sigma = xp.where(residual < 0, high, low)
        terms = 0.5 * math.log(2 / math.pi) - xp.log(low + high) - 0.5 * (residual / sigma) ** 2
        if self.is_upper_limit.any():
            log_ndtr = special_functions(xp).log_ndtr
            terms = xp.where(self.is_upper_limit, log_ndtr(residual / high), terms)
        return xp.sum(terms, axis=-1)

    def chi2(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return the sum of squared pulls [...] plus eta^2; an upper limit counts -2 ln Phi."""
        xp, residual, low, high = self._residuals(predictions, nuisances)
        total = self._sum_of_squares(xp, residual, low, high)
        return total + self._shift(nuisances) ** 2 if self._is_correlated else total

    def chi2_profiled(self, predictions: tuple[Array, ...]) -> Array:
        """Return chi2 [...] at the systematic shift that makes it least."""
        return self.chi2(predictions, self.best_nuisances(predictions))

    def best_nuisances(self, predictions: tuple[Array, ...]) -> dict[str, Array]:
        """Return the systematic shift [...] that minimises chi2 for given predictions; empty without one.

        Chi2 is convex in eta, so its derivative g has one zero. Point i changes from its lower to its upper error where
        eta = r_i / s_i; it uses the upper one at the minimum exactly when g(r_i / s_i) < 0. With the sides known, chi2
        is a parabola and the minimum exact. Upper limits make it other than a parabola; bisection then leads from
        there to the minimum.
        """
        if not self._is_correlated:
            return {}
        xp, residual, low, high = self._residuals(predictions, {self.systematic_name: 0.0})
        points, shifts = ~self.is_upper_limit, self.systematic

        def weights(above: Array) -> Array:
            return xp.where(points, xp.where(above, high, low) ** -2.0, 0.0)

        # g at the turning point of every point j: residuals of points i [..., j, i] there
        moving = shifts > 0
        turning = xp.where(moving, residual / np.where(moving, shifts, 1.0), 0.0)
        at_turning = residual[..., None, :] - turning[..., :, None] * shifts
        sides = xp.where(at_turning < 0, high[..., None, :], low[..., None, :])
        pull = xp.where(points, shifts * at_turning / sides**2, 0.0)
        above = xp.where(moving, turning - xp.sum(pull, axis=-1) < 0, residual < 0)
        weight = weights(above)
        eta = xp.sum(weight * shifts * residual, axis=-1) / (1.0 + xp.sum(weight * shifts**2, axis=-1))
        if self.is_upper_limit.any():
            eta = self._bisect(xp, eta, residual, low, high)
        return {self.systematic_name: eta}

    def pulls(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return (data - prediction - eta systematic) / sigma [..., n_data]; for limits (U - mu) / sigma."""
        xp, residual, low, high = self._residuals(predictions, nuisances)
        return residual / xp.where(self.is_upper_limit | (residual < 0), high, low)

    def simulate(
        self, rng: np.random.Generator, predictions: tuple[Float64, ...], nuisances: Mapping[str, float]
    ) -> Self:
        """Return the same data set with points drawn from the density above around one prediction [n_energies].

        Upper limits stay as they are: a limit carries no data to draw.
        """
        _, residual, low, high = self._residuals(predictions, nuisances)
        mu = self.values - residual
        # A datum below the prediction has the prediction on its upper side: that side's error rules there.
        is_below = rng.random(self.n_data) < high / (low + high)
        size = np.abs(rng.standard_normal(self.n_data))
        drawn = np.where(is_below, mu - high * size, mu + low * size)
        return replace(self, values=np.where(self.is_upper_limit, self.values, drawn))

    @property
    def _is_correlated(self) -> bool:
        return self.systematics == "correlated"

    def _shift(self, nuisances: Mapping[str, Array]) -> Array:
        return nuisances[self.systematic_name]

    def _residuals(
        self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]
    ) -> tuple[Any, Array, Array, Array]:
        """Return the array namespace, y - mu, and the errors below and above the datum, all [..., n_data]."""
        prediction = self.binned_prediction(predictions)
        xp = array_namespace(prediction)
        residual = self.values - prediction
        if self._is_correlated:
            residual = residual - xp.asarray(self._shift(nuisances))[..., None] * self.systematic
        common = (self.relative_model_error * prediction) ** 2
        if self.systematics == "diagonal":
            common = common + self.systematic**2
        return xp, residual, xp.sqrt(self.error_low**2 + common), xp.sqrt(self.error_high**2 + common)

    def _sum_of_squares(self, xp: Any, residual: Array, low: Array, high: Array) -> Array:
        terms = (residual / xp.where(residual < 0, high, low)) ** 2
        if self.is_upper_limit.any():
            log_ndtr = special_functions(xp).log_ndtr
            terms = xp.where(self.is_upper_limit, -2.0 * log_ndtr(residual / high), terms)
        return xp.sum(terms, axis=-1)

    def _bisect(self, xp: Any, eta: Array, residual: Array, low: Array, high: Array) -> Array:
        """Minimise chi2 over the shift with upper limits among the points, by bisection on its derivative.

        `eta` is the minimum without the limits. Limits only pull the shift down, so it bounds the answer from above;
        the derivative grows at least as fast as eta itself, which bounds it from below.
        """
        log_ndtr = special_functions(xp).log_ndtr

        def half_derivative(shift: Array) -> Array:
            left = residual - shift[..., None] * self.systematic
            sigma = xp.where(left < 0, high, low)
            z = left / high
            hazard = xp.exp(-0.5 * (z**2 + math.log(2 * math.pi)) - log_ndtr(z)) / high
            return shift - xp.sum(self.systematic * xp.where(self.is_upper_limit, -hazard, left / sigma**2), axis=-1)

        lower, upper = eta - xp.abs(half_derivative(eta)), eta
        for _ in range(60):
            middle = 0.5 * (lower + upper)
            is_below = half_derivative(middle) < 0
            lower, upper = xp.where(is_below, middle, lower), xp.where(is_below, upper, middle)
        return 0.5 * (lower + upper)


def _statistical_errors(table: MeasurementTable, limits: np.typing.NDArray[np.bool_]) -> tuple[Float64, Float64]:
    """Return errors that are positive everywhere: those of upper limits follow from the confidence level."""
    low, high = table.columns["error_low"].copy(), table.columns["error_high"].copy()
    for name, errors in (("error_low", low), ("error_high", high)):
        zero = (errors <= 0) & ~limits
        if zero.any():
            row = int(np.argmax(zero)) + 1
            raise UserError(
                f"{table.path}: column {name!r}, row {row}: the value is 0",
                valid="an error above 0 for every point that is not an upper limit",
            )
    if limits.any():
        level = table.metadata.get("confidence_level")
        if not isinstance(level, float) or not 0.5 < level < 1:
            raise UserError(
                f"{table.path}: has upper limits, and confidence_level = {level!r} in its metadata",
                valid="a number between 0.5 and 1, such as 0.95",
            )
        if (table.columns["intensity"][limits] <= 0).any():
            row = int(np.argmax(limits & (table.columns["intensity"] <= 0))) + 1
            raise UserError(f"{table.path}: column 'intensity', row {row}: an upper limit must be above 0")
        width = table.columns["intensity"] / float(special.ndtri(level))
        high = np.where(limits & (high <= 0), width, high)
        low = np.where(limits, high, low)
    return low, high


def bin_average(
    lower: Float64, upper: Float64, reference: Float64, reference_index: float | None
) -> tuple[Float64, Float64]:
    """Return energies [n_energies] and the matrix [n_data, n_energies] that averages intensities there over bins.

    Gauss-Legendre nodes in ln E: two, and one more for each 0.2 dex of width. That integrates power laws, and laws
    broken over 0.3 or more in ln E anywhere in the bin, to 1e-5; spectra of secondaries are smoother than that. Every
    energy costs time in every evaluation of the posterior, so there are no more of them.

    Parameters
    ----------
    lower, upper, reference
        Edges and reference energy of each bin, GeV.
    reference_index
        G: the average is integral of I dE / integral of (E / E_reference)^-G dE, what an experiment quotes at
        E_reference when it assumes that index. None: the plain mean, integral of I dE / (upper - lower).
    """
    energies: list[Float64] = []
    weights: list[Float64] = []
    for low, high, centre in zip(lower, upper, reference, strict=True):
        width = math.log(high / low)
        count = 2 + math.ceil(width / math.log(10) / 0.2 - 1e-2)
        nodes, node_weights = np.polynomial.legendre.leggauss(count)
        energy = low * np.exp(0.5 * width * (nodes + 1.0))
        measure = 0.5 * width * node_weights * energy  # dE = E d ln E
        if reference_index is None:
            denominator = high - low
        else:
            denominator = float(np.sum(measure * (energy / centre) ** -reference_index))
        energies.append(energy)
        weights.append(measure / denominator)
    matrix = np.zeros((len(energies), sum(len(energy) for energy in energies)))
    start = 0
    for row, weight in enumerate(weights):
        matrix[row, start : start + len(weight)] = weight
        start += len(weight)
    return np.concatenate(energies), matrix

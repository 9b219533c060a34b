"""A profile along Galactic longitude or latitude: windows of the sky side by side, each in one or more bands of energy.

All points are one measurement with one covariance. The prediction of point i is the mean over its band of the sky
model's intensity in its window, m_i; with components c_ik of norm n_k +- e_k that the measurement contains beyond the
sky model, and a systematic error s_i common to all points, the data y are normal around

    mu_i = m_i + sum_k n_k c_ik    with    C = S + sum_j (m a_j)(m a_j)^T + sum_k e_k^2 c_k c_k^T + s s^T + eps^2 m m^T,

S the independent variances (the mean of the two error bars, squared), a_ij the fraction by which one standard deviation
of the gas of stretch j changes point i, and eps the sky model's own error. Nothing of this needs a sampled nuisance;
the sums are those of :mod:`crsea_infer.inference.likelihoods.shared_errors`. Errors of gas are of the prediction, so
that C depends on it.

Where the source gives no unit only the shape is measured: m is then divided by its weighted mean over the points and
multiplied by that of the data (weights 1 / S), and by a norm n with a normal prior around 1. The likelihood then does
not change when the sky model's whole prediction is scaled, and the prior of n costs every hypothesis the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from crsea_infer.content.toml_files import validate
from crsea_infer.emulator.sky_model import Request
from crsea_infer.hypotheses.distributions import normal
from crsea_infer.hypotheses.prior_sets import Parameter
from crsea_infer.inference.likelihoods import shared_errors
from crsea_infer.inference.likelihoods.best_nuisances import pull_of
from crsea_infer.inference.likelihoods.energy_bins import averaged, bin_average
from crsea_infer.inference.likelihoods.extra_components import tex
from crsea_infer.inference.likelihoods.flux_points_file import INTENSITY
from crsea_infer.inference.likelihoods.flux_systematics import independent_and_systematic
from crsea_infer.inference.likelihoods.likelihood import CommonEntry, DataColumn, DataSet, LikelihoodFolder
from crsea_infer.inference.likelihoods.profile_file import ProfileEntry, gas_shape, read_profile, windows_of
from crsea_infer.support.arrays import Array, Float64, array_namespace
from crsea_infer.support.files import file_digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.inference.likelihoods.profile_file import Window

__all__ = ["Profile"]

_STEPS = 26
_GOLDEN = 0.5 * (5.0**0.5 - 1.0)
_REACH = 3.0
"""The best norm lies within this factor of the one that weighted least squares give."""


@dataclass(frozen=True, eq=False)
class Profile(DataSet):
    """Intensities in windows along one axis of the sky.

    Arrays have one entry per data point, ordered by window and then by energy, in GeV^-1 cm^-2 s^-1 sr^-1, or without
    unit where there is a free norm.

    Attributes
    ----------
    axis
        "longitude" or "latitude".
    window_min, window_max
        Edges of the windows along it, degrees [n_data].
    energy_min, energy_max, energy_reference
        Bands, GeV [n_data].
    values, error_low, error_high
        Data and errors that are independent from point to point; their mean counts.
    averaging
        [n_data, n_energies]: turns the intensities of all requests, one after the other, into means over the bands.
    expected
        What components beyond the sky model add at their published norms [n_data].
    shared
        Changes of the data by one standard deviation of errors that points share [n_data, k].
    gas
        Fractions by which the prediction changes for one standard deviation of each stretch of gas [n_data, n].
    model_scale
        What the sky model's error is relative to: the published data.
    mean
        Weighted mean of the published data, by which a norm of 1 is defined, also for data drawn in their place.
    norm
        The free norm, if only the shape counts.
    relative_model_error
        eps of the module's formula.
    """

    column_units: ClassVar[Mapping[str, tuple[str, str]]] = {
        "values": (INTENSITY, "mean intensity of the window"),
        "window_min": ("deg", "lower edge of the window"),
        "window_max": ("deg", "upper edge of the window"),
        "energy_min": ("GeV", "lower edge of the band"),
        "energy_max": ("GeV", "upper edge of the band"),
        "energy_reference": ("GeV", "energy at which the intensity is quoted"),
        "error_low": (INTENSITY, "error downwards, independent from point to point"),
        "error_high": (INTENSITY, "error upwards, independent from point to point"),
    }
    Settings: ClassVar[type[CommonEntry]] = ProfileEntry
    simulates_batches: ClassVar[bool] = True

    axis: str
    window_min: Float64
    window_max: Float64
    energy_min: Float64
    energy_max: Float64
    energy_reference: Float64
    values: Float64
    error_low: Float64
    error_high: Float64
    averaging: Float64
    expected: Float64
    shared: Float64
    gas: Float64
    model_scale: Float64
    mean: float
    norm: Parameter | None = None
    relative_model_error: float = 0.0

    @classmethod
    def read(cls, folder: LikelihoodFolder) -> Self:
        """Read a data set's folder.

        Raises
        ------
        UserError
            When `likelihood.toml` or the table is not valid.
        """
        entry = validate(ProfileEntry, folder.settings, folder.where)
        table = read_profile(folder.path.parent / entry.table, entry, folder.where)
        windows = windows_of(table, entry)
        low, high, systematic = independent_and_systematic(
            folder,
            entry.systematics,
            entry.common_error_share,
            table,
            table.columns["error_low"],
            table.columns["error_high"],
        )
        if entry.systematics == "diagonal":
            low, high = np.hypot(low, systematic), np.hypot(high, systematic)
        first, last = table.columns["energy_min"], table.columns["energy_max"]
        centre = table.columns.get("energy_reference", np.sqrt(first * last))
        requests, averaging = _requests(entry, windows, first, last, centre)
        columns = [systematic] if entry.systematics == "correlated" and np.any(systematic) else []
        for component in entry.components:
            column = component.norm_error * table.columns[component.column]
            for window in windows if component.each_window else [None]:
                kept = column if window is None else np.where(_rows(window, len(table)), column, 0.0)
                columns += [kept] if np.any(kept) else []
        return cls(
            name=folder.name,
            title=entry.title,
            label=entry.label,
            region=entry.region,
            citations=tuple(text.strip() for text in entry.citations),
            provenance=table.provenance,
            settings={**entry.model_dump(), "table_sha256": file_digest(table.path)},
            requests=requests,
            axis=entry.axis,
            window_min=table.columns[f"{entry.axis}_min"],
            window_max=table.columns[f"{entry.axis}_max"],
            energy_min=first,
            energy_max=last,
            energy_reference=centre,
            values=table.columns["profile"],
            error_low=low,
            error_high=high,
            averaging=averaging,
            expected=sum((one.norm * table.columns[one.column] for one in entry.components), np.zeros(len(table))),
            shared=np.stack(columns, axis=-1) if columns else np.zeros((len(table), 0)),
            gas=gas_shape(windows, entry.gas_shape, len(table)),
            model_scale=np.maximum(table.columns["profile"], 0.0),
            mean=_weighted_mean(table.columns["profile"], low, high),
            norm=_norm(entry, folder.name, table.provenance.reference),
        )

    @property
    def n_data(self) -> int:
        """Number of points: windows times bands."""
        return int(self.values.shape[-1])

    @property
    def nuisances(self) -> tuple[Parameter, ...]:
        """The free norm, if only the shape counts; all other errors are in the covariance."""
        return () if self.norm is None else (self.norm,)

    @property
    def columns(self) -> dict[str, DataColumn]:
        """The data and what else is known of each point; a profile of which only the shape counts has no unit."""
        found = super().columns
        if self.norm is None:
            return found
        pure = ("values", "error_low", "error_high")
        return found | {name: replace(found[name], unit="") for name in pure}

    def with_model_error(self, relative_error: float) -> Self:
        """Return the same profile with the sky model's relative error in its error budget."""
        return replace(self, relative_model_error=relative_error)

    def binned_prediction(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array] | None = None) -> Array:
        """Return the prediction of each point [..., n_data], components beyond the sky model included.

        Where only the shape counts it is in the units of the data, at the norm of `nuisances` or at 1.
        """
        sky = self._sky(predictions, nuisances)
        return sky + array_namespace(sky).asarray(self.expected)

    def log_likelihood(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return ln p(data) [...]."""
        return shared_errors.log_density(*self._moments(predictions, nuisances))

    def log_likelihood_pointwise(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return one term for each point [..., n_data]; what errors in common change is shared out evenly."""
        return shared_errors.log_density_pointwise(*self._moments(predictions, nuisances))

    def chi2(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return r^T C^-1 r [...], and the squared pull of the norm."""
        total = shared_errors.square(*self._moments(predictions, nuisances))
        return total if self.norm is None else total + pull_of([self.norm], [nuisances[self.norm.name]])

    def chi2_profiled(self, predictions: tuple[Array, ...]) -> Array:
        """Return chi2 [...] at the norm that makes it least."""
        return self.chi2(predictions, self.best_nuisances(predictions))

    def best_nuisances(
        self,
        predictions: tuple[Array, ...],
        at: Mapping[str, Array] | None = None,  # noqa: ARG002
    ) -> dict[str, Array]:
        """Return the norm [...] that makes chi2 least; empty where there is none."""
        if self.norm is None:
            return {}
        name, sky = self.norm.name, self._sky(predictions)
        xp = array_namespace(sky)
        weights = xp.asarray(self._variance**-1.0)
        start = xp.sum(weights * sky * self.values, axis=-1) / xp.sum(weights * sky**2, axis=-1)
        start = xp.clip(start, 0.01, None)  # data whose mean is below 0 want a norm of 0

        def cost(at: Array) -> Array:
            return self.chi2(predictions, {name: at})

        low, high = xp.log(start / _REACH), xp.log(start * _REACH)
        for _ in range(_STEPS):  # a golden section in ln n
            left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
            is_left = cost(xp.exp(left)) < cost(xp.exp(right))
            low, high = xp.where(is_left, low, left), xp.where(is_left, right, high)
        return {name: xp.exp(0.5 * (low + high))}

    def pulls(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return (data - prediction) / error [..., n_data], with everything in the error that the covariance has."""
        xp, residual, variance, shared = self._moments(predictions, nuisances)
        return residual / xp.sqrt(variance + xp.sum(shared**2, axis=-1))

    def simulate(
        self, rng: np.random.Generator, predictions: tuple[Float64, ...], nuisances: Mapping[str, float]
    ) -> Self:
        """Return the same profile with data drawn around a prediction [..., n_energies]."""
        _, residual, variance, shared = self._moments(predictions, nuisances)
        expected = self.values - residual
        moved = shared @ rng.standard_normal((*expected.shape[:-1], shared.shape[-1], 1))
        drawn = expected + moved[..., 0] + np.sqrt(variance) * rng.standard_normal(expected.shape)
        return replace(self, values=drawn)

    def _sky(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array] | None = None) -> Array:
        """Return the sky model's part of the prediction [..., n_data]; scaled to the data if only the shape counts."""
        xp = array_namespace(*predictions)
        sky = xp.matmul(xp.concat(predictions, axis=-1), xp.asarray(self.averaging.T))
        if self.norm is None:
            return sky
        sky = sky * (self.mean / xp.matmul(sky, xp.asarray(self._weights)))[..., None]
        return sky if nuisances is None else sky * xp.asarray(nuisances[self.norm.name])[..., None]

    def _moments(
        self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]
    ) -> tuple[Any, Array, Array, Array]:
        """Return the namespace, y - mu and S [..., n_data], and U [..., n_data, k], as `shared_errors` takes them."""
        sky = self._sky(predictions, nuisances)
        xp = array_namespace(sky)
        columns = [sky[..., None] * xp.asarray(self.gas)]
        if self.relative_model_error > 0:
            columns.append(self.relative_model_error * sky[..., None])
        shared = xp.asarray(self.shared)
        columns.append(xp.broadcast_to(shared, (*sky.shape[:-1], *shared.shape)))
        variance = self._variance + (self.relative_model_error * self.model_scale) ** 2
        residual = xp.asarray(self.values - self.expected) - sky
        return xp, residual, xp.asarray(variance), xp.concat(columns, axis=-1)

    @cached_property
    def _variance(self) -> Float64:
        """Variance of each point that is its own [n_data]."""
        return (0.5 * (self.error_low + self.error_high)) ** 2

    @cached_property
    def _weights(self) -> Float64:
        """Weights of the mean over the points [n_data]; they add up to 1."""
        weights: Float64 = self._variance**-1.0
        return weights / np.sum(weights)


def _weighted_mean(values: Float64, low: Float64, high: Float64) -> float:
    return float(np.average(values, weights=(low + high) ** -2.0))


def _rows(window: Window, n_data: int) -> np.typing.NDArray[np.bool_]:
    """Return which points belong to a window [n_data]."""
    found = np.zeros(n_data, dtype=bool)
    found[window.rows] = True
    return found


def _norm(entry: ProfileEntry, name: str, source: str) -> Parameter | None:
    """Return the free norm of a profile of which only the shape counts."""
    if entry.free_norm is None:
        return None
    return Parameter(
        name=entry.free_norm.name or f"{name}_norm",
        distribution=normal(1.0, entry.free_norm.norm_error, lower=0.0),
        fiducial=1.0,
        label="n_" + tex(entry.label),
        description=f"norm of {entry.label}, of which only the shape is known; 1 where the means agree",
        source=source,
        prior_set=name,
    )


def _requests(
    entry: ProfileEntry, windows: Sequence[Window], first: Float64, last: Float64, centre: Float64
) -> tuple[tuple[Request, ...], Float64]:
    """Return one request for each window, and the matrix that turns their intensities into means over the bands."""
    requests, blocks = [], []
    for window in windows:
        rows = window.rows
        energies, averaging = bin_average(first[rows], last[rows], centre[rows], entry.reference_index)
        requests.append(Request(entry.messenger, tuple(energies.tolist()), window.region.name))
        blocks.append(averaged(averaging, np.eye(len(energies))).T)
    matrix = np.zeros((sum(len(block) for block in blocks), sum(block.shape[1] for block in blocks)))
    row = column = 0
    for block in blocks:
        matrix[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + len(block), column + block.shape[1]
    return tuple(requests), matrix

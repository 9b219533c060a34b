"""A measured power-law index: what is left of a spectrum when only the abstract is at hand.

An experiment that fits I = I_0 E^index over an energy band quotes the index. The prediction is the index of the power
law that fits the predicted spectrum best over the same band: with x = ln E and weights w(x) ~ E^-weight_slope,

    index = integral of w (x - <x>) ln I dx / integral of w (x - <x>)^2 dx,  <x> = integral of w x dx / integral of w dx

that is least squares in ln I. The weights say where in the band the fit has its weight: uniform in ln E by default.
For a spectrum that curves by d(index)/d(ln E) = c, moving the mean of x by dx moves the index by c dx. Errors may be
asymmetric (:mod:`crsea_infer.inference.likelihoods.asymmetric_errors`); a systematic error is added in quadrature.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from crsea_infer.content.measurements import Column, check_bins, read_table
from crsea_infer.content.toml_files import validate
from crsea_infer.emulator.sky_model import Request
from crsea_infer.inference.likelihoods import asymmetric_errors
from crsea_infer.inference.likelihoods.likelihood import CommonEntry, DataSet, LikelihoodFolder, SpectralSlope
from crsea_infer.support.arrays import Array, Float64, array_namespace, reshaped
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import file_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.hypotheses.prior_sets import Parameter

__all__ = ["SpectralIndex", "index_functional"]

_NODES = 6
_COLUMNS = (
    Column("energy_min", "GeV", "positive"),
    Column("energy_max", "GeV", "positive"),
    Column("index", ""),
    Column("error_low", "", "non-negative"),
    Column("error_high", "", "non-negative"),
    Column("systematic", "", "non-negative", required=False),
)


class _Entry(CommonEntry):
    """Spectral indices of a sky region.

    Attributes
    ----------
    messenger
        What was measured.
    region
        A name (`crsea-infer list regions`), or a box "l=25..100,b=-5..5".
    table
        The ECSV table of the indices and their bands.
    weight_slope
        The power law that is fitted weighs energies with E to this power.
    """

    messenger: Literal["gamma", "neutrino"]
    region: str
    table: str
    weight_slope: SpectralSlope = 0.0


@dataclass(frozen=True, eq=False)
class SpectralIndex(DataSet):
    """Indices dlnI/dlnE measured in one or more energy bands of one region.

    Attributes
    ----------
    values, error_low, error_high
        Indices (about -2.7) and their errors [n_data].
    functional
        [n_data, n_nodes]: turns ln I at the requested energies, n_nodes in each band, into indices.
    relative_model_error
        Relative error of the sky model, taken as independent between the energies of a band.
    energy_min, energy_max
        Bands, GeV.
    """

    column_units: ClassVar[Mapping[str, tuple[str, str]]] = {
        "values": ("", "index of the power law"),
        "energy_min": ("GeV", "lower end of the band"),
        "energy_max": ("GeV", "upper end of the band"),
        "error_low": ("", "error downwards, statistical and systematic"),
        "error_high": ("", "error upwards, statistical and systematic"),
    }
    Settings: ClassVar[type[CommonEntry]] = _Entry
    simulates_batches: ClassVar[bool] = True

    energy_min: Float64
    energy_max: Float64
    values: Float64
    error_low: Float64
    error_high: Float64
    functional: Float64
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
        check_bins(table, "energy_min", "energy_max")
        if (np.abs(table.columns["index"]) > 10).any():
            raise UserError(f"{table.path}: an index lies outside -10 to 10", valid="dlnI/dlnE, such as -2.7")
        none = np.zeros(len(table), dtype=bool)
        low, high = asymmetric_errors.statistical_errors(table, "index", none)
        systematic = table.columns.get("systematic", np.zeros(len(table)))
        bands = [
            index_functional(float(first), float(last), entry.weight_slope)
            for first, last in zip(table.columns["energy_min"], table.columns["energy_max"], strict=True)
        ]
        energies = np.concatenate([nodes for nodes, _ in bands])
        return cls(
            name=folder.name,
            title=entry.title,
            label=entry.label,
            region=entry.region,
            citations=tuple(text.strip() for text in entry.citations),
            provenance=table.provenance,
            settings={**entry.model_dump(), "table_sha256": file_digest(table.path)},
            requests=(Request(entry.messenger, tuple(energies.tolist()), entry.region),),
            energy_min=table.columns["energy_min"],
            energy_max=table.columns["energy_max"],
            values=table.columns["index"],
            error_low=np.hypot(low, systematic),
            error_high=np.hypot(high, systematic),
            functional=np.stack([weights for _, weights in bands]),
        )

    @property
    def n_data(self) -> int:
        """Number of bands."""
        return int(self.values.shape[-1])

    @property
    def nuisances(self) -> tuple[Parameter, ...]:
        """None: a scale of energy or flux leaves a power law's index as it is."""
        return ()

    def with_model_error(self, relative_error: float) -> Self:
        """Return the same indices with the sky model's relative error in their error budget."""
        return replace(self, relative_model_error=relative_error)

    def binned_prediction(
        self,
        predictions: tuple[Array, ...],
        nuisances: Mapping[str, Array] | None = None,  # noqa: ARG002
    ) -> Array:
        """Return the index of the predicted spectrum in each band [..., n_data]."""
        (intensity,) = predictions
        xp = array_namespace(intensity)
        by_band = reshaped(xp, xp.log(intensity), (*intensity.shape[:-1], *self.functional.shape))
        return xp.sum(by_band * xp.asarray(self.functional), axis=-1)

    def log_likelihood_pointwise(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:  # noqa: ARG002
        """Return ln p of each index [..., n_data]."""
        return asymmetric_errors.log_density(*self._residuals(predictions))

    def log_likelihood(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:  # noqa: ARG002
        """Return ln p(data) [...]."""
        xp, residual, _, _ = self._residuals(predictions)
        return self._two_piece.log_likelihood(xp, residual)

    def chi2(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:  # noqa: ARG002
        """Return the sum of squared pulls [...]."""
        return self.chi2_profiled(predictions)

    def chi2_profiled(self, predictions: tuple[Array, ...]) -> Array:
        """Return chi2 [...]: there is no nuisance to profile."""
        xp, residual, low, high = self._residuals(predictions)
        return xp.sum(asymmetric_errors.squares(xp, residual, low, high), axis=-1)

    def pulls(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:  # noqa: ARG002
        """Return (measured - predicted index) / sigma [..., n_data]."""
        return asymmetric_errors.pulls(*self._residuals(predictions))

    def simulate(
        self,
        rng: np.random.Generator,
        predictions: tuple[Float64, ...],
        nuisances: Mapping[str, float],  # noqa: ARG002
    ) -> Self:
        """Return the same data set with indices drawn around those of a prediction [..., n_energies]."""
        _, residual, low, high = self._residuals(predictions)
        return replace(self, values=asymmetric_errors.draw(rng, self.values - residual, low, high))

    def _residuals(self, predictions: tuple[Array, ...]) -> tuple[Any, Array, Array, Array]:
        prediction = self.binned_prediction(predictions)
        xp = array_namespace(prediction)
        errors = self._two_piece
        return xp, self.values - prediction, xp.asarray(errors.low), xp.asarray(errors.high)

    @cached_property
    def _two_piece(self) -> asymmetric_errors.TwoPiece:
        """The errors with that of the model."""
        variance = self.relative_model_error**2 * np.sum(self.functional**2, axis=-1)
        return asymmetric_errors.TwoPiece(np.sqrt(self.error_low**2 + variance), np.sqrt(self.error_high**2 + variance))


def index_functional(low: float, high: float, weight_slope: float) -> tuple[Float64, Float64]:
    """Return energies [n] and weights [n] such that weights @ ln I(energies) is the index fitted between two energies.

    The integrals of the module's formula by Gauss-Legendre in ln E, exact for spectra that are cubic in ln E and for
    the slopes of weight in use.
    """
    half = 0.5 * np.log(high / low)
    nodes, measure = np.polynomial.legendre.leggauss(_NODES)
    x = half * nodes
    weight = measure * np.exp(-weight_slope * x)
    centred = x - np.sum(weight * x) / np.sum(weight)
    energies: Float64 = np.sqrt(low * high) * np.exp(x)
    return energies, weight * centred / np.sum(weight * centred**2)

"""Cosmic-ray spectra measured at the Earth: protons, helium, or both together.

Experiments quote intensities against rigidity R, kinetic energy per particle or per nucleon, or total energy per
particle; the sky model gives J(E), E the kinetic energy per nucleon. With A nucleons of mass m each and charge Z,

    R = (A / Z) sqrt(E (E + 2 m)),  kinetic energy = A E,  total energy = A (E + m),  J_X = J dE / dX.

Helium is helium-4 (A = 4, Z = 2). The energy scale of an experiment is a nuisance that its species share: an experiment
that measures X where X exp(-zeta w) is true, zeta ~ N(0, 1) and w = ln(1 + energy_scale), sees

    m_i = exp(-zeta w) J_X(X_i exp(-zeta w)),     mu_i = m_i exp(eta f_i)    (last factor only if "correlated")

where f_i is the relative systematic error of point i and eta ~ N(0, 1) moves all points together; by default the
systematic error is added in quadrature instead ("diagonal"). J is evaluated at the measured X_i exactly, and at
X_i exp(+-2 w), with a parabola in the logarithms between. Errors are two-piece normals. The model is unmodulated; with
a `modulation_potential` phi the force field (Gleeson & Axford 1968, ApJ 154, 1011) is applied,

    J(E) = J_LIS(E + phi Z / A) E (E + 2 m) / ((E + phi Z / A)(E + phi Z / A + 2 m)),

and points below `minimum_rigidity`, where this is too coarse, are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np

from crsea_infer.content.measurements import Column, MeasurementTable, read_table
from crsea_infer.content.toml_files import validate
from crsea_infer.emulator.sky_model import Request
from crsea_infer.hypotheses.distributions import normal
from crsea_infer.hypotheses.prior_sets import Parameter
from crsea_infer.inference.likelihoods import asymmetric_errors
from crsea_infer.inference.likelihoods.best_nuisances import minimise, pull_of
from crsea_infer.inference.likelihoods.cosmic_ray_energy import (
    EnergyQuantity,
    Nucleus,
    interstellar_energy,
    jacobian,
    kinetic_energy_per_nucleon,
    modulation,
    rigidity_of,
)
from crsea_infer.inference.likelihoods.cosmic_ray_entries import CosmicRayFluxEntry
from crsea_infer.inference.likelihoods.extra_components import tex
from crsea_infer.inference.likelihoods.likelihood import CommonEntry, DataColumn, DataSet, LikelihoodFolder
from crsea_infer.support.arrays import Array, Float64, array_namespace
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import file_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CosmicRayFlux"]

_SPECIES: Final[Mapping[str, tuple[Nucleus, ...]]] = {
    "proton": ("proton",),
    "helium": ("helium",),
    "light": ("proton", "helium"),
}
_REACH: Final = 2.0  # widths of the energy scale at which the outer nodes of the parabola stand


@dataclass(frozen=True, eq=False)
class CosmicRayFlux(DataSet):
    """A spectrum of protons, helium or their sum at the Sun.

    Arrays have one entry per data point; intensities are in m^-2 s^-1 sr^-1 per GV or GeV of the measured quantity.

    Attributes
    ----------
    species, energy
        Which nuclei, and the quantity X the intensities are quoted against.
    energy_reference
        X of the points.
    values, error_low, error_high
        Data and their errors, the systematic one included if diagonal.
    relative_systematic
        f of the module's formula; 0 unless correlated.
    scale_width
        w of the module's formula; 0 without an energy scale.
    factors
        dE/dX at the points' nodes, times the solar modulation, one array for each request.
    shift_names
        Names of zeta and eta; None where there is none.
    """

    Settings: ClassVar[type[CommonEntry]] = CosmicRayFluxEntry
    simulates_batches: ClassVar[bool] = True

    species: str
    energy: EnergyQuantity
    energy_reference: Float64
    values: Float64
    error_low: Float64
    error_high: Float64
    relative_systematic: Float64
    scale_width: float
    factors: tuple[Float64, ...]
    shift_names: tuple[str | None, str | None]

    @classmethod
    def read(cls, folder: LikelihoodFolder) -> Self:
        """Read a data set's folder.

        Raises
        ------
        UserError
            When `likelihood.toml` or the table is not valid, or no point is left within the limits of rigidity.
        """
        entry = validate(CosmicRayFluxEntry, folder.settings, folder.where)
        if entry.species == "light" and entry.energy not in {"kinetic_energy", "total_energy"}:
            raise UserError(
                f"{folder.where}: species = 'light' with energy = {entry.energy!r}",
                valid="kinetic_energy or total_energy, which are of a particle whatever it is",
            )
        if not 0 <= entry.modulation_potential < 2:
            raise UserError(
                f"{folder.where}: modulation_potential = {entry.modulation_potential:g}", valid="0 (none) to 2 GV"
            )
        if not 0 <= entry.energy_scale < 1:
            raise UserError(f"{folder.where}: energy_scale = {entry.energy_scale:g}", valid="0 (none) to 1 (100 %)")
        table = read_table(folder.path.parent / entry.table, _columns(entry.energy))
        nuclei = _SPECIES[entry.species]
        measured = table.columns[entry.energy]
        low, high = asymmetric_errors.statistical_errors(table, "intensity", np.zeros(len(table), dtype=bool))
        low, high, relative = _systematics(folder, entry, table, low, high)
        keep = np.ones(len(table), dtype=bool)
        for nucleus in nuclei:
            at = rigidity_of(nucleus, entry.energy, measured)
            keep &= (at >= entry.minimum_rigidity) & (at <= entry.maximum_rigidity)
        if not keep.any():
            raise UserError(
                f"{folder.where}: no point of {table.path.name} lies within the limits of rigidity",
                valid=f"limits that leave points; {entry.energy} runs from {measured[0]:g} to {measured[-1]:g}",
            )
        width = math.log1p(entry.energy_scale)
        shifts = (-_REACH, 0.0, _REACH) if width else (0.0,)
        nodes = np.concatenate([measured[keep] * math.exp(shift * width) for shift in shifts])
        energies = [kinetic_energy_per_nucleon(nucleus, entry.energy, nodes) for nucleus in nuclei]
        return cls(
            name=folder.name,
            title=entry.title,
            label=entry.label,
            region=None,
            citations=tuple(text.strip() for text in entry.citations),
            provenance=table.provenance,
            settings=_without_infinity({**entry.model_dump(), "table_sha256": file_digest(table.path)}),
            requests=tuple(
                Request(nucleus, tuple(interstellar_energy(nucleus, at, entry.modulation_potential).tolist()))
                for nucleus, at in zip(nuclei, energies, strict=True)
            ),
            species=entry.species,
            energy=entry.energy,
            energy_reference=measured[keep],
            values=table.columns["intensity"][keep],
            error_low=low[keep],
            error_high=high[keep],
            relative_systematic=relative[keep],
            scale_width=width,
            factors=tuple(
                jacobian(nucleus, entry.energy, at) * modulation(nucleus, at, entry.modulation_potential)
                for nucleus, at in zip(nuclei, energies, strict=True)
            ),
            shift_names=(
                (entry.energy_scale_name or f"{folder.name}_energy_scale") if width else None,
                (entry.systematic_name or f"{folder.name}_systematic") if entry.systematics == "correlated" else None,
            ),
        )

    @property
    def columns(self) -> dict[str, DataColumn]:
        """The data and what else is known of each point, with units."""
        unit, intensity = _units(self.energy)
        quantity = self.energy.replace("_", " ")
        return {
            "values": DataColumn(self.values, intensity, f"intensity per {quantity}"),
            "energy_reference": DataColumn(self.energy_reference, unit, f"{quantity} at which it is quoted"),
            "error_low": DataColumn(self.error_low, intensity, "error downwards, independent from point to point"),
            "error_high": DataColumn(self.error_high, intensity, "error upwards, independent from point to point"),
            "systematic": DataColumn(
                self.relative_systematic * self.values, intensity, "systematic error common to all points"
            ),
        }

    @property
    def n_data(self) -> int:
        """Number of points within the limits of rigidity."""
        return int(self.values.shape[-1])

    @cached_property
    def nuisances(self) -> tuple[Parameter, ...]:
        """The energy scale zeta and the systematic shift eta, in standard deviations, where there are any."""
        words = (("energy scale", r"\zeta_"), ("common systematic shift", r"\eta_"))
        return tuple(
            Parameter(
                name=name,
                distribution=normal(0.0, 1.0),
                fiducial=0.0,
                label=symbol + tex(self.label),
                description=f"{word} of {self.label}, in standard deviations",
                source=self.provenance.reference,
                prior_set=self.name,
            )
            for name, (word, symbol) in zip(self.shift_names, words, strict=True)
            if name is not None
        )

    def with_model_error(self, relative_error: float) -> Self:  # noqa: ARG002
        """Return the same data set: the local spectra are closed formulas, not emulated."""
        return self

    def binned_prediction(
        self,
        predictions: tuple[Array, ...],
        nuisances: Mapping[str, Array] | None = None,  # noqa: ARG002
    ) -> Array:
        """Return the prediction of each point [..., n_data] at the nominal energy scale."""
        total = self._sum(predictions)
        if not self.scale_width:
            return total
        return total[..., self.n_data : 2 * self.n_data]

    def log_likelihood_pointwise(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return ln p of each datum [..., n_data]."""
        xp, prediction = self._shifted(predictions, nuisances)
        return asymmetric_errors.log_density(xp, self.values - prediction, self.error_low, self.error_high)

    def log_likelihood(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return ln p(data) [...]."""
        xp, prediction = self._shifted(predictions, nuisances)
        return self._two_piece.log_likelihood(xp, self.values - prediction)

    def chi2(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return the sum of squared pulls [...] plus those of the nuisances."""
        xp, prediction = self._shifted(predictions, nuisances)
        squares = asymmetric_errors.squares(xp, self.values - prediction, self.error_low, self.error_high)
        total = xp.sum(squares, axis=-1)
        own = self.nuisances
        return total + pull_of(own, [nuisances[nuisance.name] for nuisance in own]) if own else total

    def chi2_profiled(self, predictions: tuple[Array, ...]) -> Array:
        """Return chi2 [...] at the nuisances that make it least."""
        return self.chi2(predictions, self.best_nuisances(predictions))

    def best_nuisances(self, predictions: tuple[Array, ...]) -> dict[str, Array]:
        """Return the nuisances [...] that minimise chi2 for given predictions; empty without any."""
        own = self.nuisances
        if not own:
            return {}
        xp = array_namespace(*predictions)
        scale_name, systematic_name = self.shift_names

        def cost(nuisances: Array) -> tuple[Array, Array, Array, Array]:
            values = {nuisance.name: nuisances[..., k] for k, nuisance in enumerate(own)}
            _, mu = self._shifted(predictions, values)
            columns = []
            if scale_name is not None:
                columns.append(mu * self._scale_derivative(predictions, values[scale_name]))
            if systematic_name is not None:
                columns.append(mu * self.relative_systematic)
            parts = asymmetric_errors.cost_slope_curvature(xp, self.values - mu, self.error_low, self.error_high)
            return *parts, xp.stack(columns, axis=-1)

        best = minimise(cost, own, predictions[0][..., 0])
        return {nuisance.name: best[..., k] for k, nuisance in enumerate(own)}

    def pulls(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return (data - mu) / sigma [..., n_data]."""
        xp, prediction = self._shifted(predictions, nuisances)
        return asymmetric_errors.pulls(xp, self.values - prediction, self.error_low, self.error_high)

    def simulate(
        self, rng: np.random.Generator, predictions: tuple[Float64, ...], nuisances: Mapping[str, float]
    ) -> Self:
        """Return the same data set with points drawn around a prediction [..., n_energies]."""
        _, prediction = self._shifted(predictions, nuisances)
        return replace(self, values=asymmetric_errors.draw(rng, prediction, self.error_low, self.error_high))

    @cached_property
    def _two_piece(self) -> asymmetric_errors.TwoPiece:
        return asymmetric_errors.TwoPiece(self.error_low, self.error_high)

    def _sum(self, predictions: tuple[Array, ...]) -> Array:
        """Return J_X at all nodes [..., n_nodes], summed over nuclei."""
        return sum(intensity * factor for intensity, factor in zip(predictions, self.factors, strict=True))

    def _logarithms(self, predictions: tuple[Array, ...]) -> tuple[Any, Array, Array, Array]:
        """Return ln J_X at the points, and first and second differences of the parabola through the three nodes."""
        total, n = self._sum(predictions), self.n_data
        xp = array_namespace(total)
        logs = xp.log(total)
        below, at, above = logs[..., :n], logs[..., n : 2 * n], logs[..., 2 * n :]
        return xp, at, 0.5 * (above - below), above - 2.0 * at + below

    def _shifted(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> tuple[Any, Array]:
        """Return the array namespace and mu [..., n_data]."""
        scale_name, systematic_name = self.shift_names
        if scale_name is not None:
            xp, at, first, second = self._logarithms(predictions)
            zeta = xp.asarray(nuisances[scale_name])[..., None]
            u = -zeta / _REACH
            mu = xp.exp(at + u * first + 0.5 * u**2 * second - zeta * self.scale_width)
        else:
            mu = self._sum(predictions)
            xp = array_namespace(mu)
        if systematic_name is not None:
            mu = mu * xp.exp(xp.asarray(nuisances[systematic_name])[..., None] * self.relative_systematic)
        return xp, mu

    def _scale_derivative(self, predictions: tuple[Array, ...], zeta: Array) -> Array:
        """Return d ln mu / d zeta [..., n_data]."""
        _, _, first, second = self._logarithms(predictions)
        return -(first - zeta[..., None] / _REACH * second) / _REACH - self.scale_width


def _units(energy: EnergyQuantity) -> tuple[str, str]:
    """Return the unit of an energy quantity, and that of intensities per it."""
    unit = "GV" if energy == "rigidity" else "GeV"
    return unit, f"1 / ({unit} m2 s sr)"


def _columns(energy: EnergyQuantity) -> tuple[Column, ...]:
    unit, intensity = _units(energy)
    return (
        Column(energy, unit, "positive"),
        Column("intensity", intensity, "positive"),
        Column("error_low", intensity, "non-negative"),
        Column("error_high", intensity, "non-negative"),
        Column("systematic_low", intensity, "non-negative", required=False),
        Column("systematic_high", intensity, "non-negative", required=False),
    )


def _systematics(
    folder: LikelihoodFolder, entry: CosmicRayFluxEntry, table: MeasurementTable, low: Float64, high: Float64
) -> tuple[Float64, Float64, Float64]:
    """Return the errors below and above, and the relative correlated systematic error, of each point."""
    none = np.zeros(len(table))
    if entry.systematics == "none":
        return low, high, none
    columns = [table.columns.get(name) for name in ("systematic_low", "systematic_high")]
    if entry.systematic_fraction is not None:
        if not 0 < entry.systematic_fraction < 1 or any(column is not None for column in columns):
            raise UserError(
                f"{folder.where}: systematic_fraction = {entry.systematic_fraction:g}",
                valid="a number between 0 and 1, for a table without systematic columns",
            )
        columns = [entry.systematic_fraction * table.columns["intensity"]] * 2
    below, above = columns
    if below is None or above is None:
        raise UserError(
            f"{table.path}: gives no systematic error, but systematics = {entry.systematics!r}",
            valid="columns systematic_low and systematic_high",
            fix="add them, or write systematic_fraction = ... or systematics = 'none' in likelihood.toml",
        )
    if entry.systematics == "diagonal":
        return np.hypot(low, below), np.hypot(high, above), none
    return low, high, 0.5 * (below + above) / table.columns["intensity"]


def _without_infinity(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings without limits that are not there, which TOML readers may not know."""
    return {key: value for key, value in settings.items() if value != math.inf}

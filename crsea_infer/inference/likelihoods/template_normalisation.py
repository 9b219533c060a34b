"""A sky template whose norm was fitted to events: the IceCube measurement of the Galactic plane.

Such a measurement fixes where the emission is and how its spectrum falls (the template), and fits how much of it there
is. It gives a best-fit norm with its 68 % interval, the test statistic TS = 2 ln L(best) / L(0) against no Galactic
emission, and the energy range in which the template was constrained. The hypothesis predicts another spectrum with a
morphology near that of one template, so what it predicts for the fit is approximated by

    n = integral of F(E) A(E) dE / integral of T(E) A(E) dE    over the quoted energy range,

where F = 4 pi x (mean intensity of the sky) is the predicted sky-integrated flux, T that of the template at norm 1, and
A the effective area averaged over the template: the ratio of the numbers of events. Without a table of A it is the
ratio of the energy fluxes (A ~ E). The likelihood is relative to the same events without Galactic emission,

    ln L(n) = TS / 2 - x^2 / 2,   x = (n - n_best) / sigma(n - n_best),

with sigma piecewise linear, so that x = -1 and +1 at the ends of the 68 % interval and x^2 = TS at n = 0: the three
published numbers. Beyond the upper end sigma stays as it is there. All templates are compared with the same L(0), so
that TS / 2 says how well the morphology fits, and norm and morphology both count between hypotheses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np

from crsea_infer.content.measurements import Column, MeasurementTable, read_table
from crsea_infer.content.toml_files import validate
from crsea_infer.emulator.sky_model import Request
from crsea_infer.inference.likelihoods.extra_components import power_law_between
from crsea_infer.inference.likelihoods.likelihood import CommonEntry, DataSet, LikelihoodFolder
from crsea_infer.inference.likelihoods.template_entries import TemplateEntry, TemplateNormalisationEntry
from crsea_infer.physics.interpolation import interpolation_matrix
from crsea_infer.physics.regions import parse_region
from crsea_infer.support.arrays import Array, Float64, array_namespace
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.files import file_digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.hypotheses.prior_sets import Parameter

__all__ = ["SPECTRUM", "NormCurve", "Template", "TemplateNormalisation"]

_NODES: Final = 8
_HALVINGS: Final = 60  # of an interval: as far as double precision tells its ends apart
_FIT = (
    Column("norm", "", "positive"),
    Column("error_low", "", "positive"),
    Column("error_high", "", "positive"),
    Column("test_statistic", "", "positive"),
    Column("energy_min", "GeV", "positive"),
    Column("energy_max", "GeV", "positive"),
)
SPECTRUM = (Column("energy", "GeV", "positive"), Column("flux", "1 / (GeV cm2 s)", "positive"))
_AREA = (Column("energy", "GeV", "positive"), Column("effective_area", "cm2", "positive"))


@dataclass(frozen=True)
class NormCurve:
    """ln L of the norm relative to no emission; see the head of the module.

    Attributes
    ----------
    best, error_low, error_high, test_statistic
        The published numbers; of drawn data the first and the last may be arrays [..., 1].
    width, slope_low, slope_high
        sigma at the best fit, and its slopes on the two sides.
    """

    best: float | Float64
    error_low: float
    error_high: float
    test_statistic: float | Float64
    width: float
    slope_low: float
    slope_high: float

    @classmethod
    def through(cls, best: float, error_low: float, error_high: float, test_statistic: float) -> Self:
        """Return the curve through the ends of the 68 % interval and the test statistic at norm 0.

        Raises ValueError when the interval reaches down to 0, where no such curve exists.
        """
        if not error_low < best:
            raise ValueError(f"the lower error {error_low:g} reaches below norm 0 from {best:g}")
        at_zero = best / math.sqrt(test_statistic)
        slope_low = (at_zero - error_low) / (error_low - best)
        width = error_low + slope_low * error_low
        if width <= 0:
            raise ValueError(f"TS = {test_statistic:g} does not fit a norm of {best:g} -{error_low:g}")
        return cls(best, error_low, error_high, test_statistic, width, slope_low, (error_high - width) / error_high)

    def pull(self, xp: Any, norm: Array, relative_error: float = 0.0) -> Array:
        """Return x of the module's formula for norms [...]; `relative_error` of the norm is added in quadrature."""
        distance = norm - self.best
        below, above = xp.clip(distance, -self.best, 0.0), xp.clip(distance, 0.0, self.error_high)
        sigma = self.width + self.slope_low * below + self.slope_high * above
        return distance / xp.sqrt(sigma**2 + (relative_error * norm) ** 2)


@dataclass(frozen=True, eq=False)
class Template:
    """One template that was fitted.

    Attributes
    ----------
    name
        As in `likelihood.toml`.
    curve
        ln L of its norm.
    request
        What it needs from the sky model.
    weights
        [n_energies]: turns intensities at the requested energies into the norm n.
    table
        The published fit.
    """

    name: str
    curve: NormCurve
    request: Request
    weights: Float64
    table: MeasurementTable


@dataclass(frozen=True, eq=False)
class TemplateNormalisation(DataSet):
    """The fit of one sky template, or of several of which each hypothesis has one.

    Attributes
    ----------
    templates
        All that the folder gives.
    morphologies
        Morphology of a hypothesis -> name of its template; empty when one template serves all.
    template
        The one in use.
    curve
        ln L of its norm; replaced by simulation.
    relative_model_error
        Of the sky model.
    """

    column_units: ClassVar[Mapping[str, tuple[str, str]]] = {
        "values": ("", "best-fit norm of the template"),
        "error_low": ("", "error downwards"),
        "error_high": ("", "error upwards"),
    }
    Settings: ClassVar[type[CommonEntry]] = TemplateNormalisationEntry
    simulates_batches: ClassVar[bool] = True

    templates: Mapping[str, Template]
    morphologies: Mapping[str, str]
    template: Template
    curve: NormCurve
    relative_model_error: float = 0.0

    @classmethod
    def read(cls, folder: LikelihoodFolder) -> Self:
        """Read a data set's folder.

        Raises
        ------
        UserError
            When `likelihood.toml` or a table is not valid, or a template that is named does not exist.
        """
        entry = validate(TemplateNormalisationEntry, folder.settings, folder.where)
        if not entry.templates:
            raise UserError(f"{folder.where}: has no templates", valid="at least one table [templates.NAME]")
        home = folder.path.parent
        area = read_table(home / entry.effective_area, _AREA) if entry.effective_area else None
        templates = {
            name: _read_template(name, home, given, entry, area, folder.where)
            for name, given in entry.templates.items()
        }
        wanted = [*entry.morphologies.values(), *([entry.template] if entry.template else [])]
        for name in wanted:
            if name not in templates:
                raise unknown_name("template", name, templates, where=folder.where)
        if len(templates) > 1 and not wanted:
            raise UserError(
                f"{folder.where}: has {len(templates)} templates and does not say which to use",
                valid="a key 'template', or a table [morphologies] from morphologies of hypotheses to templates",
            )
        template = templates[entry.template or next(iter(wanted or templates))]
        tables = [name for given in entry.templates.values() for name in (given.fit, given.spectrum)]
        tables += [entry.effective_area] if entry.effective_area else []
        hashes = {name: file_digest(home / name) for name in tables}
        return cls(
            name=folder.name,
            title=entry.title,
            label=entry.label,
            region=entry.region,
            citations=tuple(text.strip() for text in entry.citations),
            provenance=template.table.provenance,
            settings={**entry.model_dump(), "tables_sha256": hashes},
            requests=(template.request,),
            templates=templates,
            morphologies={} if entry.template else entry.morphologies,
            template=template,
            curve=template.curve,
        )

    def with_morphology(self, morphology: str | None, hypothesis: str) -> Self:
        """Return the same data set with the template of a hypothesis's morphology.

        Raises
        ------
        UserError
            When the data set has a template per morphology and none for this one.
        """
        if not self.morphologies:
            return self
        if morphology is None or morphology not in self.morphologies:
            given = f"has the morphology {morphology!r}" if morphology else "does not say its morphology"
            raise UserError(
                f"the hypothesis {hypothesis!r} {given}, and {self.name!r} compares with a template of it",
                valid=", ".join(self.morphologies),
                fix="write morphology = ... in one of its prior sets, or choose a template for all hypotheses: "
                f"[options.{self.name}] template = ... in the run file",
            )
        template = self.templates[self.morphologies[morphology]]
        return replace(
            self,
            template=template,
            curve=template.curve,
            requests=(template.request,),
            provenance=template.table.provenance,
        )

    @property
    def n_data(self) -> int:
        """One: the norm. The morphology is in ln L, not in chi2."""
        return 1

    @property
    def values(self) -> Float64:
        """The best-fit norm [1]; of data drawn in a batch [..., 1]."""
        return np.atleast_1d(self.curve.best)

    @property
    def error_low(self) -> Float64:
        """Its lower error [1]."""
        return np.array([self.curve.error_low])

    @property
    def error_high(self) -> Float64:
        """Its upper error [1]."""
        return np.array([self.curve.error_high])

    @property
    def nuisances(self) -> tuple[Parameter, ...]:
        """None: detector systematics are in the published interval."""
        return ()

    def with_model_error(self, relative_error: float) -> Self:
        """Return the same data set with the sky model's relative error in its error budget."""
        return replace(self, relative_model_error=relative_error)

    def binned_prediction(
        self,
        predictions: tuple[Array, ...],
        nuisances: Mapping[str, Array] | None = None,  # noqa: ARG002
    ) -> Array:
        """Return the predicted norm [..., 1]."""
        (intensity,) = predictions
        xp = array_namespace(intensity)
        return intensity @ xp.asarray(self.template.weights[:, None])

    def log_likelihood_pointwise(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:  # noqa: ARG002
        """Return ln L of the norm relative to no Galactic emission [..., 1]."""
        return 0.5 * self.curve.test_statistic - 0.5 * self._pull(predictions) ** 2

    def log_likelihood(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return ln L [...] relative to no Galactic emission; the same constant for all templates."""
        return self.log_likelihood_pointwise(predictions, nuisances)[..., 0]

    def chi2(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:  # noqa: ARG002
        """Return x^2 [...] of the norm."""
        return self.chi2_profiled(predictions)

    def chi2_profiled(self, predictions: tuple[Array, ...]) -> Array:
        """Return x^2 [...] of the norm: there is no nuisance to profile."""
        return self._pull(predictions)[..., 0] ** 2

    def pulls(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:  # noqa: ARG002
        """Return (measured - predicted norm) / sigma [..., 1]."""
        return -self._pull(predictions)

    def simulate(
        self,
        rng: np.random.Generator,
        predictions: tuple[Float64, ...],
        nuisances: Mapping[str, float],  # noqa: ARG002
    ) -> Self:
        """Return the same fit with a best-fit norm drawn around the predicted one, and the TS that goes with it.

        The shape of the curve about its best fit is kept; the predicted norm lies at a standard normal pull from the
        drawn one. Best fits below 0 become 0, with TS = 0. Predictions [..., n_energies] give norms [..., 1].
        """
        return self.simulated(predictions, rng.standard_normal(self.binned_prediction(predictions).shape))

    def simulated(self, predictions: tuple[Float64, ...], pull: Float64 | float) -> Self:
        """Return the same fit with a best-fit norm at which the predicted norm has a given pull (within +-5)."""
        norm = self.binned_prediction(predictions)
        curve, pull = self.curve, np.clip(pull, -5.0, 5.0)
        reach = 10 * (curve.width + curve.error_high)
        low, high = norm - reach, norm + reach
        for _ in range(_HALVINGS):  # the pull of the predicted norm falls as the drawn best fit rises
            middle = 0.5 * (low + high)
            is_above = curve.pull(np, curve.best + norm - middle) > pull
            low, high = np.where(is_above, middle, low), np.where(is_above, high, middle)
        best = np.maximum(0.5 * (low + high), 0.0)
        at_zero = curve.pull(np, curve.best - best)
        drawn = replace(curve, best=_plain(best), test_statistic=_plain(at_zero**2))
        return replace(self, curve=drawn)

    def _pull(self, predictions: tuple[Array, ...]) -> Array:
        norm = self.binned_prediction(predictions)
        return self.curve.pull(array_namespace(norm), norm, self.relative_model_error)


def _plain(values: Float64) -> float | Float64:
    """Return a float where there is one number."""
    return float(values[0]) if values.shape == (1,) else values


def _read_template(
    name: str,
    home: Path,
    given: TemplateEntry,
    entry: TemplateNormalisationEntry,
    area: MeasurementTable | None,
    where: str,
) -> Template:
    fit, spectrum = read_table(home / given.fit, _FIT), read_table(home / given.spectrum, SPECTRUM)
    if len(fit) != 1:
        raise UserError(f"{fit.path}: has {len(fit)} rows", valid="one row, the fit of one template")
    row = {key: float(column[0]) for key, column in fit.columns.items()}
    try:
        curve = NormCurve.through(row["norm"], row["error_low"], row["error_high"], row["test_statistic"])
    except ValueError as error:
        raise UserError(f"{where}: templates.{name}: {error}", valid="a norm that is measured above 0") from error
    low, high = row["energy_min"], row["energy_max"]
    if not low < high:
        raise UserError(f"{fit.path}: energy_min = {low:g} GeV and energy_max = {high:g} GeV", valid="a range")
    for table in (spectrum, area) if area is not None else (spectrum,):
        energies = table.columns["energy"]
        if len(energies) < 2 or np.any(np.diff(energies) <= 0) or energies[0] > 1.2 * low or energies[-1] < high / 1.2:
            raise UserError(
                f"{table.path}: its energies run from {energies[0]:g} to {energies[-1]:g} GeV",
                valid=f"rising energies over {low:g} to {high:g} GeV, the range of {fit.path.name}",
            )
    energies, weights = _norm_functional(low, high, spectrum, area)
    sky = parse_region(entry.region).solid_angle
    request = Request(entry.messenger, tuple(energies.tolist()), entry.region)
    return Template(name, curve, request, sky * weights, fit)


def _norm_functional(
    low: float, high: float, spectrum: MeasurementTable, area: MeasurementTable | None
) -> tuple[Float64, Float64]:
    """Return energies and weights [n] such that weights @ F(energies) is n of the module's formula.

    F / E^-2.7 is interpolated by a polynomial in ln E, and integrated exactly against whatever the area does.
    """
    half, centre = 0.5 * math.log(high / low), 0.5 * math.log(high * low)
    nodes, _ = np.polynomial.legendre.leggauss(_NODES)
    fine = np.linspace(math.log(low), math.log(high), 4001)
    energy = np.exp(fine)
    acceptance = (
        energy if area is None else power_law_between(energy, area.columns["energy"], area.columns["effective_area"])
    )
    step = np.full(fine.size, fine[1] - fine[0])
    step[[0, -1]] *= 0.5
    measure = acceptance * energy * step
    template = power_law_between(energy, spectrum.columns["energy"], spectrum.columns["flux"])
    basis = interpolation_matrix(centre + half * nodes, fine)
    at: Float64 = np.exp(centre + half * nodes)
    weights: Float64 = (measure * energy**-2.7) @ basis * at**2.7 / np.sum(measure * template)
    return at, weights

"""One hypothesis of a finished run: its evidences, posterior, data and expectations, and predictions elsewhere."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.hypotheses.variants import VARIANT
from crsea_infer.interface.showing import parameter_rows
from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import xarray as xr
    from astropy.table import QTable
    from matplotlib.figure import Figure

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.inference.evidence import Evidence
    from crsea_infer.inference.samplers.sampler import SamplerResult
    from crsea_infer.interface.sky_map import SkyMap
    from crsea_infer.report.results.shown_run import ShownData
    from crsea_infer.support.arrays import Float64

__all__ = ["FinishedHypothesis"]


class FinishedHypothesis:
    """One hypothesis of a finished run.

    Parameters
    ----------
    name
        Its name.
    directory
        Of the run.
    resolved
        What the run.toml says that was done.
    sky_model
        Gives the sky model of the run.
    """

    def __init__(
        self, name: str, directory: Path, resolved: Mapping[str, Any], sky_model: Callable[[], SkyModel]
    ) -> None:
        self.name = name
        self._directory, self._resolved, self._sky_model = directory, resolved, sky_model

    @property
    def title(self) -> str:
        """What it is, in a line; of a run that does not say it, what such a name stands for now."""
        from crsea_infer.hypotheses.hypothesis import available_hypotheses

        said = str(self.posterior.attrs.get("title", ""))
        return said if said not in {"", self.name} else available_hypotheses().get(self.name, (self.name,))[0]

    @property
    def evidences(self) -> dict[str, Evidence]:
        """The evidences that may be quoted, by sampler: natural log with error and method."""
        from crsea_infer.report.tables.run_tables import read_evidences

        return read_evidences(self._directory / "evidence.ecsv").get(self.name, {})

    @property
    def evidence(self) -> Evidence:
        """The evidence to quote.

        Raises
        ------
        UserError
            When no sampler of the run gives one.
        """
        from crsea_infer.inference.evidence import combine

        found = combine(self.evidences)
        if found is None:
            raise UserError(
                f"{self.name} has no evidence: none of its samplers gives one",
                valid="a run with a sampler such as dynesty or importance",
            )
        return found

    @property
    def samplers(self) -> tuple[str, ...]:
        """Names of the samplers of the run that have a result here."""
        folder = self._directory / self.name
        return tuple(name for name in self._resolved["samplers"] if (folder / f"{name}.h5").is_file())

    def result(self, sampler: str) -> SamplerResult:
        """Return what a sampler gave, with weights, ln L and diagnostics.

        Raises
        ------
        UserError
            When the run has no such sampler, or its file is damaged.
        """
        from crsea_infer.inference.samplers.sampler import result_from_arrays
        from crsea_infer.support.checkpoint import read_arrays

        if sampler not in self.samplers:
            raise unknown_name("sampler of the run", sampler, self.samplers)
        path = self._directory / self.name / f"{sampler}.h5"
        return result_from_arrays(read_arrays(path, None), str(path)).in_order(self.names)

    @property
    def posterior(self) -> xr.Dataset:
        """Posterior draws as an xarray Dataset with dimensions chain and draw; each parameter has unit and label."""
        return self._group("posterior")

    @property
    def prior(self) -> xr.Dataset:
        """Draws of the prior, likewise."""
        return self._group("prior")

    def to_datatree(self) -> Any:
        """Return the whole `posterior.nc` as ArviZ opens it: a DataTree with ArviZ 1.x, with 0.x an InferenceData."""
        from crsea_infer.report.layout.arviz_versions import read_datatree

        return read_datatree(self._path)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The n sampled parameters, with priors, labels and units."""
        return tuple(_parameter(str(name), variable.attrs) for name, variable in self.posterior.data_vars.items())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the n sampled parameters."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def labels(self) -> tuple[str, ...]:
        """LaTeX labels of the parameters, without dollar signs."""
        return tuple(parameter.label for parameter in self.parameters)

    @cached_property
    def draws(self) -> Float64:
        """Equally weighted draws [n_draws, n]."""
        return np.stack([np.asarray(self.posterior[name]).ravel() for name in self.names], axis=-1)

    @cached_property
    def fixed(self) -> dict[str, float]:
        """Parameters that have one value."""
        constant = self._group("constant_data")
        return {str(name): float(one) for name, one in constant.data_vars.items() if "published" in one.attrs}

    @property
    def data(self) -> tuple[str, ...]:
        """Names of the data sets."""
        return tuple(str(name) for name in self._group("observed_data").data_vars)

    def spectrum(self, data_set: str) -> QTable:
        """Return the points of a data set with what is expected there: data, errors, energies, median and bands.

        Raises
        ------
        UserError
            When there is no such data set.
        """
        from astropy import units as u
        from astropy.table import QTable

        from crsea_infer.interface.bands import bands

        if data_set not in self.data:
            raise unknown_name("data set", data_set, self.data)
        observed, constant = self._group("observed_data")[data_set], self._group("constant_data")
        unit = observed.attrs.get("units", "")
        table = QTable(meta={key: observed.attrs[key] for key in ("title", "label", "region") if key in observed.attrs})
        prefix = f"{data_set}_"
        for name, variable in constant.data_vars.items():
            key = str(name).removeprefix(prefix)
            if variable.dims == (f"{data_set}_point",) and key != name:
                table[key] = u.Quantity(np.asarray(variable), variable.attrs.get("units", ""))
        table["data"] = u.Quantity(np.asarray(observed), unit)
        expected = np.asarray(self._group("posterior_predictive")[f"{data_set}_expected"])
        for name, values in bands(expected.reshape(-1, expected.shape[-1])).items():
            table[name] = u.Quantity(values, unit)
        return table

    def data_sets(self) -> list[ShownData]:
        """Return the data sets as figures show them."""
        from crsea_infer.report.results.shown_run import ShownData

        return [
            ShownData(
                name,
                str(variable.attrs.get("title", "")),
                str(variable.attrs.get("label", "")),
                str(variable.attrs.get("region", "")),
                self._resolved["likelihoods"].get(name, {}),
                {"values": np.asarray(variable), **self._of_points(name)},
                str(variable.attrs.get("units", "")),
            )
            for name, variable in ((str(key), one) for key, one in self._group("observed_data").data_vars.items())
        ]

    def _of_points(self, data_set: str) -> dict[str, Float64]:
        """Return what is known of each point of a data set, each [n_data]."""
        prefix, points = f"{data_set}_", (f"{data_set}_point",)
        constant = self._group("constant_data").data_vars.items()
        return {str(key).removeprefix(prefix): np.asarray(one) for key, one in constant if one.dims == points}

    def expected(self, data_set: str) -> Float64 | None:
        """Return what draws of the posterior expect at the points of a data set [n_draws, n_data], None without it."""
        expected = self._group("posterior_predictive").get(f"{data_set}_expected")
        return None if expected is None else np.asarray(expected).reshape(-1, expected.shape[-1])

    def predict(self, **request: Any) -> QTable:
        """Return the posterior of an intensity, with 68 and 95 % bands, for any region, messenger and energies.

        Parameters are `region`, `energies`, `messenger`, `radius`, `profile` and `all_flavours`, as in
        :func:`crsea_infer.predict`.

        Raises
        ------
        UserError
            When the sky model of the run is no longer there, or a region or energy is not one that it knows.
        """
        from crsea_infer.interface.bands import predicted_bands

        table = predicted_bands(self.model, self._values(), **request)
        table.meta = {**self._meta(), **table.meta, "n_draws": len(self.draws)}
        return table

    def sky_map(self, **request: Any) -> SkyMap:
        """Return the posterior of the sky; parameters as in :meth:`crsea_infer.FinishedRun.sky_map`."""
        from crsea_infer.interface.sky_map import map_of

        meta = {"HYPOTHES": self.name, "RUN": self._directory.name}
        regions = list(dict.fromkeys(data.region for data in self.data_sets() if data.region))
        return map_of(self.model, self._values(), meta, title=self.title, regions=regions, **request)

    def _meta(self) -> dict[str, Any]:
        return {"hypothesis": self.name, "run": self._directory.name}

    def _values(self) -> dict[str, Float64]:
        """Return every parameter of the hypothesis at the draws of the posterior, each [n_draws]."""
        resolved = self._resolved["hypotheses"][self.name]["parameters"]
        drawn = dict(zip(self.names, self.draws.T, strict=True))
        n = len(self.draws)
        values = {name: drawn[name] if name in drawn else np.full(n, self.fixed[name]) for name in resolved}
        if VARIANT in drawn:
            values[VARIANT] = drawn[VARIANT]
        return values

    @cached_property
    def model(self) -> SkyModel:
        """The sky model, with the physics that the hypothesis demands: of all variants together if the run has any.

        Raises
        ------
        UserError
            When the emulator is no longer there, or is another one than the run had.
        """
        from crsea_infer.emulator.sky_of_physics import sky_for
        from crsea_infer.hypotheses.demanded_physics import DemandedPhysics
        from crsea_infer.hypotheses.hypothesis import Hypothesis
        from crsea_infer.hypotheses.variants import variants_from
        from crsea_infer.hypotheses.varied_hypothesis import with_variants

        resolved = self._resolved
        demanded = DemandedPhysics.of(resolved["hypotheses"][self.name].get("physics", {}))
        bare = Hypothesis(self.name, self.name, (), (), physics=demanded)
        return sky_for(self._sky_model(), with_variants(bare, variants_from(resolved.get("variants", {}))))

    def corner(self, parameters: Sequence[str] | None = None) -> Figure:
        """Draw the posterior of some parameters; by default of at most eight, those on which the data say most.

        Raises
        ------
        UserError
            When a parameter is not one of the posterior.
        """
        from crsea_infer.report.figures.posterior_figures import corner_of

        return corner_of(self.title, self.parameters, self.draws, parameters)

    def plot_spectrum(self, data_set: str) -> Figure:
        """Draw the points of a data set with the bands of what is expected there."""
        from crsea_infer.report.figures.posterior_figures import spectrum_of

        return spectrum_of(self.title, self.spectrum(data_set))

    @property
    def _path(self) -> Path:
        return self._directory / self.name / "posterior.nc"

    def _group(self, name: str) -> xr.Dataset:
        if name not in self._groups:
            import xarray

            try:
                self._groups[name] = xarray.load_dataset(self._path, group=name, engine="h5netcdf")
            except (OSError, KeyError, ValueError) as error:
                raise UserError(
                    f"{self._path} cannot be read: {error}",
                    valid="the posterior.nc of a run of this version",
                    fix="give the command of the run again: it makes what is damaged or missing",
                ) from error
        return self._groups[name]

    @cached_property
    def _groups(self) -> dict[str, xr.Dataset]:
        return {}

    def __repr__(self) -> str:
        found = self.evidences
        said = "no evidence" if not found else f"ln Z = {self.evidence.lnz:.3f} +- {self.evidence.lnz_err:.3f}"
        return f"<Hypothesis {self.name}: {said}, {len(self.names)} parameters, {len(self.draws)} draws>"

    def _repr_html_(self) -> str:
        return parameter_rows(repr(self)[1:-1], self.names, [one.unit for one in self.parameters], self.draws)


def _parameter(name: str, attributes: dict[str, Any]) -> Parameter:
    from crsea_infer.hypotheses.distributions import Distribution
    from crsea_infer.hypotheses.prior_sets import Parameter

    distribution = json.loads(attributes["distribution"])
    return Parameter(
        name=name,
        distribution=Distribution(**distribution | {"weights": tuple(distribution.get("weights", ()))}),
        fiducial=float(attributes["published"]),
        label=str(attributes["label"]),
        unit=str(attributes["units"]),
        description=str(attributes["description"]),
    )

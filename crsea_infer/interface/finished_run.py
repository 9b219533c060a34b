"""A finished run, read from its directory: nothing is sampled, and nothing but the directory is needed.

Evidences and Bayes factors come from the tables; posteriors, data and expectations from each hypothesis' own
`posterior.nc`. Predictions elsewhere (other regions, messengers, energies) ask the sky model of the run at the draws of
the posterior.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.hypotheses.variants import VARIANT
from crsea_infer.interface.showing import html_table, parameter_rows
from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import xarray as xr
    from astropy.table import QTable, Table
    from matplotlib.figure import Figure

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.inference.evidence import Evidence
    from crsea_infer.support.arrays import Float64

__all__ = ["FinishedHypothesis", "FinishedRun", "open_run"]


def open_run(directory: str | Path) -> FinishedRun:
    """Read the directory of a finished run.

    Parameters
    ----------
    directory
        What ``crsea-infer run`` or :meth:`crsea_infer.Run.execute` wrote.

    Raises
    ------
    UserError
        When it holds no finished run.

    Examples
    --------
    >>> import crsea_infer as cr
    >>> cr.open_run("nowhere")
    Traceback (most recent call last):
    ...
    crsea_infer.support.errors.UserError: nowhere holds no run: it is not a directory
      valid: the output directory of a run
      fix:   give the directory that 'crsea-infer run' wrote
    """
    return FinishedRun(directory)


class FinishedRun:
    """What a run found: a mapping from the names of hypotheses to :class:`FinishedHypothesis`.

    Parameters
    ----------
    directory
        As for :func:`open_run`.
    """

    def __init__(self, directory: str | Path) -> None:
        from crsea_infer.workflow.run_directory import RunDirectory

        self._path = Path(directory).expanduser()
        self._record = RunDirectory(self._path).read()
        missing = [name for name in ("evidence.ecsv", "bayes_factors.ecsv") if not (self._path / name).is_file()]
        missing += [f"{name}/posterior.nc" for name in self.names if not self._file(name).is_file()]
        if missing:
            raise UserError(
                f"{self._path} holds a run that is not finished: {', '.join(missing)} missing",
                valid="the directory of a finished run",
                fix="give the command of the run again: it goes on where it stopped",
            )

    @property
    def path(self) -> Path:
        """The directory."""
        return self._path

    @property
    def name(self) -> str:
        """Name of the run."""
        return str(self._record.get("name", self._path.name))

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return str(self._record.get("title", ""))

    @property
    def record(self) -> dict[str, Any]:
        """All that run.toml says: what was run, versions, hashes, physics."""
        return self._record

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the hypotheses."""
        return tuple(self._record["resolved"]["hypotheses"])

    @property
    def page(self) -> Path:
        """The page, `index.html`."""
        return self._path / "index.html"

    @property
    def figures(self) -> dict[str, Path]:
        """Figures as PNG files, by name."""
        return {path.stem: path for path in sorted((self._path / "figures").glob("*.png"))}

    @cached_property
    def evidences(self) -> Table:
        """The table of evidences, one row per hypothesis, sampler and data."""
        return self.table("evidence")

    @cached_property
    def bayes_factors(self) -> Table:
        """The table of Bayes factors, one row per pair of hypotheses."""
        return self.table("bayes_factors")

    def table(self, name: str) -> Table:
        """Return a table of the run by its name: "chi2", "pulls", "goodness_of_fit", ...

        Raises
        ------
        UserError
            When the run has no such table.
        """
        from astropy.table import Table

        known = {path.stem: path for path in sorted(self._path.glob("*.ecsv"))}
        if name not in known:
            raise unknown_name("table of the run", name, known)
        return Table.read(known[name], format="ascii.ecsv")

    @cached_property
    def model(self) -> SkyModel:
        """The sky model of the run.

        Raises
        ------
        UserError
            When the emulator is no longer there, or is another one than the run had.
        """
        from crsea_infer.interface.named_posterior import sky_model_of

        model = sky_model_of(self._record.get("emulator"))
        there = self._record["identity"].get("model")
        if there is not None and model.fingerprint != there:
            raise UserError(
                f"{self._path} was made with another sky model: there {there}, here {model.fingerprint}",
                valid="the emulator and the version of the package that the run had",
                fix="run it again, or install the version that its run.toml names",
            )
        return model

    def __getitem__(self, name: str) -> FinishedHypothesis:
        if name not in self.names:
            raise unknown_name("hypothesis of the run", name, self.names)
        return self._hypotheses[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def _hypotheses(self) -> dict[str, FinishedHypothesis]:
        return {name: FinishedHypothesis(self, name) for name in self.names}

    def _file(self, name: str) -> Path:
        return self._path / name / "posterior.nc"

    def __repr__(self) -> str:
        factors = [f"ln B ({row[0]} : {row[1]}) = {row[2]:.2f} +- {row[3]:.2f}" for row in self._factors()[:3]]
        return f"<Finished run {self.name}: {'; '.join(factors) or ', '.join(self.names)}>"

    def _factors(self) -> list[tuple[str, str, float, float, str]]:
        columns = ("hypothesis_1", "hypothesis_2", "ln_b", "ln_b_err", "verdict")
        return [tuple(row[name] for name in columns) for row in self.bayes_factors]

    def _repr_html_(self) -> str:
        rows = [
            (f"{one} : {other}", f"{ln_b:.3f}", f"{error:.3f}", verdict)
            for one, other, ln_b, error, verdict in self._factors()
        ]
        return html_table(f"{self.name}: {self.title}", ("hypotheses", "ln B", "error", "verdict"), rows)


class FinishedHypothesis:
    """One hypothesis of a finished run."""

    def __init__(self, run: FinishedRun, name: str) -> None:
        self._run, self.name = run, name

    @property
    def evidences(self) -> dict[str, Evidence]:
        """The evidences that may be quoted, by sampler: natural log with error and method."""
        from crsea_infer.report.run_tables import read_evidences

        return read_evidences(self._run.path / "evidence.ecsv").get(self.name, {})

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
    def posterior(self) -> xr.Dataset:
        """Posterior draws as an xarray Dataset with dimensions chain and draw; each parameter has unit and label."""
        return self._group("posterior")

    @property
    def prior(self) -> xr.Dataset:
        """Draws of the prior, likewise."""
        return self._group("prior")

    def to_datatree(self) -> Any:
        """Return the whole `posterior.nc` as ArviZ opens it: a DataTree with ArviZ 1.x, with 0.x an InferenceData."""
        from crsea_infer.report.arviz_versions import read_datatree

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

    def predict(self, **request: Any) -> QTable:
        """Return the posterior of an intensity, with 68 and 95 % bands, for any region, messenger and energies.

        Parameters are `region`, `energies`, `messenger` and `radius`, as in :func:`crsea_infer.predict`.

        Raises
        ------
        UserError
            When the sky model of the run is no longer there, or a region or energy is not one that it knows.
        """
        from crsea_infer.interface.bands import predicted_bands

        resolved = self._run.record["resolved"]["hypotheses"][self.name]["parameters"]
        drawn = dict(zip(self.names, self.draws.T, strict=True))
        n = len(self.draws)
        values = {name: drawn[name] if name in drawn else np.full(n, self.fixed[name]) for name in resolved}
        if VARIANT in drawn:
            values[VARIANT] = drawn[VARIANT]
        return predicted_bands(self.model, values, **request)

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
        from crsea_infer.hypotheses.variants import variants_from, with_variants

        resolved = self._run.record["resolved"]
        demanded = DemandedPhysics.of(resolved["hypotheses"][self.name].get("physics", {}))
        bare = Hypothesis(self.name, self.name, (), (), physics=demanded)
        return sky_for(self._run.model, with_variants(bare, variants_from(resolved.get("variants", {}))))

    def corner(self, parameters: Sequence[str] | None = None) -> Figure:
        """Draw the posterior of some parameters; by default of at most eight, those on which the data say most.

        Raises
        ------
        UserError
            When a parameter is not one of the posterior.
        """
        from crsea_infer.report.posterior_figures import corner_of

        return corner_of(self.name, self.parameters, self.draws, parameters)

    def plot_spectrum(self, data_set: str) -> Figure:
        """Draw the points of a data set with the bands of what is expected there."""
        from crsea_infer.report.posterior_figures import spectrum_of

        return spectrum_of(self.name, self.spectrum(data_set))

    @property
    def _path(self) -> Path:
        return self._run.path / self.name / "posterior.nc"

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

    return Parameter(
        name=name,
        distribution=Distribution(**json.loads(attributes["distribution"])),
        fiducial=float(attributes["published"]),
        label=str(attributes["label"]),
        unit=str(attributes["units"]),
        description=str(attributes["description"]),
    )

"""A finished run, read from its directory: nothing is sampled, and nothing but the directory is needed.

Evidences and Bayes factors come from the tables; posteriors, data and expectations from each hypothesis' own
`posterior.nc`. Predictions elsewhere (other regions, messengers, energies) ask the sky model of the run at the draws of
the posterior.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crsea_infer.interface.finished_hypothesis import FinishedHypothesis
from crsea_infer.interface.showing import factors_as_html, factors_in_short
from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from astropy.table import Table
    from astropy.units import Quantity
    from matplotlib.figure import Figure

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.interface.shown_finished import FinishedShown
    from crsea_infer.interface.sky_map import SkyMap

__all__ = ["FinishedRun", "open_run"]


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

    def figure(self, name: str) -> Figure:
        """Draw a figure of the run; nothing is sampled, and nothing but the directory is needed.

        Parameters
        ----------
        name
            That of a file in the folder of figures: "spectra", "local_spectra", "corner_overlay", "pulls",
            "components_HYPOTHESIS", "corner_HYPOTHESIS", "profile_DATASET", "prior_sensitivity", ...; "tornado" where
            an atlas of robustness lies beside the run.

        Returns
        -------
        Figure
            As wide as a column or a page of a journal. It belongs to no window; a notebook shows it as the value of a
            cell, and ``figure.savefig("spectra.pdf")`` writes it.

        Raises
        ------
        UserError
            When the run has no such figure.

        Examples
        --------
        With ``run = crsea_infer.open_run("results/min_vs_max")``:

        >>> [panel.get_title() for panel in run.figure("local_spectra").axes]
        ['protons at the Sun', 'helium at the Sun']
        >>> run.figure("spectrum")
        Traceback (most recent call last):
        ...
        crsea_infer.support.errors.UserError: unknown figure of the run 'spectrum'
          valid: components_gamma-optimized-max, ..., spectra, ...
          fix:   did you mean 'spectra'?
        """
        from crsea_infer.report.figures.run_figures import draw, figures_of

        known = figures_of(self._shown, self._path)
        if name not in known:
            raise unknown_name("figure of the run", name, known)
        return draw(known[name])

    @cached_property
    def _shown(self) -> FinishedShown:
        from crsea_infer.interface.shown_finished import FinishedShown

        data_sets = list(self._record["resolved"]["likelihoods"])
        return FinishedShown(self._path, [self[name] for name in self], data_sets)

    @cached_property
    def evidences(self) -> Table:
        """The table of evidences, one row per hypothesis, sampler and data."""
        return self.table("evidence")

    @cached_property
    def bayes_factors(self) -> Table:
        """The table of Bayes factors, one row per pair of hypotheses."""
        return self.table("bayes_factors")

    @cached_property
    def goodness_of_fit(self) -> Table:
        """Whether the hypotheses describe the data: predictive p-values, one row per hypothesis and data set.

        Raises
        ------
        UserError
            When the run is of a version that did not ask.
        """
        return self.table("goodness_of_fit")

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

    def export(
        self, to: str, folder: str | Path, *, hypothesis: str | None = None, sampler: str | None = None
    ) -> list[Path]:
        """Write samples with their weights for another package, a set of files for each hypothesis and sampler.

        Parameters
        ----------
        to
            "getdist", "anesthetic", "bilby" or "csv".
        folder
            Where to; made when it is not there.
        hypothesis, sampler
            Only this one; all by default.

        Returns
        -------
        list of Path
            The files, which are named HYPOTHESIS_SAMPLER and what the package wants behind it.

        Raises
        ------
        UserError
            When the run has no such hypothesis or sampler, or there is no such format.
        """
        from crsea_infer.report.exports import FORMATS, export_samples

        if to not in FORMATS:
            raise unknown_name("format", to, FORMATS)
        chosen = [self[name] for name in ([hypothesis] if hypothesis else self.names)]
        known = {name for one in chosen for name in one.samplers}
        if sampler is not None and sampler not in known:
            raise unknown_name("sampler of the run", sampler, sorted(known))
        return [
            path
            for one in chosen
            for name in one.samplers
            if sampler in (None, name)
            for path in export_samples(
                one.result(name), one.parameters, to, Path(folder).expanduser(), f"{one.name}_{name}"
            )
        ]

    @cached_property
    def model(self) -> SkyModel:
        """The sky model of the run.

        Raises
        ------
        UserError
            When the emulator is no longer there, or is another one than the run had.
        """
        from crsea_infer.emulator.source import SkyModelSource
        from crsea_infer.interface.named_posterior import sky_model_of

        recorded = self._record.get("emulator")
        if isinstance(recorded, dict):
            path = None if "path" not in recorded else Path(recorded["path"])
            recorded = SkyModelSource(recorded["kind"], path, recorded.get("options", {})).read()
        model = sky_model_of(recorded)
        there = self._record["identity"].get("model")
        if there is not None and model.fingerprint != there:
            raise UserError(
                f"{self._path} was made with another sky model: there {there}, here {model.fingerprint}",
                valid="the emulator and the version of the package that the run had",
                fix="run it again, or install the version that its run.toml names",
            )
        return model

    def one(self, hypothesis: str | None = None) -> FinishedHypothesis:
        """Return a hypothesis of the run; without a name the only one.

        Raises
        ------
        UserError
            When there is no such hypothesis, or there are several and none is named.
        """
        if hypothesis is None and len(self) > 1:
            raise UserError(
                f"no hypothesis of the run {self.name} is named", valid=", ".join(self.names), fix="name one of them"
            )
        return self[self.names[0] if hypothesis is None else hypothesis]

    def sky_map(
        self,
        hypothesis: str | None = None,
        *,
        energies: Quantity,
        messenger: str = "gamma",
        nside: int = 64,
        frame: str = "galactic",
        ordering: str = "RING",
    ) -> SkyMap:
        """Return posterior mean and standard deviation of the sky in HEALPix pixels, component by component.

        Parameters
        ----------
        hypothesis
            Of the run; may be left out where there is one alone.
        energies
            Shape [energy].
        messenger
            "gamma" or "neutrino" (per flavour).
        nside
            Resolution, a power of 2 up to 512. A first map computes the geometry of the sky, which is then kept in the
            user's cache directory.
        frame
            "galactic", or "icrs" for equatorial coordinates.
        ordering
            "RING" or "NESTED".

        Raises
        ------
        UserError
            When something named does not exist, or the sky model of the run knows regions alone.
        """
        return self.one(hypothesis).sky_map(
            energies=energies, messenger=messenger, nside=nside, frame=frame, ordering=ordering
        )

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
        return {
            name: FinishedHypothesis(name, self._path, self._record["resolved"], lambda: self.model)
            for name in self.names
        }

    def _file(self, name: str) -> Path:
        return self._path / name / "posterior.nc"

    def __repr__(self) -> str:
        said = factors_in_short(self._path, self.bayes_factors)
        return f"<Finished run {self.name}: {said or ', '.join(self.names)}>"

    def _repr_html_(self) -> str:
        return factors_as_html(f"{self.name}: {self.title}", self._path, self.bayes_factors)

"""A run file as an object: what it would do, and doing it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crsea_infer.interface.showing import html_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.interface.finished_atlas import FinishedAtlas
    from crsea_infer.interface.finished_run import FinishedRun
    from crsea_infer.interface.named_posterior import Posterior
    from crsea_infer.plan.run_file import RunFile

__all__ = ["Run"]


class Run:
    """A run file: hypotheses x data sets x samplers.

    Parameters
    ----------
    run
        Name of a run (see ``crsea_infer.available("runs")``) or path of a run file.
    seed
        In place of the file's.

    Raises
    ------
    UserError
        When there is no such run, or anything in it is not valid.

    Examples
    --------
    >>> import crsea_infer as cr
    >>> run = cr.Run("min_vs_max")
    >>> run
    <Run min_vs_max: gamma-optimized-min, gamma-optimized-max on lhaaso_km2a_inner, lhaaso_km2a_outer>
    >>> run.check()
    >>> run.posterior("gamma-optimized-max").n_data
    15
    """

    def __init__(self, run: str | Path, *, seed: int | None = None) -> None:
        from dataclasses import replace

        from crsea_infer.plan.run_file import load_run

        plan = load_run(run)
        self._plan = plan if seed is None else replace(plan, seed=seed)

    @property
    def plan(self) -> RunFile:
        """The run file, read and resolved."""
        return self._plan

    @property
    def name(self) -> str:
        """Its name."""
        return self._plan.name

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return self._plan.title

    @property
    def hypotheses(self) -> tuple[str, ...]:
        """Names of its hypotheses."""
        return tuple(hypothesis.name for hypothesis in self._plan.hypotheses)

    @property
    def data(self) -> tuple[str, ...]:
        """Names of its data sets."""
        return tuple(likelihood.name for likelihood in self._plan.likelihoods)

    def check(self) -> None:
        """Do everything that comes before the first sample.

        Raises
        ------
        UserError
            On anything that would stop the run.
        """
        from crsea_infer import emulator
        from crsea_infer.plan.run_check import check_run

        check_run(self._plan, emulator.load(self._plan.emulator))

    def posterior(self, hypothesis: str) -> Posterior:
        """Return the posterior of one of its hypotheses on all data that it sees.

        Raises
        ------
        UserError
            When the run has no such hypothesis.
        """
        from crsea_infer import emulator
        from crsea_infer.emulator.sky_of_physics import sky_for
        from crsea_infer.hypotheses.varied_hypothesis import with_variants
        from crsea_infer.inference.posterior import posterior_for
        from crsea_infer.interface.named_posterior import Posterior
        from crsea_infer.plan.subsets import ALL
        from crsea_infer.support.errors import unknown_name

        found = {one.name: one for one in self._plan.hypotheses}
        if hypothesis not in found:
            raise unknown_name("hypothesis of the run", hypothesis, found)
        whole = with_variants(found[hypothesis], self._plan.variants)
        model = emulator.load(self._plan.emulator)
        posterior = posterior_for(whole, self._plan.samplings(hypothesis)[ALL], model)
        return Posterior.of(posterior, sky_for(model, whole))

    def execute(
        self,
        output: str | Path | None = None,
        *,
        fresh: bool = False,
        workers: int | None = None,
        scheduler: str | None = None,
        accept_unconverged: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> FinishedRun:
        """Carry the run out, or what is left of it, and return what it found.

        Parameters
        ----------
        output
            The directory for the results; default: ``results/NAME``. One that holds this run is resumed.
        fresh
            Replace what another run left there.
        workers
            Processes that sample side by side, and draw beside this one; default: one per core; 0: all in this process.
        scheduler
            Address of a dask scheduler whose workers sample instead.
        accept_unconverged
            Take the results even if a sampler did not converge.
        tell
            Called with lines on the progress, such as ``print``.

        Raises
        ------
        UserError
            When the directory cannot be used, or anything stops the run; at the very end, with everything written, when
            a sampler did not converge and this is not accepted: :func:`crsea_infer.open_run` reads it all the same.
        """
        from crsea_infer.interface.finished_run import open_run
        from crsea_infer.workflow.listening import Told
        from crsea_infer.workflow.runs import execute

        done = execute(
            self._plan,
            Path(output).expanduser() if output is not None else Path("results") / self.name,
            fresh=fresh,
            workers=workers,
            scheduler=scheduler,
            accept_unconverged=accept_unconverged,
            listener=Told(tell or (lambda _: None)),
        )
        return open_run(done)

    def robustness(
        self,
        output: str | Path | None = None,
        *,
        choices: str | Path = "standard",
        fresh: bool = False,
        workers: int | None = None,
        scheduler: str | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> FinishedAtlas:
        """Find what equally good choices make of the Bayes factors, or what is left of it.

        Parameters
        ----------
        output
            The directory for the results; default: ``results/NAME/robustness``. One that holds this atlas is resumed.
        choices
            A list of choices by name or path; see ``crsea_infer.available("choices")``.
        fresh
            Find all evidences again.
        workers
            Processes that work side by side; default: one per core; 0: this process.
        scheduler
            Address of a dask scheduler whose workers do it instead.
        tell
            Called with lines on the progress, such as ``print``.

        Raises
        ------
        UserError
            When the directory cannot be used, the list is not valid, or no option of it applies to the run.
        """
        from crsea_infer.interface.finished_atlas import FinishedAtlas
        from crsea_infer.plan.choices import load_choices
        from crsea_infer.support.output_names import ATLAS
        from crsea_infer.workflow.listening import Told
        from crsea_infer.workflow.robustness import place_of_atlas, robustness

        place = place_of_atlas(Path("results") / self.name / ATLAS if output is None else Path(output).expanduser())
        robustness(
            self._plan,
            load_choices(choices),
            place,
            fresh=fresh,
            workers=workers,
            scheduler=scheduler,
            listener=Told(tell or (lambda _: None)),
        )
        return FinishedAtlas(place)

    def __repr__(self) -> str:
        return f"<Run {self.name}: {', '.join(self.hypotheses)} on {', '.join(self.data)}>"

    def _repr_html_(self) -> str:
        rows = [
            ("hypotheses", ", ".join(self.hypotheses)),
            ("data", ", ".join(self.data)),
            ("samplers", ", ".join(self._plan.samplers)),
            ("seed", str(self._plan.seed)),
        ]
        return html_table(f"{self.name}: {self.title}", ("", ""), rows)

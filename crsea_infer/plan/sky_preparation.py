"""The sky models of a run, made ready side by side: every region that has to be trained, on workers.

A variant is a grid of its own, of which only the regions that the run looks at are solved: seconds each. What is in the
cache is not made again; of what is not, nuclei and electrons of each physics are pieces of work for the engine. They
come back as arrays, so that it does not matter where the workers are, or whether there is a cache directory at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.emulator.response.bound import LEPTON_SCALES
from crsea_infer.emulator.response.chosen_settings import choices_of
from crsea_infer.emulator.response.gas_mix import GROUP_PARAMETERS
from crsea_infer.emulator.response.group_store import shipped_groups
from crsea_infer.emulator.response.region_training import RegionFit, train_regions
from crsea_infer.emulator.response.response_sky import EmulatedSky
from crsea_infer.emulator.sky_of_physics import sky_of
from crsea_infer.hypotheses.varied_hypothesis import of_variant
from crsea_infer.inference.likelihoods.likelihood import FollowsMorphology
from crsea_infer.physics.regions import region_key
from crsea_infer.support.files import digest
from crsea_infer.support.jobs import run_jobs
from crsea_infer.support.local import available_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from crsea_infer.emulator.response.region_training import Particles
    from crsea_infer.emulator.sky_model import Request, SkyModel
    from crsea_infer.grids.response_grid import GridSettings
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.plan.run_file import RunFile

__all__ = ["RegionJob", "missing_regions", "prepare_skies", "requests_of", "train"]

_MOST_WORKERS: Final = 8


@dataclass(frozen=True, eq=False)
class RegionJob:
    """Regions of one physics that are to be trained.

    Attributes
    ----------
    settings
        The physics.
    particles
        Whose emission.
    regions
        Names or boxes.
    """

    settings: GridSettings
    particles: Particles
    regions: tuple[str, ...]

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"{len(self.regions)} regions of {self.particles}, {choices_of(self.settings).words() or 'as shipped'}"


def train(job: RegionJob, _tell: Callable[[float, str], None]) -> dict[str, tuple[Any, Any]]:
    """Do a job; return the coefficients and the basis of each region."""
    found = train_regions(job.settings, job.particles, job.regions)
    return {name: (fit.coefficients, fit.basis) for name, fit in found.items()}


def missing_regions(run: RunFile, model: SkyModel) -> list[RegionJob]:
    """Return what the sky models of a run lack, electrons first, which take longest.

    Raises
    ------
    UserError
        When the sky model cannot have the physics that is demanded, or a region cannot be read.
    """
    wanted: dict[tuple[str, Particles], tuple[EmulatedSky, dict[str, None]]] = {}
    for hypothesis in run.hypotheses:
        regions = _regions(hypothesis, run.likelihoods_of(hypothesis.name))
        names = {parameter.name for parameter in hypothesis.parameters}
        physics = [of_variant(hypothesis, one).physics for one in run.variants] or [hypothesis.physics]
        for sky in (sky_of(model, one) for one in physics):
            if not isinstance(sky, EmulatedSky):
                continue
            key = digest(sky.settings.as_json())
            for particles, known in _particles(sky, names).items():
                _, there = wanted.setdefault((key, particles), (sky, {}))
                there.update(dict.fromkeys(name for name in regions if name not in known))
    jobs = [
        RegionJob(sky.settings, particles, tuple(sky.regions.lacked(sky.settings, particles, tuple(names))))
        for (_, particles), (sky, names) in wanted.items()
    ]
    return sorted((job for job in jobs if job.regions), key=lambda job: job.particles)


def _particles(sky: EmulatedSky, names: Collection[str]) -> dict[Particles, tuple[str, ...]]:
    """Return what parameters of these names ask of a sky model, and the regions that it has of each."""
    own = sky.settings.regions
    found: dict[Particles, tuple[str, ...]] = {"nuclei": own}
    if any(name in GROUP_PARAMETERS for name in names):
        shipped = shipped_groups(sky.settings)
        found["gas groups"] = () if shipped is None else shipped.settings.regions
    if sky.settings.electrons is not None and any(scale in names for scale in LEPTON_SCALES.values()):
        found["electrons"] = own
    return found


def requests_of(hypothesis: Hypothesis, likelihoods: Sequence[Likelihood]) -> list[Request]:
    """Return what data sets ask of the sky model for a hypothesis."""
    followed = [
        one.with_morphology(hypothesis.morphology, hypothesis.name) if isinstance(one, FollowsMorphology) else one
        for one in likelihoods
    ]
    return [request for one in followed for request in one.requests]


def _regions(hypothesis: Hypothesis, likelihoods: Sequence[Likelihood]) -> list[str]:
    """Return the keys of the sky regions that a hypothesis is asked for, each once."""
    requests = requests_of(hypothesis, likelihoods)
    return list(dict.fromkeys(region_key(one.region) for one in requests if one.region is not None))


def prepare_skies(
    run: RunFile,
    model: SkyModel,
    workers: int | None = None,
    scheduler: str | None = None,
    report: Callable[[Sequence[str]], Any] | None = None,
) -> None:
    """Train what the sky models of a run lack, side by side, and keep it where the sky model keeps its regions.

    A single piece of work is left to whoever needs it first, in this process.

    Parameters
    ----------
    run
        That was read.
    model
        Its sky model.
    workers
        Processes; default: one per core. 0: leave everything to whoever needs it.
    scheduler
        Address of a dask scheduler whose workers do it instead.
    report
        From the names of the pieces of work to a context whose value takes their progress; as
        :meth:`crsea_infer.workflow.listening.Listener.sampling`.

    Raises
    ------
    UserError
        As :func:`missing_regions`, and when nothing is left of a region behind its mask.
    """
    if not isinstance(model, EmulatedSky) or workers == 0:
        return
    jobs = missing_regions(run, model)
    if len(jobs) < 2:
        return

    def take(index: int, found: dict[str, tuple[Any, Any]]) -> None:
        fits = {name: RegionFit(*arrays) for name, arrays in found.items()}
        model.regions.add(jobs[index].settings, jobs[index].particles, fits)

    def work(update: Callable[[int, float, str], None]) -> None:
        n = min(len(jobs), available_cores(), _MOST_WORKERS) if workers is None else workers
        run_jobs(train, jobs, names, update, workers=n, scheduler=scheduler, take=take)

    names = [job.name for job in jobs]
    if report is None:
        work(lambda _index, _fraction, _words: None)
        return
    with report(names) as meter:
        work(meter.update)

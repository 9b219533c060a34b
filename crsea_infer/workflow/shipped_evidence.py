"""What an atlas of robustness takes from the finished run beside which it lies: the evidence of what ships.

Importance sampling of the run has found it already, with the random numbers that the atlas would give it, so that it is
read and not sampled again; what its samples leave for the choices is fitted to them as it would be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crsea_infer.inference.samplers.importance import Importance
from crsea_infer.inference.samplers.sampler import CONVERGED
from crsea_infer.inference.samplers.warm_start import found_by
from crsea_infer.plan.atlas_tasks import bridge_of, found_to_arrays
from crsea_infer.plan.subsets import ALL, TRAINING
from crsea_infer.plan.tasks import Task
from crsea_infer.workflow.run_directory import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.inference.samplers.warm_start import WarmStart
    from crsea_infer.plan.run_file import RunFile

__all__ = ["of_finished_run"]


def of_finished_run(
    run: RunFile,
    output: Path,
    identity: dict[str, str],
    posteriors: Mapping[str, Mapping[str, Posterior]],
    how: WarmStart,
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return (hypothesis, data) -> evidence of what ships, in the form that a file can hold.

    What the run has not sampled by importance sampling, or by other options of it, or what did not converge, is absent.

    Parameters
    ----------
    run
        With the hypotheses that are asked for.
    output
        The directory of the run.
    identity
        Of the run.
    posteriors
        By hypothesis and data.

    Raises
    ------
    UserError
        When a result there is damaged or is another run's.
    """
    if run.samplers.get(Importance.name) != how.importance:
        return {}
    found = {}
    for hypothesis in run.hypotheses:
        if bridge_of(run, hypothesis.name) is not None:  # the atlas asks for another number
            continue
        for data, posterior in posteriors[hypothesis.name].items():
            if data not in {ALL, TRAINING} or not posterior.names:
                continue
            folder = RunDirectory(output).folder(hypothesis.name)
            result = Task(run, hypothesis.name, Importance.name, folder, identity, posterior.names, data).result()
            if result is None or result.evidence is None or not result.converged:
                continue
            one = found_by(result, posterior, how)
            if one.status == CONVERGED:
                found[hypothesis.name, data] = found_to_arrays(one, result.wall_s, result.wall_s)
    return found

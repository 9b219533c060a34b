"""One piece of an atlas: the evidence of one hypothesis under one combination of choices.

Evidences that are the same question (a choice that touches one hypothesis only, seen from the other) are one task. A
task knows its question by a key: a hash of all that the evidence depends on. Its random numbers come from the seed and
the key, its start from neighbours that are named with it, so that it does not matter which worker did it, or when.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from crsea_infer.hypotheses.distributions import Distribution
from crsea_infer.inference.samplers.bridge import Bridge, BridgeOptions
from crsea_infer.inference.samplers.importance import Importance
from crsea_infer.inference.samplers.marginals import Marginals
from crsea_infer.inference.samplers.mixtures import StudentMixture
from crsea_infer.inference.samplers.neighbours import Neighbour
from crsea_infer.inference.samplers.proposals import Proposal
from crsea_infer.inference.samplers.sampler import CONVERGED
from crsea_infer.inference.samplers.warm_start import Found, WarmStart
from crsea_infer.plan.subsets import ALL, TRAINING
from crsea_infer.plan.tasks import seed_for, target_of
from crsea_infer.support.checkpoint import Checkpoint
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.inference.samplers.sampler import Progress
    from crsea_infer.inference.target import Target
    from crsea_infer.plan.run_file import RunFile

__all__ = ["AtlasTask", "bridge_of", "data_asked", "found_from_arrays", "found_to_arrays", "measure", "question_key"]


def question_key(run: RunFile, hypothesis: str, data: str, model_fingerprint: str) -> str:
    """Return a hash of all that the evidence of a hypothesis on some of its data depends on."""
    resolved = run.resolved()
    names = [likelihood.name for likelihood in run.samplings(hypothesis)[data]]
    content = dict(resolved["hypotheses"][hypothesis])
    content.pop("prior_sets")  # what they say stands in the parameters
    asked: list[Any] = [
        content,
        {name: resolved["likelihoods"][name] for name in sorted(names)},
        model_fingerprint,
        run.seed,
    ]
    bridge = bridge_of(run, hypothesis)
    if bridge is not None:
        asked.append([repr(bridge.options), sorted(run.subsets.training[hypothesis])])
    return digest(asked)


def bridge_of(run: RunFile, hypothesis: str) -> Bridge | None:
    """Return the sampler of conditional evidences, where the run has it and the hypothesis a training set.

    Importance sampling of all data and of the training set, whose evidences are far larger than what they differ by,
    is refused for most hypotheses with local spectra of six breaks, and particles do not forget their start.
    """
    options = run.samplers.get(Bridge.name)
    return Bridge(options) if isinstance(options, BridgeOptions) and run.subsets.training.get(hypothesis) else None


def data_asked(run: RunFile, hypothesis: str) -> list[str]:
    """Return the data of which an atlas needs evidences: all, and the training set where none bridges from it."""
    wanted = {ALL} if bridge_of(run, hypothesis) is not None else {ALL, TRAINING}
    return [data for data in run.samplings(hypothesis) if data in wanted]


@dataclass(frozen=True, eq=False)
class AtlasTask:
    """One evidence.

    Attributes
    ----------
    run
        The run that the combination is.
    hypothesis, data
        Which of its samplings.
    key
        Of the question.
    neighbours
        Of the same hypothesis and data, the nearest first; none for what ships.
    how
        The estimator.
    model
        The sky model, for a machine that has none of our files; None to load it there.
    sky_regions
        Where trained sky regions are kept.
    """

    run: RunFile
    hypothesis: str
    data: str
    key: str
    neighbours: tuple[Neighbour, ...]
    how: WarmStart
    model: SkyModel | None = None
    sky_regions: Any = None


def measure(task: AtlasTask, progress: Progress) -> dict[str, Any]:
    """Find the evidence of a task; return it as arrays and plain values. What cannot be is said in its status."""
    from crsea_infer import emulator
    from crsea_infer.emulator.response.region_cache import RegionCache

    started, cpu = time.perf_counter(), time.process_time()
    hypothesis = next(one for one in task.run.hypotheses if one.name == task.hypothesis)
    model = task.model
    if model is None:
        model = emulator.load(task.run.emulator, regions=RegionCache.of_user(task.sky_regions))
    bridge = bridge_of(task.run, task.hypothesis)
    try:
        sampler = Importance.name if bridge is None else bridge.name
        target = target_of(task.run, hypothesis, task.data, sampler, model)
    except UserError as error:
        nothing = Found(np.nan, np.nan, "none", np.nan, np.nan, 0, f"does not apply: {error.given}", None)
        return found_to_arrays(nothing, 0.0, 0.0)
    if bridge is not None:
        found = _bridged(bridge, target, seed_for(task.run, task.hypothesis, bridge.name), progress)
        return found_to_arrays(found, time.perf_counter() - started, time.process_time() - cpu)
    posterior = cast("Posterior", target)
    # what ships has the random numbers of the run's own sampler, and so its very numbers
    words = (task.hypothesis, Importance.name, *(() if task.data == "all" else (task.data,)))
    seed = seed_for(task.run, *words) if not task.neighbours else seed_for(task.run, "atlas", task.key)
    found = task.how.find(posterior, task.neighbours, seed, progress)
    return found_to_arrays(found, time.perf_counter() - started, time.process_time() - cpu)


def _bridged(bridge: Bridge, target: Target, seed: np.random.SeedSequence, progress: Progress) -> Found:
    """Find a conditional evidence from the training set, with the random numbers of the run's own for all choices."""
    result = bridge.run(target, seed, Checkpoint(None), progress)
    given, effective = result.conditional, float(result.diagnostics["effective_samples"])
    status = CONVERGED if result.converged else str(result.diagnostics["status"])
    if given is None or not result.converged:
        return Found(np.nan, np.nan, bridge.title, np.nan, effective, result.n_calls, status, None)
    return Found(given.lnz, given.lnz_err, given.method, np.nan, effective, result.n_calls, status, None)


_MARGINALS = tuple(item.name for item in fields(Marginals))
_PLAIN = ("lnz", "lnz_err", "method", "k_hat", "effective_samples", "n_calls", "status")


def found_to_arrays(found: Found, wall_s: float, cpu_s: float) -> dict[str, Any]:
    """Turn what was found into arrays and plain values that a file can hold."""
    plain: dict[str, Any] = {name: getattr(found, name) for name in _PLAIN} | {"wall_s": wall_s, "cpu_s": cpu_s}
    arrays: dict[str, Any] = {}
    if found.neighbour is not None:
        one = found.neighbour
        mixture = one.proposal.mixture
        plain |= {
            "names": list(one.names),
            "distributions": [_plain_distribution(distribution) for distribution in one.distributions],
            "freedom": mixture.freedom,
            "prior_share": one.proposal.prior_share,
        }
        arrays = {
            "samples": one.samples,
            "shares": mixture.shares,
            "centres": mixture.centres,
            "factors": mixture.factors,
        }
        if one.proposal.marginals is not None:
            arrays |= {name: getattr(one.proposal.marginals, name) for name in _MARGINALS}
    return {**arrays, "plain": plain}


def found_from_arrays(stored: Mapping[str, Any]) -> Found:
    """Invert :func:`found_to_arrays`.

    Raises
    ------
    UserError
        When something is missing or of another shape.
    """
    try:
        plain = stored["plain"]
        neighbour = None
        if plain["status"] == CONVERGED and "names" in plain:
            mixture = StudentMixture(stored["shares"], stored["centres"], stored["factors"], float(plain["freedom"]))
            names = tuple(plain["names"])
            distributions = tuple(_distribution(given) for given in plain["distributions"])
            samples = stored["samples"]
            d = len(names)
            marginals = Marginals(*(stored[name] for name in _MARGINALS)) if _MARGINALS[0] in stored else None
            shapes = [samples.shape[1:], mixture.centres.shape[1:], mixture.factors.shape[1:]]
            own = [] if marginals is None else [getattr(marginals, name).shape for name in _MARGINALS]
            if shapes != [(d,), (d,), (d, d)] or len(distributions) != d or any(shape != (d,) for shape in own):
                raise ValueError("its arrays do not fit its parameters")  # noqa: TRY301 -- told as the others are
            proposal = Proposal(mixture, float(plain["prior_share"]), marginals)
            neighbour = Neighbour(names, distributions, samples, proposal)
        return Found(**{name: plain[name] for name in _PLAIN}, neighbour=neighbour)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"a finished evidence of the atlas is not one ({error})",
            valid="a file that crsea-infer robustness wrote",
            fix="delete it: the same command finds that evidence again",
        ) from error


def _plain_distribution(distribution: Distribution) -> dict[str, Any]:
    """Return a distribution as JSON can hold it: infinite bounds as None."""
    return {
        key: None if isinstance(value, float) and np.isinf(value) else value
        for key, value in asdict(distribution).items()
    }


def _distribution(given: Mapping[str, Any]) -> Distribution:
    known = {one.name for one in fields(Distribution)}
    if set(given) != known:
        raise ValueError("a distribution with other keys")
    given = {**given, "weights": tuple(given["weights"])}
    bounds = {"lower": -np.inf, "upper": np.inf}
    filled: dict[str, Any] = {
        key: bounds[key] if value is None and key in bounds else value for key, value in given.items()
    }
    return Distribution(**filled)

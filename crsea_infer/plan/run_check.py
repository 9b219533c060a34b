"""What must hold before the first sample of a run: one validation, for everything that carries a run out or checks it.

A run file that was read names things that exist. Whether they go together is known once data sets are bound to the sky
model: whether hypotheses have the parameters that the data need, samplers are installed and have options that fit the
number of parameters, and the prior lies where the model holds. `crsea-infer check`, runs, studies and calibrations all
ask here, so that none of them accepts what another refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.hypotheses.varied_hypothesis import of_variant, with_variants
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.inference.samplers.registry import gives_conditional, make, sampler_class
from crsea_infer.inference.samplers.sampler import Counted, draw_from_prior
from crsea_infer.inference.trained_posterior import TrainedPosterior
from crsea_infer.plan.sky_preparation import prepare_skies
from crsea_infer.plan.subsets import ALL, TRAINING
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.inference.posterior import Posterior
    from crsea_infer.inference.samplers.sampler import Sampler
    from crsea_infer.plan.run_file import RunFile
    from crsea_infer.plan.study_file import Study

__all__ = ["check_run", "check_sampling", "check_study"]

_TRIED: Final = 100  # draws of the prior; up to a hundred times as many where few of them are inside


def check_run(
    run: RunFile,
    model: SkyModel,
    samplers: Sequence[Sampler] | None = None,
    prepare: Callable[[RunFile, SkyModel], None] = prepare_skies,
) -> dict[str, dict[str, Posterior]]:
    """Return the posterior of every hypothesis on all that it is sampled with: hypothesis -> data -> posterior.

    Parameters
    ----------
    run
        That was read. In a run with variants, the posteriors are those of all variants together.
    model
        Its sky model.
    samplers
        In place of its own.
    prepare
        Trains what its sky models lack, before each of them is bound.

    Raises
    ------
    UserError
        On what would stop the run before its first sample; as :func:`crsea_infer.inference.posterior.posterior_for`
        and :func:`check_sampling`.
    """
    prepare(run, model)
    posteriors = {
        hypothesis.name: _posteriors(run, with_variants(hypothesis, run.variants), model)
        for hypothesis in run.hypotheses
    }
    used = [make(name, options) for name, options in run.samplers.items()] if samplers is None else samplers
    for hypothesis in run.hypotheses:
        for one in [of_variant(hypothesis, variant) for variant in run.variants] or [hypothesis]:
            sampled = _posteriors(run, one, model) if run.variants else posteriors[hypothesis.name]
            for data, posterior in sampled.items():
                able = [sampler for sampler in used if data == ALL or sampler_class(sampler.name).gives_evidence]
                training = sampled.get(TRAINING) if data == ALL else None
                check_sampling(
                    posterior, able, None if training is None else TrainedPosterior(posterior, training, posterior)
                )
    return posteriors


def _posteriors(run: RunFile, hypothesis: Hypothesis, model: SkyModel) -> dict[str, Posterior]:
    """Return the posterior of a hypothesis on each of the data that it is sampled with."""
    everything = run.likelihoods_of(hypothesis.name)
    return {
        data: posterior_for(hypothesis, likelihoods, model, all_likelihoods=everything)
        for data, likelihoods in run.samplings(hypothesis.name).items()
    }


def check_study(study: Study, model: SkyModel) -> dict[str, dict[str, dict[str, Posterior]]]:
    """Return the posteriors of every combination of a study, as :func:`check_run`; raises for the first that cannot."""
    posteriors = {}
    for label, run in study.runs.items():
        try:
            posteriors[label] = check_run(run, model)
        except UserError as error:
            raise UserError(f"combinations.{label}: {error.given}", valid=error.valid, fix=error.fix) from error
    return posteriors


def check_sampling(posterior: Posterior, samplers: Sequence[Sampler], trained: TrainedPosterior | None = None) -> None:
    """Refuse a posterior that samplers cannot sample; `trained` is the same with its training set, where there is one.

    Raises
    ------
    UserError
        When a sampler is not installed or its options do not fit; when hardly any point of
        the prior has a finite likelihood, or one is not a number.
    """
    hypothesis = posterior.hypothesis.name
    if not posterior.names:  # its evidence is its likelihood, which needs no sampler
        posterior.log_likelihood(posterior.fiducial)
        return
    for sampler in samplers:
        try:
            sampler.check(trained if trained is not None and gives_conditional(sampler.name) else posterior)
        except UserError as error:
            raise UserError(f"{hypothesis}: {error.given}", valid=error.valid, fix=error.fix) from error
    try:
        draw_from_prior(Counted(posterior), _TRIED, np.random.default_rng(0))
    except UserError as error:
        raise UserError(f"{hypothesis}: {error.given}", valid=error.valid, fix=error.fix) from error

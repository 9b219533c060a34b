"""Sample a posterior in this process, from a script or a notebook."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.interface.named_posterior import Posterior
from crsea_infer.interface.sampled import Sampled

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.inference.target import Target

__all__ = ["sample"]


def sample(
    posterior: Posterior | Target,
    sampler: str = "importance",
    *,
    seed: int = 1,
    checkpoint: str | Path | None = None,
    progress: Callable[[float, str], None] | None = None,
    **options: Any,
) -> Sampled:
    """Sample a posterior with one sampler, and return samples and evidence.

    Parameters
    ----------
    posterior
        A :class:`crsea_infer.Posterior`, or any object with `names`, `prior_transform` and `log_likelihood` over a
        leading batch axis.
    sampler
        Its name: "importance", "dynesty", "dynesty-dynamic", "nautilus", "smc", "emcee", with the extra `jax`
        "jax-nested" and "nuts", or that of an installed plug-in.
    seed
        Of all random numbers: the same seed gives the same result.
    checkpoint
        File that keeps unfinished work: the same call goes on from it. It is removed at the end.
    progress
        Called now and then with a fraction and a few words.
    **options
        Of the sampler, as in a run file's ``[samplers.NAME]``: draws, live_points, ...

    Raises
    ------
    UserError
        When there is no such sampler or option, or the likelihood is not a number somewhere.

    Examples
    --------
    >>> import crsea_infer as cr
    >>> post = cr.Posterior("gamma-optimized-min", data=["lhaaso_km2a_inner", "lhaaso_km2a_outer"])
    >>> result = cr.sample(post, "importance", draws=8000, seed=1)
    >>> round(result.evidence.lnz, 1), result.evidence.lnz_err < 0.05
    (612.8, True)
    """
    from crsea_infer.inference.samplers.options import options_from
    from crsea_infer.inference.samplers.peak_check import checked_for_peaks
    from crsea_infer.inference.samplers.point import point_result
    from crsea_infer.inference.samplers.registry import make, sampler_class
    from crsea_infer.inference.samplers.sampler import no_progress
    from crsea_infer.support.checkpoint import Checkpoint
    from crsea_infer.support.files import digest
    from crsea_infer.support.threads import one_thread

    target = posterior.inner if isinstance(posterior, Posterior) else posterior
    method = make(sampler, options_from(sampler_class(sampler).Options, sampler, options))
    if not target.names:
        return Sampled(posterior if isinstance(posterior, Posterior) else None, point_result(method, target))
    method.check(target)
    path = None if checkpoint is None else Path(checkpoint).expanduser()
    identity = {"task": f"{sampler} {digest([options, list(target.names), seed])}", "seed": str(seed)}
    if isinstance(posterior, Posterior):
        settings = {name: dict(one.settings) for name, one in posterior.data.items()}
        identity |= {"data": digest(settings), "model": posterior.model.fingerprint}
    kept = Checkpoint(path, identity)
    seeds = np.random.SeedSequence(seed)
    with one_thread() if isinstance(posterior, Posterior) else nullcontext():  # a target of one's own has its own ways
        result = method.run(target, seeds, kept, progress or no_progress)
        result = checked_for_peaks(result, target, np.random.SeedSequence(seed, spawn_key=(1,)))
    if path is not None:
        path.unlink(missing_ok=True)
    return Sampled(posterior if isinstance(posterior, Posterior) else None, result)

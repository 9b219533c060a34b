"""Short walks of an ensemble: points from which a proposal can be fitted, not samples of a posterior.

Steps along differences of two other walkers (ter Braak 2006, Stat. Comput. 16, 239), some of them of full length, which
carry walkers between separate modes, and turns about the centre of the others
(:mod:`crsea_infer.inference.samplers.turns`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.inference.samplers.sampler import Progress
    from crsea_infer.support.arrays import Float64

__all__ = ["walked"]


def walked(
    log_target: Callable[[Float64], Float64],
    walkers: Float64,
    values: Float64,
    steps: int,
    for_moves: np.random.SeedSequence,
    progress: Progress,
) -> Float64:
    """Let walkers [k, d] walk in a target of which they have the logarithms [k]; return [n, d] of the second half."""
    import emcee
    from emcee.moves import DEMove

    from crsea_infer.inference.samplers.turns import turn_move

    sampler = emcee.EnsembleSampler(
        *walkers.shape,
        log_target,
        # A few full-length differences carry walkers between separate modes.
        moves=[(DEMove(), 0.5), (DEMove(gamma0=1.0), 0.1), (turn_move(), 0.4)],
        vectorize=True,
    )
    state = emcee.State(
        walkers,
        log_prob=values,
        random_state=np.random.RandomState(np.random.MT19937(for_moves)).get_state(),
    )
    for index, _ in enumerate(sampler.sample(state, iterations=steps, skip_initial_state_check=True)):
        if index % 20 == 0:
            progress(index / steps, f"step {index} of {steps}")
    thin = max(1, steps // 40)
    return np.asarray(sampler.get_chain(discard=steps // 2, thin=thin, flat=True))

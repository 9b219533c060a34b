"""What is left to sample of a hypothesis without free parameters: nothing.

Where all parameters are fixed and the data have no nuisances, the prior is a point: the evidence is the likelihood at
that point, exactly, and there is no posterior beyond it. Every sampler that gives an evidence gives that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from crsea_infer.inference.evidence import Evidence
from crsea_infer.inference.samplers.sampler import CONVERGED, Counted, SamplerResult

if TYPE_CHECKING:
    from crsea_infer.inference.samplers.sampler import Sampler
    from crsea_infer.inference.target import Target

__all__ = ["METHOD", "point_result"]

METHOD: Final = "likelihood of fixed parameters"
"""How evidences call it."""

_CHAINS, _DRAWS = 4, 250  # all the same: for what looks at draws of a posterior


def point_result(sampler: Sampler, target: Target) -> SamplerResult:
    """Return the result for a target with no parameter.

    Raises
    ------
    UserError
        When the likelihood is not a finite number there.
    """
    counted = Counted(target)
    log_likelihood = float(counted.from_unit(np.empty((1, 0)))[0])
    return SamplerResult(
        sampler=sampler.name,
        names=(),
        samples=np.empty((_CHAINS * _DRAWS, 0)),
        unit_samples=np.empty((_CHAINS * _DRAWS, 0)),
        log_weights=None,
        log_likelihood=np.full(_CHAINS * _DRAWS, log_likelihood),
        evidence=Evidence(log_likelihood, 0.0, METHOD) if sampler.gives_evidence else None,
        n_calls=counted.n_calls,
        wall_s=0.0,
        diagnostics={"status": CONVERGED},
        chains=np.empty((_CHAINS, _DRAWS, 0)),
    )

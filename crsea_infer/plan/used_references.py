"""What a run uses that is to be cited: models, physics, data sets, samplers and software, each with its use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crsea_infer.content.bibliography import OWN_KEY
from crsea_infer.emulator.cited_physics import physics_cited
from crsea_infer.emulator.sky_of_physics import sky_of
from crsea_infer.hypotheses.varied_hypothesis import of_variant
from crsea_infer.inference.samplers.registry import sampler_class
from crsea_infer.plan.sky_preparation import requests_of

if TYPE_CHECKING:
    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.plan.run_file import RunFile

__all__ = ["LEAVE_ONE_OUT", "OWN", "leaves_one_out", "references_used"]

OWN: Final = (OWN_KEY, "this package")
"""This package itself."""

LEAVE_ONE_OUT: Final = tuple(
    (reference, "leave-one-out") for reference in ("arXiv:1507.04544", "arXiv:1507.02646", "arviz")
)
"""What leave-one-out is made with."""

_SOFTWARE: Final = (
    ("numpy", "arrays"),
    ("scipy", "numerics"),
    ("astropy", "tables and units"),
    ("xarray", "posterior.nc and grids"),
    ("matplotlib", "figures"),
    ("corner", "corner plots"),
)


def leaves_one_out(run: RunFile) -> bool:
    """Return whether a run has points to leave out one at a time: two or more that it predicts."""
    return sum(one.n_data for one in run.likelihoods if one.name in run.subsets.predicted) > 1


def references_used(run: RunFile, model: SkyModel) -> list[tuple[str, str]]:
    """Return pairs of a reference and what it is used for, this package first; leave-one-out apart.

    Parameters
    ----------
    run
        That was read.
    model
        Its sky model.

    Raises
    ------
    UserError
        When the sky model cannot have the physics that a hypothesis demands.
    """
    found = [OWN]
    for hypothesis in run.hypotheses:
        found += [(one, f"prior set {name}") for one, names in hypothesis.references.items() for name in names]
    for hypothesis in run.hypotheses:
        requests = requests_of(hypothesis, run.likelihoods_of(hypothesis.name))
        names = {parameter.name for parameter in hypothesis.parameters}
        physics = [of_variant(hypothesis, one).physics for one in run.variants] or [hypothesis.physics]
        for each in physics:
            found += physics_cited(sky_of(model, each), requests, names)
    for likelihood in run.likelihoods:
        found += [(reference, f"data set {likelihood.name}") for reference in likelihood.citations]
    for sampler in map(sampler_class, run.samplers):
        found += [(reference, sampler.title) for reference in sampler.references]
    return [*found, *_SOFTWARE]

"""Whether a hypothesis has the parameters that a sky model needs for what is asked of it, and no others.

What a sky model takes stands on the model (:meth:`crsea_infer.emulator.sky_model.SkyModel.parameters`); here a
hypothesis is held against it, before anything is computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.hypotheses.prior_sets import prior_sets_with
from crsea_infer.inference.unresolved_sources import with_unresolved_sources
from crsea_infer.support.errors import UserError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.emulator.parameters import SkyParameters
    from crsea_infer.emulator.sky_model import Request, SkyModel
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.hypotheses.prior_sets import Parameter

__all__ = ["check_names", "check_parameters"]


def check_parameters(hypothesis: Hypothesis, model: SkyModel, requests: Sequence[Request]) -> None:
    """Refuse a hypothesis that lacks a parameter of the sky model, has a useless one, or stands outside the box.

    Parameters
    ----------
    requests
        What all the data ask of the model; see :meth:`crsea_infer.emulator.sky_model.SkyModel.parameters`.

    Raises
    ------
    UserError
        Naming the parameter; as :func:`check_names`.
    """
    check_names(hypothesis, model, requests)
    given = {parameter.name: parameter for parameter in hypothesis.parameters}
    for name, (lower, upper) in model.box.items():
        parameter = given.get(name)
        if parameter is not None and not lower <= parameter.fiducial <= upper:
            raise UserError(
                f"the prior set {parameter.prior_set!r} has {name} = {parameter.fiducial:g} as published value, "
                "outside the range of the sky model",
                valid=f"{lower:g} to {upper:g} {parameter.unit}".rstrip(),
                fix="change it, or train an emulator on a wider range",
            )


def check_names(hypothesis: Hypothesis, model: SkyModel, requests: Sequence[Request]) -> None:
    """Refuse a hypothesis that lacks a parameter of the sky model, or has one that acts on nothing.

    Raises
    ------
    UserError
        Naming the parameter and, when one is missing, the prior sets that would provide it.
    """
    given = {parameter.name: parameter for parameter in hypothesis.parameters}
    accepted = with_unresolved_sources(model, given).parameters(requests)
    for name in accepted.lacking(given):
        providers = prior_sets_with(name)
        raise UserError(
            f"the hypothesis {hypothesis.name!r} has no parameter {name!r}, which the sky model needs",
            valid=f"prior sets that together give {', '.join(accepted.required)}",
            fix=f"add a prior set that gives it: {', '.join(providers)}"
            if providers
            else f"add [parameters.{name}] to a prior set",
        )
    for name in given:
        if name not in accepted.taken:
            raise _of_no_use(name, given, accepted)


def _of_no_use(name: str, given: Mapping[str, Parameter], accepted: SkyParameters) -> UserError:
    """Return the error for a parameter that acts on nothing: a misspelt one, or one of another sky model or data."""
    prior_set = given[name].prior_set
    valid = ", ".join(accepted.taken.words)
    if name in accepted.idle:
        beside = [one for one, parameter in given.items() if parameter.prior_set == prior_set]
        is_whole_set = not any(one in accepted.taken for one in beside)
        return UserError(
            f"the prior set {prior_set!r} gives {name!r}, which acts on nothing in this sky model with these data",
            valid=valid,
            fix=f"leave the prior set {prior_set!r} out of the hypothesis"
            if is_whole_set
            else f"use a prior set without [parameters.{name}]",
        )
    match = nearest(name, accepted.taken.single)
    return UserError(
        f"the prior set {prior_set!r} gives {name!r}, which the sky model does not know",
        valid=valid,
        fix=f"did you mean {match!r}?" if match else f"remove [parameters.{name}]",
    )

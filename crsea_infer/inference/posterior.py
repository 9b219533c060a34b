"""The posterior of one hypothesis given data sets and a sky model.

It joins the free parameters of the hypothesis with the nuisances of the data sets, asks the sky model once for all that
the data sets need, and evaluates batches of points. Samplers see only its :class:`~crsea_infer.inference.target.Target`
side; reports use the predictions and chi2 per data set. Points outside the box in which the sky model holds have
ln L = -inf; a likelihood that is not a number stops the run with the data set and the parameters named.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.emulator.sky_of_physics import sky_for
from crsea_infer.hypotheses.distributions import Product
from crsea_infer.hypotheses.variants import VARIANT
from crsea_infer.inference.likelihoods.best_nuisances import pull_of
from crsea_infer.inference.likelihoods.half_shared import refuse_half_shared
from crsea_infer.inference.likelihoods.joint_likelihood import JointLikelihood
from crsea_infer.inference.likelihoods.likelihood import FollowsMorphology
from crsea_infer.inference.likelihoods.same_events import refuse_same_events
from crsea_infer.inference.parameter_checks import check_parameters
from crsea_infer.inference.unresolved_sources import with_unresolved_sources
from crsea_infer.support.arrays import Array, Float64, array_namespace, full_precision
from crsea_infer.support.errors import UserError
from crsea_infer.support.names import check_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from crsea_infer.emulator.sky_model import BoundModel, Request, SkyModel
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.inference.likelihoods.likelihood import Likelihood

__all__ = ["LikelihoodError", "Posterior", "posterior_for"]

BLOCK = 128
"""Points evaluated at once: the arrays of a block of 64 to 128 stay in the cache of a core."""


class LikelihoodError(UserError):
    """A data set's likelihood is not a number at a point where the model holds."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """Prior and likelihood of one hypothesis; made by :func:`posterior_for`.

    Parameter vectors theta [..., n] follow `names`: free parameters of the hypothesis, then nuisances of the data sets.

    Attributes
    ----------
    hypothesis, likelihoods
        What was asked for; the likelihoods know the sky model's relative error.
    parameters
        The n sampled parameters.
    model
        The sky model, bound to what the data sets need.
    box
        Range of the sky model's transport parameters.
    """

    hypothesis: Hypothesis
    likelihoods: tuple[Likelihood, ...]
    parameters: tuple[Parameter, ...]
    model: BoundModel
    box: Mapping[str, tuple[float, float]]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the sampled parameters."""
        return tuple(parameter.name for parameter in self.parameters)

    @cached_property
    def prior(self) -> Product:
        """Prior of the sampled parameters."""
        return Product(tuple(parameter.distribution for parameter in self.parameters))

    @cached_property
    def fiducial(self) -> Float64:
        """Published values [n]; nuisances at 0."""
        return np.array([parameter.fiducial for parameter in self.parameters])

    def prepare(self) -> None:
        """Evaluate the sky model once at the published values.

        What it only makes when first asked, such as the electrons of a sky region that the emulator lacks, is then made
        and kept before workers ask for it side by side.
        """
        points = self.fiducial[None, :]
        if VARIANT in self.names:
            column = self.names.index(VARIANT)
            points = np.repeat(points, len(self.hypothesis.variants), axis=0)
            points[:, column] = np.arange(1.0, len(points) + 1.0)
        self._predict(self._values(points))

    @property
    def n_data(self) -> int:
        """Number of data points of all data sets."""
        return sum(likelihood.n_data for likelihood in self.likelihoods)

    def prior_transform(self, unit: Array) -> Array:
        """Map the unit cube u [..., n] to theta [..., n]."""
        return self.prior.prior_transform(unit)

    def log_prior(self, theta: Array) -> Array:
        """Return the natural log of the normalised prior density [...]."""
        return self.prior.log_pdf(theta)

    def log_likelihood(self, theta: Array) -> Array:
        """Return ln L [...] of theta [..., n]; -inf outside the sky model's box.

        Raises
        ------
        LikelihoodError
            When a data set's ln L is NaN.
        """
        return self._in_blocks(lambda block: {"": self._where_inside(block, [])[0]}, theta)[""]

    def log_likelihood_per_data_set(self, theta: Array) -> dict[str, Array]:
        """Return ln L [...] of each data set; raises as :meth:`log_likelihood`."""
        names = [likelihood.name for likelihood in self.likelihoods]
        return self._in_blocks(lambda block: dict(zip(names, self._where_inside(block, names), strict=True)), theta)

    def _where_inside(self, theta: Array, names: Sequence[str]) -> list[Array]:
        """Return ln L [...] of each data set if `names` are theirs, else of all together; -inf outside the box."""
        xp = array_namespace(theta)
        inside = self._is_inside(theta)
        is_all_inside = xp is np and bool(np.all(inside))
        point = theta if is_all_inside else xp.where(inside[..., None], theta, xp.asarray(self._inner_point))
        values = self._values(point)
        predictions = self._predict(values)
        found = self._joint.each(predictions, values) if names else [self._joint.total(predictions, values)]
        if xp is np and any(np.isnan(log_l).any() for log_l in found):  # traced arrays have no values to look at
            # one that is infinite spoils those that are evaluated with it, so all are asked for themselves
            apart = self._without_nan(predictions, values, point)
            found = apart if names else [sum(apart)]
        return found if is_all_inside else [xp.where(inside, log_l, -np.inf) for log_l in found]

    def log_likelihood_pointwise(self, theta: Array) -> dict[str, Array]:
        """Return ln p of each data point [..., n_data] of each data set, for leave-one-out; NaN outside the box."""
        return self._in_blocks(
            lambda block: {
                likelihood.name: likelihood.log_likelihood_pointwise(prediction, values)
                for likelihood, prediction, values in self._predicted(block)
            },
            theta,
        )

    def chi2(self, theta: Array) -> dict[str, Array]:
        """Return chi2 [...] of each data set, its nuisance pull included; NaN outside the box.

        A nuisance that data sets share counts in each of them: their sum has its pull more than once.
        """
        return self._in_blocks(
            lambda block: {
                likelihood.name: likelihood.chi2(prediction, values)
                for likelihood, prediction, values in self._predicted(block)
            },
            theta,
        )

    def chi2_of_all(self, theta: Array, data_sets: Collection[str] | None = None) -> Array:
        """Return chi2 [...] of some data sets together, default all, with the pull of each nuisance once.

        NaN outside the box.
        """
        chosen = [one for one in self.likelihoods if data_sets is None or one.name in data_sets]
        values, found = self.nuisance_values(theta), self.chi2(theta)
        seen: set[str] = set()
        total: Any = 0.0
        for one in chosen:
            again = [
                nuisance for nuisance in one.nuisances if nuisance.name in seen and nuisance.distribution.is_normal
            ]
            total = total + found[one.name] - pull_of(again, [values[nuisance.name] for nuisance in again])
            seen |= {nuisance.name for nuisance in one.nuisances}
        return total

    def pulls(self, theta: Array) -> Array:
        """Return (data - prediction) / error of all data points [..., n_data]; NaN outside the box."""
        xp = array_namespace(theta)
        return xp.concat([one.pulls(prediction, values) for one, prediction, values in self._predicted(theta)], axis=-1)

    def chi2_profiled(self, theta: Array) -> dict[str, Array]:
        """Return chi2 [...] of each data set at its own best nuisances, whatever theta says of them."""
        return self._in_blocks(
            lambda block: {
                likelihood.name: likelihood.chi2_profiled(prediction)
                for likelihood, prediction, _ in self._predicted(block)
            },
            theta,
        )

    def predictions(self, theta: Array) -> dict[str, Array]:
        """Return the prediction for each data set's points [..., n_data]."""
        return self._in_blocks(
            lambda block: {
                likelihood.name: likelihood.binned_prediction(prediction, values)
                for likelihood, prediction, values in self._predicted(block)
            },
            theta,
        )

    def intensities(self, theta: Array) -> dict[str, tuple[Array, ...]]:
        """Return what the sky model gives for each data set's requests, for simulating data."""
        return {likelihood.name: prediction for likelihood, prediction, _ in self._predicted(theta)}

    def nuisance_values(self, theta: Array) -> dict[str, Array]:
        """Return the values [...] of the data sets' nuisances."""
        own = {nuisance.name for likelihood in self.likelihoods for nuisance in likelihood.nuisances}
        return {name: value for name, value in self._values(theta).items() if name in own}

    def values(self, theta: Array) -> dict[str, Array]:
        """Return every parameter by name [...]: sampled and fixed."""
        return self._values(theta)

    def _values(self, theta: Array) -> dict[str, Array]:
        xp = array_namespace(theta)
        shape = theta.shape[:-1]
        values = {parameter.name: xp.full(shape, parameter.fiducial) for parameter in self.hypothesis.fixed}
        values.update({name: theta[..., column] for column, name in enumerate(self.names)})
        return values

    def _predict(self, values: Mapping[str, Array]) -> list[tuple[Array, ...]]:
        """Return for each data set the intensities of its requests."""
        intensities = iter(self.model({name: values[name] for name in self._model_names}))
        return [tuple(islice(intensities, count)) for count in self._request_counts]

    def _predicted(self, theta: Array) -> list[tuple[Likelihood, tuple[Array, ...], dict[str, Array]]]:
        """Return each data set with the intensities of its requests and all parameters."""
        values = self._values(theta)
        pairs = zip(self.likelihoods, self._predict(values), strict=True)
        return [(likelihood, prediction, values) for likelihood, prediction in pairs]

    @cached_property
    def _model_names(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.hypothesis.parameters)

    @cached_property
    def _request_counts(self) -> tuple[int, ...]:
        return tuple(len(likelihood.requests) for likelihood in self.likelihoods)

    @cached_property
    def _joint(self) -> JointLikelihood:
        return JointLikelihood.of(self.likelihoods)

    def _is_inside(self, theta: Array) -> Array:
        """Return whether theta [..., n] is a point [...] at which the sky model holds."""
        xp = array_namespace(theta)
        lower, upper = self._bounds
        return xp.all((theta >= lower) & (theta <= upper), axis=-1)

    @cached_property
    def _bounds(self) -> tuple[Float64, Float64]:
        """The box [n], and elsewhere the largest numbers, which leaves out what is not finite."""
        largest = float(np.finfo(np.float32).max)
        bounds = np.array([self.box.get(name, (-largest, largest)) for name in self.names]).reshape(-1, 2)
        return bounds[:, 0], bounds[:, 1]

    @cached_property
    def _inner_point(self) -> Float64:
        """A point inside the box, at which the model is evaluated in place of those outside."""
        point = self.fiducial.copy()
        for column, name in enumerate(self.names):
            if name in self.box:
                point[column] = np.clip(point[column], *self.box[name])
        return point

    def _in_blocks(self, evaluate: Callable[[Array], dict[str, Array]], theta: Array) -> dict[str, Array]:
        """Evaluate NumPy batches in blocks; other arrays at once, because their compilers block them themselves."""
        shape = theta.shape[:-1]
        xp = array_namespace(theta)
        if xp is not np:
            with full_precision(xp):
                return evaluate(theta)
        if int(np.prod(shape)) <= BLOCK:
            return evaluate(theta)
        points = theta.reshape(int(np.prod(shape)), theta.shape[-1])  # which may be no parameter
        blocks = [evaluate(points[start : start + BLOCK]) for start in range(0, len(points), BLOCK)]
        joined = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
        return {name: array.reshape(*shape, *array.shape[1:]) for name, array in joined.items()}

    def _without_nan(
        self, predictions: Sequence[tuple[Array, ...]], values: Mapping[str, Array], theta: Float64
    ) -> list[Float64]:
        """Return ln L [...] of each data set, one by one; raise for the first that is NaN, at the first such point."""
        found = []
        for likelihood, prediction in zip(self.likelihoods, predictions, strict=True):
            found.append(likelihood.log_likelihood(prediction, values))
            wrong = np.isnan(found[-1])
            if wrong.any():
                point = theta.reshape(wrong.size, theta.shape[-1])[int(np.argmax(wrong.reshape(-1)))]
                shown = ", ".join(f"{name} = {value:.6g}" for name, value in zip(self.names, point, strict=True))
                raise LikelihoodError(
                    f"the likelihood of {likelihood.name} is not a number at {shown}",
                    valid="a finite ln L wherever the sky model holds",
                    fix="check that the priors keep to values with a meaning (positive scales and breaks)",
                )
        return found


def posterior_for(
    hypothesis: Hypothesis,
    likelihoods: Sequence[Likelihood],
    model: SkyModel,
    *,
    all_likelihoods: Sequence[Likelihood] | None = None,
) -> Posterior:
    """Join a hypothesis, data sets and a sky model.

    Parameters
    ----------
    model
        The sky model at hand; the hypothesis may demand that it be made with other physics.
    all_likelihoods
        All data that the hypothesis meets in a run, when `likelihoods` are a part of them: a parameter is of use if
        any of these makes use of it. Default: `likelihoods`.

    Raises
    ------
    UserError
        When there is no data set or one is given twice; when the sky model needs a parameter that has no prior, or a
        parameter is of no use to it; when a published or fixed value lies outside the model's box; when two data sets
        share the name but not the distribution of a nuisance, or have events in common; when a data set has no
        template for the morphology of the hypothesis; when the model does not know a region or an energy, or cannot
        have the physics that the hypothesis demands.
    """
    names = [likelihood.name for likelihood in likelihoods]
    if not names:
        raise UserError("no likelihood was given", valid="at least one data set")
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise UserError(f"the likelihood {repeated!r} is given twice", valid="each data set once")
    refuse_same_events(likelihoods)
    model = sky_for(model, hypothesis)
    chosen = _with_own_templates(hypothesis, likelihoods)
    everything = chosen if all_likelihoods is None else _with_own_templates(hypothesis, all_likelihoods)
    check_parameters(hypothesis, model, [request for likelihood in everything for request in likelihood.requests])
    model = with_unresolved_sources(model, [parameter.name for parameter in hypothesis.parameters])
    # first, because an error that all points have in common may need a nuisance
    chosen = [likelihood.with_model_error(model.relative_error) for likelihood in chosen]
    nuisances = _nuisances(hypothesis, chosen)
    requests: list[Request] = [request for likelihood in chosen for request in likelihood.requests]
    return Posterior(
        hypothesis=hypothesis,
        likelihoods=tuple(chosen),
        parameters=(*hypothesis.free, *nuisances),
        model=model.bind(requests),
        box=dict(model.box),
    )


def _with_own_templates(hypothesis: Hypothesis, likelihoods: Sequence[Likelihood]) -> list[Likelihood]:
    """Return likelihoods as the hypothesis meets them: with the sky template of its morphology."""
    return [
        likelihood.with_morphology(hypothesis.morphology, hypothesis.name)
        if isinstance(likelihood, FollowsMorphology)
        else likelihood
        for likelihood in likelihoods
    ]


def _nuisances(hypothesis: Hypothesis, likelihoods: Sequence[Likelihood]) -> tuple[Parameter, ...]:
    """Return the nuisances of all data sets, shared ones once."""
    refuse_half_shared(likelihoods)
    taken = {parameter.name for parameter in hypothesis.parameters}
    found: dict[str, Parameter] = {}
    for likelihood in likelihoods:
        for nuisance in likelihood.nuisances:
            check_name(nuisance.name, f"the likelihood {likelihood.name!r}", "nuisance")
            if nuisance.name in taken:
                raise UserError(
                    f"the likelihood {likelihood.name!r} calls its nuisance {nuisance.name!r}, "
                    f"which is a parameter of the hypothesis {hypothesis.name!r}",
                    fix="give it another systematic_name, or systematics.name",
                )
            earlier = found.setdefault(nuisance.name, nuisance)
            if earlier.distribution != nuisance.distribution:
                raise UserError(
                    f"the likelihoods {earlier.prior_set!r} and {likelihood.name!r} share the nuisance "
                    f"{nuisance.name!r} with different priors",
                    valid="one prior for a shared nuisance",
                )
    return tuple(found.values())

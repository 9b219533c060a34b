"""A posterior by name: one hypothesis, some data sets, and arrays in and out.

It is the posterior that runs sample (:class:`crsea_infer.inference.posterior.Posterior`), found by the names that run
files use or made from objects, with predictions in units. Parameters stand in one fixed order, that of `names`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.interface.showing import html_table
from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from astropy.units import Quantity

    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.inference.posterior import Posterior as SampledPosterior
    from crsea_infer.support.arrays import Array, Float64

__all__ = ["Posterior", "hypothesis_of", "sky_model_of"]


class Posterior:
    """Prior and likelihood of one hypothesis on some data sets.

    Parameters
    ----------
    hypothesis
        A name (see :func:`crsea_infer.available`), a list of names of prior sets, or a
        :class:`~crsea_infer.hypotheses.hypothesis.Hypothesis`.
    data
        Data sets: names, paths of their folders, or objects with the methods of
        :class:`~crsea_infer.inference.likelihoods.likelihood.Likelihood`. A single one may stand without a list.
    options
        Name of a data set -> keys that take the place of those in its `likelihood.toml`, such as
        ``{"lhaaso_km2a_inner": {"systematics": "diagonal"}}``.
    emulator
        A file of ``crsea-infer emulator train`` or a sky model; None for the emulator that comes with the package.

    Raises
    ------
    UserError
        When something named is not there or not valid, or the parts do not fit each other.

    Examples
    --------
    >>> import crsea_infer as cr
    >>> post = cr.Posterior("gamma-optimized-min", data=["lhaaso_km2a_inner", "lhaaso_km2a_outer"])
    >>> post
    <Posterior of gamma-optimized-min: 21 parameters, 15 points of lhaaso_km2a_inner, lhaaso_km2a_outer>
    >>> theta = post.draw_prior(512, seed=1)
    >>> theta.shape, post.log_likelihood(theta).shape
    ((512, 21), (512,))
    >>> post.predict(post.point(halo_height=6.0))["lhaaso_km2a_inner"].unit
    Unit("1 / (GeV s sr cm2)")
    """

    def __init__(
        self,
        hypothesis: str | Sequence[str] | Hypothesis,
        data: str | Path | Likelihood | Sequence[str | Path | Likelihood],
        *,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        emulator: str | Path | SkyModel | None = None,
    ) -> None:
        from crsea_infer.emulator.sky_of_physics import sky_for
        from crsea_infer.inference.posterior import posterior_for

        found = hypothesis_of(hypothesis)
        self._model = sky_for(sky_model_of(emulator), found)
        self._inner = posterior_for(found, _data_sets(data, options or {}), self._model)

    @classmethod
    def of(cls, posterior: SampledPosterior, model: SkyModel) -> Posterior:
        """Return the front of a posterior that exists already."""
        found = cls.__new__(cls)
        found._inner, found._model = posterior, model  # noqa: SLF001 -- its own class
        return found

    @property
    def inner(self) -> SampledPosterior:
        """The posterior that samplers see."""
        return self._inner

    @property
    def model(self) -> SkyModel:
        """The sky model, with the physics that the hypothesis demands."""
        return self._model

    @property
    def hypothesis(self) -> Hypothesis:
        """The hypothesis."""
        return self._inner.hypothesis

    @property
    def data(self) -> dict[str, Likelihood]:
        """Data sets by name."""
        return {likelihood.name: likelihood for likelihood in self._inner.likelihoods}

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The n sampled parameters: those of the hypothesis, then nuisances of the data sets."""
        return self._inner.parameters

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the n sampled parameters, in the order of theta [..., n]."""
        return self._inner.names

    @property
    def labels(self) -> tuple[str, ...]:
        """LaTeX labels of the parameters, without dollar signs."""
        return tuple(parameter.label for parameter in self.parameters)

    @property
    def units(self) -> tuple[str, ...]:
        """Units of the parameters, as text."""
        return tuple(parameter.unit for parameter in self.parameters)

    @property
    def n_data(self) -> int:
        """Number of data points."""
        return self._inner.n_data

    def point(self, **changes: float) -> Float64:
        """Return the published values theta [n], nuisances at 0, with some of them changed.

        Raises
        ------
        UserError
            When there is no such sampled parameter.
        """
        theta = self._inner.fiducial.copy()
        for name, value in changes.items():
            if name not in self.names:
                raise unknown_name("sampled parameter", name, self.names)
            theta[self.names.index(name)] = value
        return theta

    def draw_prior(self, n: int, seed: int | np.random.Generator = 1) -> Float64:
        """Return n draws theta [n, n_parameters] from the prior."""
        generator = np.random.default_rng(seed)
        return np.asarray(self.prior_transform(generator.random((n, len(self.names)))))

    def prior_transform(self, unit: Array) -> Array:
        """Map the unit cube u [..., n] to theta [..., n]."""
        return self._inner.prior_transform(self._checked(unit, "u"))

    def log_prior(self, theta: Array) -> Array:
        """Return the natural log of the normalised prior density [...] at theta [..., n]."""
        return self._inner.log_prior(self._checked(theta))

    def log_likelihood(self, theta: Array) -> Array:
        """Return ln L [...] at theta [..., n]; -inf outside the box of the sky model.

        Raises
        ------
        UserError
            When theta has another number of parameters, or a likelihood is not a number.
        """
        return self._inner.log_likelihood(self._checked(theta))

    def log_likelihood_per_data_set(self, theta: Array) -> dict[str, Array]:
        """Return ln L [...] of each data set at theta [..., n]."""
        return self._inner.log_likelihood_per_data_set(self._checked(theta))

    def chi2(self, theta: Array) -> dict[str, Array]:
        """Return chi2 [...] of each data set at theta [..., n], the pulls of its nuisances included."""
        return self._inner.chi2(self._checked(theta))

    def predict(self, theta: Array | None = None) -> dict[str, Quantity]:
        """Return what each data set should see [..., n_data], with its unit; at the published values without theta."""
        from astropy import units as u

        from crsea_infer.inference.posterior_file import columns_of

        found = self._inner.predictions(self._checked(self.point() if theta is None else theta))
        units = {name: columns_of(one)["values"].unit if columns_of(one) else "" for name, one in self.data.items()}
        return {name: u.Quantity(values, units[name]) for name, values in found.items()}

    def _checked(self, theta: Array, what: str = "theta") -> Array:
        array = theta if hasattr(theta, "dtype") else np.asarray(theta, dtype=float)
        if array.ndim == 0 or array.shape[-1] != len(self.names):
            raise UserError(
                f"{what} has the shape {tuple(array.shape)}",
                valid=f"[..., {len(self.names)}]: a value of each of {', '.join(self.names)}",
                fix="post.point(name=value) makes one point, post.draw_prior(n) several",
            )
        return array

    def __repr__(self) -> str:
        sets = ", ".join(self.data)
        return f"<Posterior of {self.hypothesis.name}: {len(self.names)} parameters, {self.n_data} points of {sets}>"

    def _repr_html_(self) -> str:
        rows = [
            (one.name, one.distribution.describe(), one.unit, f"{one.fiducial:g}", one.description)
            for one in self.parameters
        ]
        return html_table(repr(self)[1:-1], ("parameter", "prior", "unit", "published", "description"), rows)


def hypothesis_of(given: str | Sequence[str] | Hypothesis) -> Hypothesis:
    """Return a hypothesis by its name, from a list of prior sets, or as it is.

    Raises
    ------
    UserError
        When there is none of that name, or the prior sets do not fit each other.
    """
    from crsea_infer.hypotheses.hypothesis import Hypothesis, build_hypothesis, load_hypothesis

    if isinstance(given, Hypothesis):
        return given
    if isinstance(given, str):
        return load_hypothesis(given)
    names = [str(name) for name in given]
    return build_hypothesis("+".join(Path(name).stem for name in names), names, where="prior sets")


def sky_model_of(given: str | Path | SkyModel | None) -> SkyModel:
    """Return the sky model of an emulator's file, that of the package, or the given one."""
    from crsea_infer import emulator

    if given is None or isinstance(given, str | Path):
        path = None if given is None else Path(given).expanduser()
        if path is not None and not path.is_file():
            raise UserError(
                f"there is no file {path}", valid="an emulator made by 'crsea-infer emulator train', or None"
            )
        return emulator.load(path)
    return given


def _data_sets(
    given: str | Path | Likelihood | Sequence[str | Path | Likelihood], options: Mapping[str, Mapping[str, Any]]
) -> tuple[Likelihood, ...]:
    from crsea_infer.content.finding import likelihood_name
    from crsea_infer.inference.likelihoods.likelihood import Likelihood, load_likelihood

    several = [given] if isinstance(given, str | Path | Likelihood) else list(given)
    names = [likelihood_name(str(one)) if isinstance(one, str | Path) else one.name for one in several]
    for name in options:
        if name not in names:
            raise unknown_name("data set", name, names, where="options")
    return tuple(
        load_likelihood(str(one), options.get(name), options_where=f"options[{name!r}]")
        if isinstance(one, str | Path)
        else one
        for one, name in zip(several, names, strict=True)
    )

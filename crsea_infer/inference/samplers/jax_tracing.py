"""A target as JAX sees it, for the samplers of the extra `jax`.

Likelihoods are written against the array API, so JAX traces the same code that NumPy runs, compiles it, runs it on any
device and differentiates it. Here a traced ln L of one point in probit coordinates is made and compared with NumPy's
before anything relies on it. Double precision is asked for inside a context, never for the whole process: ln L is a sum
of many terms of which only the differences matter.

A traced function cannot raise. One that comes out as NaN is therefore made +inf, which samplers keep; they look for it
after every block and then ask NumPy, which stops with the parameters that caused it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.inference.samplers.sampler import EDGE, Counted, to_unit
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crsea_infer.support.arrays import Float64

__all__ = [
    "JAX_EXTRA",
    "JAX_PACKAGES",
    "double_precision",
    "random_key",
    "refuse_disagreement",
    "refuse_nan",
    "refusing_untraceable",
    "traceable_log_likelihood",
    "traced_log_likelihood",
]

JAX_PACKAGES: Final = ("jax", "blackjax")
"""What the samplers of the extra import."""

JAX_EXTRA: Final = "jax"
"""The extra of this package that installs them."""

_AGREEMENT = 1e-8
_COMPARED = 16


@contextmanager
def double_precision() -> Iterator[None]:
    """Let JAX compute in double precision within this context.

    Raises
    ------
    UserError
        When the device that JAX_PLATFORMS names is not there.
    """
    import jax

    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        _require_device(jax)
        yield


def _require_device(jax: Any) -> None:
    """Refuse to go on without the device that the user asked for; start it, if it is there."""
    try:
        jax.devices()
    except (AssertionError, RuntimeError) as error:  # which of them, depends on the version
        asked = os.environ.get("JAX_PLATFORMS", "")
        reason = (str(error).splitlines() or ["it does not say why"])[0]
        raise UserError(
            f"JAX finds no device{f' for JAX_PLATFORMS={asked}' if asked else ''} ({reason})",
            valid="JAX_PLATFORMS=cpu, or a platform whose device and JAX plug-in are installed",
            fix="unset JAX_PLATFORMS, set it to cpu, or install what the device needs (jax[cuda12], for example)",
        ) from error


def random_key(seed: np.random.SeedSequence) -> Any:
    """Return a JAX key from 64 bits of a seed."""
    import jax

    high, low = (int(word) for word in seed.generate_state(2))
    return jax.random.fold_in(jax.random.key(high), low)


def traced_log_likelihood(counted: Counted, sampler: str, probit: Float64) -> Callable[[Any], Any]:
    """Return ln L of one point [d] in probit coordinates as a function that JAX can trace; +inf where it is NaN.

    Parameters
    ----------
    counted
        The target.
    sampler
        Whose name stands in messages.
    probit
        Points [n, d] at which JAX and NumPy must agree; call this within :func:`double_precision`.

    Raises
    ------
    UserError
        When the likelihood cannot be traced, or when JAX and NumPy give different values.
    """
    import jax

    log_likelihood = traceable_log_likelihood(counted)
    some = probit[:_COMPARED]
    with refusing_untraceable(sampler):
        values = np.asarray(jax.jit(jax.vmap(log_likelihood))(jax.numpy.asarray(some)))
    refuse_disagreement(counted, sampler, some, values)
    return log_likelihood


def traceable_log_likelihood(counted: Counted) -> Callable[[Any], Any]:
    """Return ln L of one point [d] in probit coordinates for JAX, not compared with NumPy's; +inf where it is NaN."""
    import jax
    import jax.numpy as jnp

    def log_likelihood(z: Any) -> Any:
        unit = jnp.clip(jax.scipy.special.ndtr(z), EDGE, 1.0 - EDGE)
        value = counted.target.log_likelihood(counted.target.prior_transform(unit))
        return jnp.where(jnp.isnan(value), jnp.inf, value)

    return log_likelihood


@contextmanager
def refusing_untraceable(sampler: str) -> Iterator[None]:
    """Refuse a likelihood that cannot be traced within this context, in the name of a sampler."""
    try:
        yield
    except TypeError as error:  # what JAX raises when NumPy or SciPy is called on a traced array
        raise UserError(
            f"the likelihood cannot be traced by JAX: {str(error).splitlines()[0]}",
            valid="likelihoods written against the array API, as those of this package are",
            fix=f"use the sampler dynesty or nautilus instead of {sampler}",
        ) from error


def refuse_disagreement(counted: Counted, sampler: str, probit: Float64, values: Float64) -> None:
    """Refuse ln L [n] of JAX at points [n, d] where NumPy gives another, in the name of a sampler."""
    refuse_nan(counted, probit, values)
    expected = Counted(counted.target).from_probit(probit)  # not counted: a resumed run compares again
    finite = np.isfinite(expected)
    difference = np.abs(values - expected)[finite] / (1.0 + np.abs(expected[finite]))
    if not np.array_equal(finite, np.isfinite(values)) or (finite.any() and np.max(difference) > _AGREEMENT):
        raise UserError(
            f"JAX and NumPy give different values of the likelihood (up to {np.max(difference, initial=0.0):.2g})",
            valid=f"agreement to {_AGREEMENT:g}",
            fix=f"use the sampler dynesty or nautilus instead of {sampler}, and report this",
        )


def refuse_nan(counted: Counted, probit: Float64, log_likelihood: Float64) -> None:
    """Stop where a traced ln L [n] at points [n, d] came out as +inf.

    Raises
    ------
    UserError
        With the parameters that caused it.
    """
    # A trajectory that ran away has no point at all; that is not the likelihood's fault.
    bad = (np.isposinf(log_likelihood) | np.isnan(log_likelihood)) & np.isfinite(probit).all(axis=-1)
    if np.any(bad):
        counted.from_unit(to_unit(probit[bad]))  # raises, where NumPy too finds NaN
        point = np.asarray(counted.target.prior_transform(to_unit(probit[bad])))[0]
        shown = ", ".join(f"{name} = {value:.6g}" for name, value in zip(counted.names, point, strict=True))
        raise UserError(
            f"the likelihood is nan at {shown} when traced by JAX",
            valid="a finite logarithm, or -inf where the model does not hold",
            fix="use the sampler dynesty or nautilus, and report this",
        )

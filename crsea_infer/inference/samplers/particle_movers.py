"""Particles on the move, by NumPy on a core or by JAX on whatever device it finds.

Both do the same: moves of :mod:`crsea_infer.inference.samplers.particle_moves`, until the particles of a temperature
have forgotten where they started. JAX compiles the likelihood once for each structure of a posterior, with its data as
arguments, so that posteriors of the same structure share the compiled function, in this process and on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.inference.samplers.jax_tracing import (
    random_key,
    refuse_disagreement,
    refuse_nan,
    refusing_untraceable,
    traceable_log_likelihood,
)
from crsea_infer.inference.samplers.particle_moves import (
    FREEDOM,
    Lengths,
    Randoms,
    Shape,
    accepted,
    adapted,
    correlations,
    fitted,
    proposed,
)
from crsea_infer.inference.samplers.sampler import Counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.inference.target import Target
    from crsea_infer.support.arrays import Array, Float64

__all__ = ["Compiled", "JaxMover", "Mover", "Settled", "forget_functions", "n_functions"]

_COMPARED = 16
_BLOCK = 4  # moves between two looks at what is remembered


@dataclass(frozen=True)
class Settled:
    """Particles that have moved at one temperature.

    Attributes
    ----------
    points, log_likelihood
        [k, n, d] and [k, n].
    lengths
        Of further moves.
    moves
        How many there were.
    remembered
        Largest correlation with the start.
    taken
        Share of moves that were accepted.
    """

    points: Float64
    log_likelihood: Float64
    lengths: Lengths
    moves: int
    remembered: float
    taken: float


class Mover:
    """Moves particles by NumPy.

    Parameters
    ----------
    counted
        The target.
    """

    def __init__(self, counted: Counted) -> None:
        self.counted = counted

    def settle(
        self,
        points: Float64,
        values: Float64,
        beta: Float64,
        lengths: Lengths,
        seed: np.random.SeedSequence,
        forgotten: float,
        most_moves: int,
    ) -> Settled:
        """Move particles [k, n, d] with ln L [k, n] at inverse temperatures [k] until they have forgotten their start.

        Parameters
        ----------
        forgotten
            Correlation with the start that counts as none.
        most_moves
            Moves at most.
        """
        source = self._source(seed)
        start = now = (self._array(points), self._array(values))
        beta, lengths = self._array(beta), Lengths(*map(self._array, lengths))
        shape = self._fitted(start[0])
        moves, share, remembered = 0, self._array(0.0), 1.0
        while moves < most_moves and remembered > forgotten:
            for _ in range(_BLOCK):
                others, log_ratio, randoms = self._propose(source, moves, now[0], start[0], shape, lengths)
                after = (others, self._values(others))
                *moved, lengths, taken = self._decide(now, after, log_ratio, beta, randoms, lengths)
                now = (moved[0], moved[1])
                share = share + taken
                moves += 1
            self._look(*now)
            remembered = float(np.max(np.asarray(self._correlations(shape, start, now))))
        host = [np.asarray(array) for array in (*now, *lengths)]
        return Settled(host[0], host[1], Lengths(*host[2:]), moves, remembered, float(share) / moves)

    def _source(self, seed: np.random.SeedSequence) -> Any:
        return np.random.default_rng(seed)

    def _array(self, array: Array) -> Array:
        return np.asarray(array)

    def _fitted(self, points: Array) -> Shape:
        return fitted(np, points)

    def _correlations(self, shape: Shape, start: tuple[Array, Array], now: tuple[Array, Array]) -> Array:
        return correlations(np, shape, start, now)

    def _values(self, points: Array) -> Array:
        return self.counted.from_probit(points.reshape(-1, points.shape[-1])).reshape(points.shape[:-1])

    def _look(self, points: Array, values: Array) -> None:
        """Refuse what is no number; NumPy has done so before."""

    def _propose(
        self, source: Any, move: int, points: Array, kept: Array, shape: Shape, lengths: Lengths
    ) -> tuple[Array, Array, Randoms]:
        del move  # the source knows
        randoms = _drawn(source, *points.shape)
        return *proposed(np, points, kept, shape, lengths, randoms), randoms

    def _decide(
        self,
        before: tuple[Array, Array],
        after: tuple[Array, Array],
        log_ratio: Array,
        beta: Array,
        randoms: Randoms,
        lengths: Lengths,
    ) -> tuple[Array, Array, Lengths, Array]:
        return _decided(np, before, after, log_ratio, beta, randoms, lengths)


def _decided(
    xp: Any,
    before: tuple[Array, Array],
    after: tuple[Array, Array],
    log_ratio: Array,
    beta: Array,
    randoms: Randoms,
    lengths: Lengths,
) -> tuple[Array, Array, Lengths, Array]:
    points, values, taken = accepted(xp, before, after, log_ratio, beta, randoms.accept)
    return points, values, adapted(xp, lengths, randoms.kind, taken), xp.mean(1.0 * taken)


def _drawn(generator: np.random.Generator, k: int, n: int, d: int) -> Randoms:
    first = generator.integers(n, size=(k, n))
    return Randoms(
        normal=generator.standard_normal((k, n, d)),
        tail=generator.chisquare(d + FREEDOM, size=(k, n)),
        fresh=generator.chisquare(FREEDOM, size=(k, n)),
        kind=generator.random((k, n)),
        accept=generator.random((k, n)),
        first=first,
        second=(first + generator.integers(1, n, size=(k, n))) % n,
        jitter=generator.standard_normal((k, n)),
    )


class Compiled(Counted):
    """A target of which JAX evaluates batches, in blocks of one size; within :func:`double_precision` only.

    Parameters
    ----------
    target
        What is traced.
    sampler
        Whose name stands in messages.
    block
        Points at once.
    """

    def __init__(self, target: Target, sampler: str, block: int, n_calls: int = 0) -> None:
        import jax

        super().__init__(target, n_calls)
        self.block = block
        n_dimensions = len(self.names)
        form: Any = jax.ShapeDtypeStruct((block, n_dimensions), np.float64)  # type: ignore[no-untyped-call]
        with refusing_untraceable(sampler):
            traced = jax.make_jaxpr(jax.vmap(traceable_log_likelihood(Counted(target))))(form)
        self._function, self._data = _with_data(traced)
        some = np.random.default_rng(0).standard_normal((_COMPARED, n_dimensions))
        refuse_disagreement(Counted(target), sampler, some, self._padded(some))

    def on_device(self, points: Array) -> Array:
        """Return ln L [block] of points [block, d] in probit coordinates, where they are; +inf where it is NaN."""
        self.n_calls += self.block
        return self._function(self._data, points)

    def from_probit(self, probit: Float64) -> Float64:
        """Return ln L [n] at points [n, d] in probit coordinates; raises as :class:`Counted`."""
        values = self._padded(probit)
        self.n_calls += len(probit)
        refuse_nan(Counted(self.target), probit, values)
        return values

    def _padded(self, probit: Float64) -> Float64:
        n_points = len(probit)
        n_blocks = -(-n_points // self.block)
        padded = np.concatenate([probit, np.repeat(probit[-1:], n_blocks * self.block - n_points, axis=0)])
        parts = [self._function(self._data, block) for block in np.split(padded, n_blocks)]
        return np.concatenate([np.asarray(part) for part in parts])[:n_points]


_FUNCTIONS: dict[tuple[str, tuple[Any, ...]], Callable[..., Any]] = {}


def n_functions() -> int:
    """Return of how many structures likelihoods are compiled in this process."""
    return len(_FUNCTIONS)


def forget_functions() -> None:
    """Drop all compiled likelihoods of this process."""
    _FUNCTIONS.clear()


def _with_data(traced: Any) -> tuple[Callable[..., Any], list[Any]]:
    """Return a compiled function of the constants of a traced one and its argument, and those constants.

    What is traced alike, but for the values of its constants, is the same function.
    """
    import jax
    from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

    data = [jax.numpy.asarray(constant) for constant in traced.consts]
    key = (str(traced.jaxpr), tuple((one.shape, str(one.dtype)) for one in data))
    if key not in _FUNCTIONS:
        inner = traced.jaxpr

        def evaluate(constants: list[Any], points: Any) -> Any:
            (found,) = jaxpr_as_fun(ClosedJaxpr(inner, constants))(points)
            return found

        _FUNCTIONS[key] = jax.jit(evaluate)
    return _FUNCTIONS[key], data


class JaxMover(Mover):
    """Moves particles by JAX, in double precision; the target evaluates as many at once as there are."""

    counted: Compiled

    def __init__(self, counted: Compiled) -> None:
        super().__init__(counted)
        self._compiled = _compiled_moves()

    def _source(self, seed: np.random.SeedSequence) -> Any:
        return random_key(seed)

    def _array(self, array: Array) -> Array:
        import jax.numpy as jnp

        return jnp.asarray(array)

    def _fitted(self, points: Array) -> Shape:
        return Shape(*self._compiled["fitted"](points))

    def _correlations(self, shape: Shape, start: tuple[Array, Array], now: tuple[Array, Array]) -> Array:
        return self._compiled["correlations"](shape, start, now)

    def _values(self, points: Array) -> Array:
        return self.counted.on_device(points.reshape(-1, points.shape[-1])).reshape(points.shape[:-1])

    def _look(self, points: Array, values: Array) -> None:
        if not np.isfinite(np.asarray(values)).all():
            flat = np.asarray(points).reshape(-1, points.shape[-1])
            refuse_nan(Counted(self.counted.target), flat, np.asarray(values).reshape(-1))

    def _propose(
        self, source: Any, move: int, points: Array, kept: Array, shape: Shape, lengths: Lengths
    ) -> tuple[Array, Array, Randoms]:
        others, log_ratio, randoms = self._compiled["propose"](source, move, points, kept, shape, lengths)
        return others, log_ratio, randoms

    def _decide(
        self,
        before: tuple[Array, Array],
        after: tuple[Array, Array],
        log_ratio: Array,
        beta: Array,
        randoms: Randoms,
        lengths: Lengths,
    ) -> tuple[Array, Array, Lengths, Array]:
        points, values, lengths, taken = self._compiled["decide"](before, after, log_ratio, beta, randoms, lengths)
        return points, values, lengths, taken


@cache
def _compiled_moves() -> dict[str, Callable[..., Any]]:
    """Return the functions of :mod:`particle_moves` compiled; once for all targets of a shape."""
    import jax
    import jax.numpy as jnp

    def drawn(key: Any, k: int, n: int, d: int) -> Randoms:
        keys = jax.random.split(key, 8)
        first = jax.random.randint(keys[5], (k, n), 0, n)
        return Randoms(
            normal=jax.random.normal(keys[0], (k, n, d)),
            tail=jnp.sum(jax.random.normal(keys[1], (k, n, d + FREEDOM)) ** 2, axis=-1),
            fresh=jnp.sum(jax.random.normal(keys[2], (k, n, FREEDOM)) ** 2, axis=-1),
            kind=jax.random.uniform(keys[3], (k, n)),
            accept=jax.random.uniform(keys[4], (k, n)),
            first=first,
            second=(first + jax.random.randint(keys[6], (k, n), 1, n)) % n,
            jitter=jax.random.normal(keys[7], (k, n)),
        )

    def propose(key: Any, move: Any, points: Any, kept: Any, shape: Any, lengths: Any) -> Any:
        randoms = drawn(jax.random.fold_in(key, move), *points.shape)
        return *proposed(jnp, points, kept, shape, lengths, randoms), randoms

    return {
        "fitted": jax.jit(lambda points: fitted(jnp, points)),
        "propose": jax.jit(propose),
        "decide": jax.jit(lambda *given: _decided(jnp, *given)),
        "correlations": jax.jit(lambda *given: correlations(jnp, *given)),
    }

"""Problems with a known answer, on which samplers are tried. NumPy and JAX both run them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from elementary_problems import LinearGaussian, UnitCube
from scipy import integrate, special, stats

from crsea_infer.inference.samplers.dynesty_dynamic import DynamicDynestyOptions
from crsea_infer.inference.samplers.dynesty_static import DynestyOptions
from crsea_infer.inference.samplers.emcee_ensemble import EmceeOptions
from crsea_infer.inference.samplers.importance import ImportanceOptions
from crsea_infer.inference.samplers.jax_nested import JaxNestedOptions
from crsea_infer.inference.samplers.nautilus import NautilusOptions
from crsea_infer.inference.samplers.nuts import NutsOptions
from crsea_infer.inference.samplers.registry import sampler_class
from crsea_infer.inference.samplers.smc_options import SmcOptions
from crsea_infer.support.arrays import array_namespace

QUICK = {
    "dynesty": DynestyOptions(subruns=3, live_points=40, walks=20, walkers=10, remaining=0.2),
    "dynesty-dynamic": DynamicDynestyOptions(
        subruns=2,
        live_points=40,
        batch_live_points=40,
        most_batches=3,
        effective_samples=800.0,
        walks=20,
        walkers=10,
        remaining=0.2,
    ),
    "emcee": EmceeOptions(block=100, max_steps=400),
    "importance": ImportanceOptions(walkers=64, steps=80, draws=3000, least_effective=100.0, fallback="none"),
    "jax-nested": JaxNestedOptions(subruns=2, live_points=80, replaced=20, remaining=0.2),
    "nautilus": NautilusOptions(live_points=200, networks=1, batch=128, effective_samples=800.0),
    "smc": SmcOptions(particles=64, components=4, draws=1000, most_moves=12),
    "nuts": NutsOptions(chains=2, adaptation=200, block=100, most_draws=300, effective_samples=200.0),
}


@dataclass(frozen=True)
class TwoModes(UnitCube):
    """Two narrow normal peaks, 30 % and 70 %, far apart in the unit cube: ln Z = 0."""

    separation: float = 0.25
    width: float = 0.03
    lnz: float = 0.0

    def log_likelihood(self, theta: Any) -> Any:
        xp = array_namespace(theta)
        low, high = (self.log_peak(theta, 0.5 + sign * self.separation, self.width) for sign in (-1.0, 1.0))
        return xp.logaddexp(np.log(0.3) + low, np.log(0.7) + high)


@dataclass(frozen=True)
class NarrowMode(UnitCube):
    """Two normal peaks of half the evidence each, one five times narrower than the other: ln Z = 0."""

    separation: float = 0.25
    width: float = 0.03
    narrower: float = 5.0
    lnz: float = 0.0

    def log_likelihood(self, theta: Any) -> Any:
        xp = array_namespace(theta)
        wide = self.log_peak(theta, 0.5 - self.separation, self.width)
        narrow = self.log_peak(theta, 0.5 + self.separation, self.width / self.narrower)
        return xp.logaddexp(wide, narrow) + np.log(0.5)


@dataclass(frozen=True)
class AtAnEdge(UnitCube):
    """A normal peak of which the prior cuts off most: its centre lies outside the unit cube along the first axis."""

    names: tuple[str, ...] = ("x_0", "x_1", "x_2", "x_3")
    width: float = 0.1
    outside: float = 0.1

    @cached_property
    def lnz(self) -> float:
        inside = special.ndtr(-self.outside / self.width) - special.ndtr(-(1.0 + self.outside) / self.width)
        rest = 1.0 - 2.0 * special.ndtr(-0.5 / self.width)
        return float(np.log(inside) + (len(self.names) - 1) * np.log(rest))

    @cached_property
    def edge_mean(self) -> float:
        """Mean of the first parameter: of a normal above a threshold (the far end is out of reach)."""
        beta = self.outside / self.width
        hazard = np.exp(-0.5 * beta**2) / np.sqrt(2.0 * np.pi) / special.ndtr(-beta)
        return float(self.width * hazard - self.outside)

    def log_likelihood(self, theta: Any) -> Any:
        xp = array_namespace(theta)
        centre = xp.asarray([-self.outside] + [0.5] * (len(self.names) - 1))
        return self.log_peak(theta - centre, 0.0, self.width)


@dataclass(frozen=True)
class FlatDirection(UnitCube):
    """The data speak of the sum of the first two parameters and of the third alone; two more are left as the prior."""

    width: float = 0.02

    @cached_property
    def lnz(self) -> float:
        # The density of the sum of two uniform numbers is 1 at 1, falls linearly to both sides, and so averages to
        # 1 - E|deviation| over the peak.
        return float(np.log(1.0 - self.width * np.sqrt(2.0 / np.pi)))

    def log_likelihood(self, theta: Any) -> Any:
        along = ((theta[..., 0] + theta[..., 1] - 1.0) / self.width) ** 2
        alone = ((theta[..., 2] - 0.5) / self.width) ** 2
        return -0.5 * (along + alone) - 2.0 * np.log(self.width * np.sqrt(2.0 * np.pi))


@dataclass(frozen=True)
class Banana:
    """A curved valley in two dimensions, with ln Z by quadrature."""

    names: tuple[str, ...] = ("along", "across")

    def prior_transform(self, unit: Any) -> Any:
        return 4.0 * unit - 2.0

    def log_likelihood(self, theta: Any) -> Any:
        x, y = theta[..., 0], theta[..., 1]
        return -(((1.0 - x) / 0.6) ** 2) - ((y - x**2) / 0.15) ** 2

    @cached_property
    def lnz(self) -> float:
        grid = (np.arange(4000) + 0.5) / 4000
        unit = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1)
        return float(np.log(np.mean(np.exp(self.log_likelihood(self.prior_transform(unit))))))


@dataclass(frozen=True)
class FlatTop(UnitCube):
    """ln L = 0 within a ball in the unit cube and a normal slope beyond its radius: the top is a plateau."""

    names: tuple[str, ...] = ("x_0", "x_1", "x_2")
    radius: float = 0.25
    width: float = 0.03

    @cached_property
    def lnz(self) -> float:
        n = len(self.names)
        surface = 2.0 * np.pi ** (n / 2.0) / special.gamma(n / 2.0)
        slope = integrate.quad(
            lambda r: r ** (n - 1) * np.exp(-0.5 * ((r - self.radius) / self.width) ** 2), self.radius, 0.5
        )[0]
        return float(np.log(surface * (self.radius**n / n + slope)))

    def log_likelihood(self, theta: Any) -> Any:
        xp = array_namespace(theta)
        radius = xp.sqrt(xp.sum((theta - 0.5) ** 2, axis=-1))
        return -0.5 * (xp.maximum(radius - self.radius, 0.0) / self.width) ** 2


@dataclass(frozen=True)
class UpperLimit(UnitCube):
    """Two fluxes of which the sum has an upper limit that most of the posterior meets: half of it is a plateau.

    The third parameter does not matter.
    """

    names: tuple[str, ...] = ("x_0", "x_1", "x_2")
    limit: float = 0.3
    width: float = 0.1

    @cached_property
    def lnz(self) -> float:
        beyond = integrate.quad(
            lambda total: (1.0 - abs(1.0 - total)) * np.exp(-0.5 * ((total - self.limit) / self.width) ** 2),
            self.limit,
            2.0,
            points=[1.0],
        )[0]
        return float(np.log(0.5 * self.limit**2 + beyond))

    def log_likelihood(self, theta: Any) -> Any:
        xp = array_namespace(theta)
        return -0.5 * (xp.maximum(theta[..., 0] + theta[..., 1] - self.limit, 0.0) / self.width) ** 2


@dataclass(frozen=True)
class FlatBottom(UnitCube):
    """A step of height 4 in ln L: a box of 2 % of the prior stands on a plateau, and a round peak in the box."""

    names: tuple[str, ...] = ("x_0", "x_1", "x_2")
    share: float = 0.02
    step: float = 4.0
    width: float = 0.1

    @property
    def half(self) -> float:
        """Half the side of the box."""
        return 0.5 * self.share ** (1.0 / len(self.names))

    @cached_property
    def lnz(self) -> float:
        along = np.sqrt(2.0 * np.pi) * self.width * special.erf(self.half / self.width / np.sqrt(2.0))
        return float(np.log(1.0 - self.share + np.exp(self.step) * along ** len(self.names)))

    def log_likelihood(self, theta: Any) -> Any:
        xp = array_namespace(theta)
        inside = xp.all(abs(theta - 0.5) < self.half, axis=-1)
        return xp.where(inside, self.step - 0.5 * xp.sum(((theta - 0.5) / self.width) ** 2, axis=-1), 0.0)


@dataclass(frozen=True)
class HeavyTail(UnitCube):
    """Independent Student t of two degrees of freedom, a hundredth of the prior wide, along each axis."""

    names: tuple[str, ...] = ("x_0", "x_1", "x_2", "x_3")
    width: float = 0.01

    @cached_property
    def lnz(self) -> float:
        return float(len(self.names) * np.log(1.0 - 2.0 * stats.t.sf(0.5 / self.width, 2)))

    def log_likelihood(self, theta: Any) -> Any:
        xp = array_namespace(theta)
        tails = 1.5 * xp.log(1.0 + 0.5 * ((theta - 0.5) / self.width) ** 2) + np.log(2.0 * np.sqrt(2.0) * self.width)
        return -xp.sum(tails, axis=-1)


@dataclass(frozen=True)
class HalfSpace(UnitCube):
    """A round peak near a wall inside the prior, beyond which the model does not hold: ln L is -inf there."""

    names: tuple[str, ...] = ("x_0", "x_1", "x_2", "x_3")
    width: float = 0.06
    wall: float = 0.45

    @cached_property
    def lnz(self) -> float:
        far = special.ndtr(0.5 / self.width)
        kept = far - special.ndtr((self.wall - 0.5) / self.width)
        return float(np.log(kept) + (len(self.names) - 1) * np.log(2.0 * far - 1.0))

    def log_likelihood(self, theta: Any) -> Any:
        xp = array_namespace(theta)
        return xp.where(theta[..., 0] > self.wall, self.log_peak(theta, 0.5, self.width), -np.inf)


@dataclass(frozen=True)
class Corner(UnitCube):
    """An exponential fall from a corner of the prior: ln L is largest where all parameters are zero."""

    names: tuple[str, ...] = ("x_0", "x_1", "x_2", "x_3")
    scale: float = 0.05

    @cached_property
    def lnz(self) -> float:
        return float(len(self.names) * np.log(-self.scale * np.expm1(-1.0 / self.scale)))

    def log_likelihood(self, theta: Any) -> Any:
        return -array_namespace(theta).sum(theta, axis=-1) / self.scale


@dataclass(frozen=True)
class UnequalModes(UnitCube):
    """Two round peaks, of 75 % and 25 % of the evidence, the smaller one half as wide."""

    names: tuple[str, ...] = ("x_0", "x_1", "x_2", "x_3")
    centres: tuple[float, float] = (0.3, 0.7)
    widths: tuple[float, float] = (0.06, 0.03)
    shares: tuple[float, float] = (0.75, 0.25)

    @cached_property
    def lnz(self) -> float:
        inside = [
            (special.ndtr((1.0 - centre) / width) - special.ndtr(-centre / width)) ** len(self.names)
            for centre, width in zip(self.centres, self.widths, strict=True)
        ]
        return float(np.log(np.dot(self.shares, inside)))

    def log_likelihood(self, theta: Any) -> Any:
        one, other = (
            np.log(share) + self.log_peak(theta, centre, width)
            for share, centre, width in zip(self.shares, self.centres, self.widths, strict=True)
        )
        return array_namespace(theta).logaddexp(one, other)


@dataclass(frozen=True)
class TwistedBanana:
    """Two twisted normals (Haario et al. 2001): the second of each pair of parameters is bent by the first.

    A twist keeps volumes, so ln Z is that of the normals, but for what the prior cuts off, by quadrature.
    """

    names: tuple[str, ...] = ("long_0", "bent_0", "long_1", "bent_1")
    long: float = 1.0
    thin: float = 0.05
    bend: float = 1.0
    low: float = -5.0
    high: float = 20.0

    def prior_transform(self, unit: Any) -> Any:
        return self.low + (self.high - self.low) * unit

    @cached_property
    def lnz(self) -> float:
        def inside(along: float) -> float:
            bent = self.bend * along**2
            across = special.ndtr((self.high - bent) / self.thin) - special.ndtr((self.low - bent) / self.thin)
            return float(stats.norm.pdf(along, scale=self.long) * across)

        edge = np.sqrt(self.high / self.bend)
        pair = integrate.quad(inside, self.low, edge, points=[0.0, -edge])[0]
        return float(2.0 * np.log(pair) - 4.0 * np.log(self.high - self.low))

    def log_likelihood(self, theta: Any) -> Any:
        xp = array_namespace(theta)
        along, bent = theta[..., ::2], theta[..., 1::2]
        squares = (along / self.long) ** 2 + ((bent - self.bend * along**2) / self.thin) ** 2
        return -0.5 * xp.sum(squares, axis=-1) - 2.0 * np.log(2.0 * np.pi * self.long * self.thin)


class InterruptAfterError(Exception):
    """The interruption of :class:`Interrupted`."""


class Interrupted:
    """A target that is interrupted after so many evaluated points."""

    def __init__(self, target: LinearGaussian, points: int) -> None:
        self.target = target
        self.names = target.names
        self.left = points

    def prior_transform(self, unit: np.ndarray) -> np.ndarray:
        return self.target.prior_transform(unit)

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        self.left -= len(theta)
        if self.left < 0:
            raise InterruptAfterError
        return self.target.log_likelihood(theta)


PROBLEMS: dict[str, Any] = {
    **{f"Gaussian, {n} dimensions": LinearGaussian.make(n, 15, 0.3) for n in (2, 5, 10, 20)},
    "two modes": TwoModes(),
    "banana": Banana(),
    "truncated at an edge": AtAnEdge(),
    "flat directions": FlatDirection(),
    "flat top": FlatTop(),
    "upper limit": UpperLimit(),
    "flat bottom": FlatBottom(),
    "heavy tail": HeavyTail(),
    "half-space": HalfSpace(),
    "corner of the prior": Corner(),
    "unequal modes": UnequalModes(),
    "twisted banana, 4 dimensions": TwistedBanana(),
}
"""Problems of the calibration table, by name."""


def modest_options(sampler: str, n_dimensions: int) -> Any:
    """Return options that give an honest ln Z in about a second."""
    walks = {"subruns": 2, "live_points": 60, "walks": 5 + 4 * n_dimensions, "walkers": 30}
    batches = {"batch_live_points": 60, "most_batches": 3, "effective_samples": 1000.0}
    chosen: dict[str, dict[str, Any]] = {
        "dynesty": walks,
        "dynesty-dynamic": {**walks, **batches},
        "importance": {"walkers": 128, "steps": 200, "draws": 6000, "least_effective": 200.0, "fallback": "none"},
        "jax-nested": {"subruns": 2, "live_points": 100, "replaced": 25},
        "smc": {"particles": 256, "draws": 4000, "most_moves": 100},
        "nautilus": {"live_points": 300, "networks": 1, "batch": 256, "effective_samples": 1000.0},
    }
    return sampler_class(sampler).Options(**chosen[sampler])

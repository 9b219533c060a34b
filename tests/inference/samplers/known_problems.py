"""Problems with a known answer, on which samplers are tried. NumPy and JAX both run them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import special

from crsea_infer.arrays import array_namespace
from crsea_infer.inference.distributions import special_functions
from crsea_infer.inference.samplers.dynamic import DynamicDynestyOptions
from crsea_infer.inference.samplers.ensemble import EmceeOptions
from crsea_infer.inference.samplers.hamiltonian import NutsOptions
from crsea_infer.inference.samplers.importance import ImportanceOptions
from crsea_infer.inference.samplers.nested import DynestyOptions
from crsea_infer.inference.samplers.neural import NautilusOptions
from crsea_infer.inference.samplers.registry import sampler_class
from crsea_infer.inference.samplers.slices import JaxNestedOptions

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
    "importance": ImportanceOptions(walkers=64, steps=80, draws=3000, least_effective=100.0),
    "jax-nested": JaxNestedOptions(subruns=2, live_points=80, replaced=20, remaining=0.2),
    "nautilus": NautilusOptions(live_points=200, networks=1, batch=128, effective_samples=800.0),
    "nuts": NutsOptions(chains=2, adaptation=200, block=100, most_draws=300, effective_samples=200.0),
}


@dataclass(frozen=True)
class LinearGaussian:
    """y = A theta + noise with unit normal prior and unit normal noise: ln Z, mean and covariance in closed form."""

    design: np.ndarray
    data: np.ndarray

    @classmethod
    def make(cls, n_dimensions: int, n_data: int, scale: float, seed: int = 3) -> LinearGaussian:
        generator = np.random.default_rng(seed)
        design = scale * generator.normal(size=(n_data, n_dimensions)) * np.exp(generator.normal(size=n_dimensions))
        truth = generator.normal(size=n_dimensions)
        return cls(design, design @ truth + generator.normal(size=n_data))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"coefficient_{index}" for index in range(self.design.shape[1]))

    @cached_property
    def lnz(self) -> float:
        covariance = self.design @ self.design.T + np.eye(len(self.data))
        quadratic = self.data @ np.linalg.solve(covariance, self.data)
        return float(-0.5 * quadratic - 0.5 * np.linalg.slogdet(2.0 * np.pi * covariance)[1])

    @property
    def covariance(self) -> np.ndarray:
        return np.linalg.inv(self.design.T @ self.design + np.eye(self.design.shape[1]))

    @property
    def mean(self) -> np.ndarray:
        return self.covariance @ self.design.T @ self.data

    def prior_transform(self, unit: Any) -> Any:
        return special_functions(array_namespace(unit)).ndtri(unit)

    def log_likelihood(self, theta: Any) -> Any:
        xp = array_namespace(theta)
        residual = self.data - theta @ self.design.T
        return -0.5 * xp.sum(residual**2, axis=-1) - 0.5 * len(self.data) * np.log(2.0 * np.pi)


@dataclass(frozen=True)
class UnitCube:
    """A problem whose parameters are uniform between 0 and 1."""

    names: tuple[str, ...] = ("x_0", "x_1", "x_2", "x_3", "x_4")

    def prior_transform(self, unit: Any) -> Any:
        return 1.0 * unit

    def log_peak(self, theta: Any, centre: float, width: float) -> Any:
        """Return the logarithm of a normalised round normal peak."""
        xp = array_namespace(theta)
        distance = xp.sum(((theta - centre) / width) ** 2, axis=-1)
        return -0.5 * distance - theta.shape[-1] * np.log(width * np.sqrt(2.0 * np.pi))


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
}
"""Problems of the calibration table, by name."""


def modest_options(sampler: str, n_dimensions: int) -> Any:
    """Return options that give an honest ln Z in about a second."""
    walks = {"subruns": 2, "live_points": 60, "walks": 5 + 4 * n_dimensions, "walkers": 30}
    batches = {"batch_live_points": 60, "most_batches": 3, "effective_samples": 1000.0}
    chosen: dict[str, dict[str, Any]] = {
        "dynesty": walks,
        "dynesty-dynamic": {**walks, **batches},
        "importance": {"walkers": 128, "steps": 200, "draws": 6000, "least_effective": 200.0},
        "jax-nested": {"subruns": 2, "live_points": 100, "replaced": 25},
        "nautilus": {"live_points": 300, "networks": 1, "batch": 256, "effective_samples": 1000.0},
    }
    return sampler_class(sampler).Options(**chosen[sampler])

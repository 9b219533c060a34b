"""Problems with a known answer, on which samplers are tried."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from crsea_infer.inference.samplers.dynamic import DynamicDynestyOptions
from crsea_infer.inference.samplers.ensemble import EmceeOptions
from crsea_infer.inference.samplers.importance import ImportanceOptions
from crsea_infer.inference.samplers.nested import DynestyOptions

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

    @property
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

    def prior_transform(self, unit: np.ndarray) -> np.ndarray:
        return ndtri(unit)

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        residual = self.data - theta @ self.design.T
        return -0.5 * np.sum(residual**2, axis=-1) - 0.5 * len(self.data) * np.log(2.0 * np.pi)


@dataclass(frozen=True)
class TwoModes:
    """Two narrow normal peaks, 30 % and 70 %, far apart in the unit cube: ln Z = 0."""

    names: tuple[str, ...] = ("x_0", "x_1", "x_2", "x_3", "x_4")
    separation: float = 0.25
    width: float = 0.03
    lnz: float = 0.0

    def prior_transform(self, unit: np.ndarray) -> np.ndarray:
        return np.asarray(unit)

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        def peak(centre: float) -> np.ndarray:
            n_dimensions = theta.shape[-1]
            distance = np.sum(((theta - centre) / self.width) ** 2, axis=-1)
            return -0.5 * distance - n_dimensions * np.log(self.width * np.sqrt(2.0 * np.pi))

        low, high = 0.5 - self.separation, 0.5 + self.separation
        return np.logaddexp(np.log(0.3) + peak(low), np.log(0.7) + peak(high))


@dataclass(frozen=True)
class Banana:
    """A curved valley in two dimensions, with ln Z by quadrature."""

    names: tuple[str, ...] = ("along", "across")

    def prior_transform(self, unit: np.ndarray) -> np.ndarray:
        return 4.0 * np.asarray(unit) - 2.0

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        x, y = theta[..., 0], theta[..., 1]
        return -(((1.0 - x) / 0.6) ** 2) - ((y - x**2) / 0.15) ** 2

    @property
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

"""The two elements of problems with a known answer: a linear model with normal noise, and the unit cube."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from crsea_infer.hypotheses.distributions import special_functions
from crsea_infer.support.arrays import array_namespace


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

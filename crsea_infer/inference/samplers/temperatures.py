"""From prior to posterior by powers of the likelihood: how far to go at once, and the evidence of the whole way.

Between the prior and the posterior lie the distributions prior x L^beta, with an inverse temperature beta from 0 to 1.
Particles of one of them, weighted by a power of L, stand for the next; beta rises as far as leaves a given share of
them effective (Jasra et al. 2011, Scand. J. Stat. 38, 1). Each particle is copied as often as its weight says
(systematic resampling; Kitagawa 1996, J. Comput. Graph. Stat. 5, 1).

The evidence comes from the particles of all temperatures together, by the multistate Bennett acceptance ratio (Shirts
and Chodera 2008, arXiv:0801.1426): each particle is a draw from the mixture of all these distributions, and the
evidences of the distributions are what makes that consistent. It uses every step in both directions and is less
scattered than the product of mean weights. Its own error takes particles for independent; what they have in common,
through their ancestors, shows between sub-runs only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.inference.samplers.proposals import effective_sample

if TYPE_CHECKING:
    from crsea_infer.support.arrays import Float64

__all__ = ["evidence_of_all", "next_temperature", "resampled", "risen"]

_BISECTIONS = 60
_ITERATIONS = 50
_TOLERANCE = 1e-6  # of ln Z; Newton's last step is far better
_FEW = 512  # particles of each distribution with which to begin


def next_temperature(log_likelihood: Float64, beta: float, share: float) -> float:
    """Return the largest inverse temperature up to 1 at which a share of the particles is effective.

    Parameters
    ----------
    log_likelihood
        ln L [n] of the particles, all finite.
    beta
        Their inverse temperature.
    share
        Of the particles, between 0 and 1.
    """
    wanted = share * len(log_likelihood)
    low, high = 0.0, 1.0 - beta
    if effective_sample(high * log_likelihood) >= wanted:
        return 1.0
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        if effective_sample(middle * log_likelihood) >= wanted:
            low = middle
        else:
            high = middle
    return min(1.0, beta + max(low, 1e-300)) if low > 0.0 else min(1.0, beta + high)


def resampled(log_weights: Float64, generator: np.random.Generator, n: int | None = None) -> np.typing.NDArray[np.intp]:
    """Return the indices [n] of an equally weighted sample, of the same size unless another is asked for."""
    weights = np.exp(log_weights - np.max(log_weights))
    cumulative = np.cumsum(weights)
    n = len(weights) if n is None else n
    positions = (np.arange(n) + generator.random()) / n * cumulative[-1]
    found: np.typing.NDArray[np.intp] = np.searchsorted(cumulative, positions, side="right")
    return np.asarray(np.minimum(found, len(weights) - 1))


def risen(
    log_likelihood: Float64, betas: Float64, share: float, generator: np.random.Generator
) -> tuple[Float64, np.typing.NDArray[np.intp]]:
    """Raise the inverse temperatures of groups of particles.

    Parameters
    ----------
    log_likelihood
        ln L [k, n] of the particles of k groups, all finite.
    betas
        Their inverse temperatures [k].
    share
        Of the particles that stays effective.
    generator
        Of random numbers.

    Returns
    -------
    betas
        After the rise [k].
    chosen
        Which particles are copied, in any order [k, n].
    """
    after = np.array([next_temperature(own, now, share) for own, now in zip(log_likelihood, betas, strict=True)])
    weights = (after - betas)[:, None] * log_likelihood
    return after, np.stack([generator.permutation(resampled(own, generator)) for own in weights])


def evidence_of_all(log_likelihood: Float64, betas: Float64) -> tuple[float, float]:
    """Return ln of the ratio of evidences of the last and the first distribution, and its error.

    Parameters
    ----------
    log_likelihood
        ln L [t, n] of n particles of each of t distributions, in their order.
    betas
        Their inverse temperatures [t].
    """
    n_particles = log_likelihood.shape[1]
    if len(betas) == 1:
        return 0.0, 0.0
    reference = float(np.max(log_likelihood))
    shifted = log_likelihood - reference
    rises = np.diff(betas)[:, None] * shifted[:-1]
    lnz = np.concatenate([[0.0], np.cumsum(np.logaddexp.reduce(rises, axis=1) - np.log(n_particles))])
    every = max(1, n_particles // _FEW)
    if every > 1:  # most of the way by a part of the particles
        lnz, _ = _consistent(shifted[:, ::every], betas, lnz)
    lnz, weights = _consistent(shifted, betas, lnz)
    return float(lnz[-1] + (betas[-1] - betas[0]) * reference), _error(weights, n_particles)


def _consistent(log_likelihood: Float64, betas: Float64, lnz: Float64) -> tuple[Float64, Float64]:
    """Return ln Z [t] that agree with themselves, from a guess, and the shares of particles [t, t n]."""
    n_particles = log_likelihood.shape[1]
    energies = betas[:, None] * log_likelihood.reshape(-1)
    weights = _shares(energies, lnz)
    for _ in range(_ITERATIONS):
        # Newton's step for the condition that the shares of each distribution add up to its number of particles
        excess = n_particles - np.sum(weights, axis=1)[1:]
        hessian = np.diag(np.sum(weights, axis=1)) - weights @ weights.T
        step = np.linalg.lstsq(hessian[1:, 1:], excess, rcond=None)[0]
        step *= min(1.0, 1.0 / max(float(np.max(np.abs(step))), 1e-300))  # no further than one
        lnz = lnz - np.concatenate([[0.0], step])
        weights = _shares(energies, lnz)
        if np.max(np.abs(step)) < _TOLERANCE:
            break
    return lnz, weights


def _shares(energies: Float64, lnz: Float64) -> Float64:
    """Return the probability [t, t n] that a particle is a draw from each distribution."""
    terms = energies - lnz[:, None]
    terms -= np.max(terms, axis=0)
    shares = np.exp(terms)
    return np.asarray(shares / np.sum(shares, axis=0))


def _error(shares: Float64, n_particles: int) -> float:
    """Return the asymptotic error of the difference of ln Z of the last and the first distribution.

    Shirts and Chodera (2008), equation D4, with W = shares / n_particles.
    """
    n_distributions = len(shares)
    squares, axes = np.linalg.eigh(shares @ shares.T / n_particles**2)
    root = axes * np.sqrt(np.maximum(squares, 0.0))
    inner = np.eye(n_distributions) - n_particles * root.T @ root
    covariance = root @ np.linalg.pinv(inner, rcond=1e-10, hermitian=True) @ root.T
    variance = covariance[-1, -1] + covariance[0, 0] - 2.0 * covariance[0, -1]
    return float(np.sqrt(max(variance, 0.0)))

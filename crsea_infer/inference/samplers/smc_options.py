"""Options of the sampler `smc`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from crsea_infer.inference.samplers.options import Count, SamplerOptions

__all__ = ["SmcOptions"]


class SmcOptions(SamplerOptions):
    """Options of tempered sequential Monte Carlo.

    Attributes
    ----------
    backend
        What moves the particles: "numpy", or "jax", which needs the extra `jax` and uses a device where there is one.
    subruns
        Independent sub-runs, an even number of at least 4.
    particles
        Of each sub-run.
    effective_share
        Share of the particles that is effective after each rise of the power of the likelihood.
    forgotten
        Correlation of particles with their start, in every coordinate, below which they have moved enough.
    most_moves
        Moves at one temperature at most; particles that still remember their start are said not to have converged.
    components
        Most components of the proposal, at least 4; a quarter as many and a single one are tried as well.
    draws
        Weighted draws from the proposal of each half of the sub-runs; 0 for none.
    least_effective
        Effective sample of each half below which the evidence is not that of weighted draws.
    """

    backend: Literal["numpy", "jax"] = "numpy"
    subruns: Count = Field(default=4, ge=4, multiple_of=2)
    particles: Count = Field(default=512, ge=64)
    effective_share: float = Field(default=0.5, ge=0.1, le=0.95)
    forgotten: float = Field(default=0.05, gt=0.0, le=0.5)
    most_moves: Count = Field(default=1600, ge=4)
    components: int = Field(default=16, ge=4, le=64)
    draws: Count = Field(default=12000, ge=0)
    least_effective: float = Field(default=300.0, ge=100.0)

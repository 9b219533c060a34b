"""Infrared and starlight before the pixels of a map.

They lower each pixel by exp(-s tau), tau its effective depth and s a parameter, known to 30 %. This is expanded about
the mean of s. With G the geometry of :mod:`crsea_infer.emulator.response.sky_pixels`, w its weights, m their mean, and
s one more weight, so that its correlation with the others counts,

    I = exp(-s_mean tau) [G w - tau (s - s_mean) G m],

to first order in w - m and s; the mean has the second order too, the covariance of s with G w and exp(sd_s^2 tau^2 /
2). A pixel has the depth of its centre: pixels wider than a degree or two blur the plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.physics.infrared_sky import direction_depth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crsea_infer.physics.healpix_pixels import Pixelisation
    from crsea_infer.support.arrays import Float64

__all__ = ["Light"]


@dataclass(frozen=True)
class Light:
    """Infrared and starlight before the pixels of a sky.

    Attributes
    ----------
    scale
        Of the depth, at the draws [draw].
    depth
        Of each pixel [energy, pixel]; of one energy [pixel].
    """

    scale: Float64
    depth: Float64

    @classmethod
    def of(cls, scale: Float64, energies: Float64, sky: Pixelisation) -> Light:
        """Look through it from the pixels of a sky at some energies, GeV."""
        longitude, latitude = sky.centres(np.arange(sky.n_pixels))
        return cls(np.asarray(scale, dtype=float), direction_depth(energies.tolist(), longitude, latitude))

    def at(self, energy: int) -> Light | None:
        """Return that of one energy, by its number; None where there is nothing to absorb."""
        return Light(self.scale, self.depth[energy]) if self.depth[energy].any() else None

    def size(self, sizes: Sequence[Float64], weights: Sequence[Float64]) -> Float64:
        """Return how much the scale counts beside the other weights [1]: the depth times the mean intensity."""
        means = np.concatenate([np.mean(one, axis=0) for one in weights])
        return np.array([np.sqrt(np.mean(self.depth**2)) * float(np.sum(np.abs(means) * np.concatenate(sizes)))])

    def behind(self, seen: Float64, root_of_scale: Float64) -> Float64:
        """Return pixels [pixel, 1 + n], mean and root of the covariance, behind the light.

        `root_of_scale` [n] is the row of that root which belongs to the scale.
        """
        depth = self.depth[:, None]
        passed = np.exp(-np.mean(self.scale) * depth)
        root = passed * (seen[:, 1:] - depth * seen[:, :1] * root_of_scale)
        n = max(self.scale.size, 2)
        together = (seen[:, 1:] @ root_of_scale)[:, None] * (n - 1) / n  # mean of (s - s_mean) (I - I_mean)
        mean = seen[:, :1] * np.exp(0.5 * np.var(self.scale) * depth**2) - depth * together
        return np.concatenate([passed * mean, root], axis=1)

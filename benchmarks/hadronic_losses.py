"""How much energy losses of nuclei in the gas would change cosmic rays relative to those at the Sun.

    python benchmarks/hadronic_losses.py

The transport of the package has no losses of nuclei. Here the same equation is solved with and without a sink in the
gas of Nakanishi and Sofue, on a grid in R and z of finite volumes, which shares no code with the solver. The first
columns say how far the two solvers are apart without losses, the next what losses do at the Sun, where they only
rescale the source, the last what they do elsewhere relative to the Sun: all that predictions see.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from crsea_infer.physics.constants import CENTIMETRES_PER_KILOPARSEC, SUN_RADIUS
from crsea_infer.physics.gas import profile
from crsea_infer.physics.sources import source_layers
from crsea_infer.physics.transport import TransportSettings, relative_density

HALO = 4.7  # kpc
RADII = (2.0, 4.0, 6.0, 11.0, 14.0)  # kpc
# inelastic cross-section, 1.4 for helium, and 0.6 for what a collision takes from a spectrum of slope -2.7
SINK = 33e-27 * 1.4 * 0.6 * 3e10  # cm3/s


def in_plane(rigidity: float, delta_slope: float, sink: float) -> tuple[np.ndarray, np.ndarray]:
    """Return radii and the density in the plane, in arbitrary units."""
    n = 160
    step = 20.0 / n
    radius = (np.arange(n) + 0.5) * step
    edges = np.concatenate([np.arange(0.0, 1.0, 0.02), np.linspace(1.0, HALO, 50)])
    height, width = (edges[1:] + edges[:-1]) / 2.0, np.diff(edges)

    def diffusion(at: np.ndarray | float) -> np.ndarray:
        exponent = 0.5 + delta_slope * (np.minimum(at, SUN_RADIUS) - SUN_RADIUS)
        return np.asarray(3.8e28 / CENTIMETRES_PER_KILOPARSEC**2 * (rigidity / 4.0) ** exponent)

    gas = profile("HI", radius[:, None], height) + profile("H2", radius[:, None], height)
    wave = (np.arange(400) + 0.5) * np.pi / HALO
    source = np.zeros_like(gas)
    for layer in source_layers("ferriere"):
        modes = layer.vertical.cosine_coefficients(wave, HALO)
        vertical = np.maximum(modes @ np.cos(np.outer(wave, height)), 0.0)
        source += np.asarray(layer.radial(radius))[:, None] * vertical
    volume = (radius * step)[:, None] * width
    place = np.arange(gas.size).reshape(gas.shape)
    diagonal = sink * gas * volume
    faces = np.arange(1, n) * step
    outward = (faces * diffusion(faces) / step)[:, None] * width
    upward = (diffusion(radius) * radius * step)[:, None] / np.diff(height)
    diagonal[:-1] += outward
    diagonal[1:] += outward
    diagonal[:, :-1] += upward
    diagonal[:, 1:] += upward
    diagonal[-1] += 20.0 * diffusion(20.0) / (step / 2.0) * width  # free escape half a cell beyond the last centres
    diagonal[:, -1] += diffusion(radius) * radius * step / (width[-1] / 2.0)
    pairs = ((place[:-1], place[1:], outward), (place[:, :-1], place[:, 1:], upward))
    rows = [place.ravel(), *(one.ravel() for a, b, _ in pairs for one in (a, b))]
    columns = [place.ravel(), *(one.ravel() for a, b, _ in pairs for one in (b, a))]
    values = [diagonal.ravel(), *(-flow.ravel() for _, _, flow in pairs for _ in range(2))]
    matrix = sparse.csc_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))))
    return radius, spsolve(matrix, (source * volume).ravel()).reshape(gas.shape)[:, 0]


def main() -> None:
    """Print the table, in per cent."""
    print(
        "A     GV     solvers differ at " + "  ".join(f"{r:g}" for r in RADII) + " kpc; at the Sun; relative to the Sun"
    )
    settings = TransportSettings()
    for slope in (0.0, 0.04):
        for rigidity in (4.0, 10.0, 30.0, 100.0, 1000.0):
            radius, without = in_plane(rigidity, slope, 0.0)
            _, lossy = in_plane(rigidity, slope, SINK)
            at, sun = np.array(RADII), SUN_RADIUS
            plain, sunny = (np.interp(x, radius, without) for x in (at, sun))
            less, less_sunny = (np.interp(x, radius, lossy) for x in (at, sun))
            density = relative_density(
                np.array([rigidity]), np.array([0.0, 0.1]), delta_slope=slope, halo_height=HALO, settings=settings
            )
            ours = np.interp(at, settings.radii, density[0, :, 0])
            numbers = [*(plain / sunny / ours - 1), less_sunny / sunny - 1, *(less / less_sunny / (plain / sunny) - 1)]
            print(f"{slope:g}  {rigidity:g}  " + " ".join(f"{100 * number:6.2f}" for number in numbers), flush=True)


if __name__ == "__main__":
    main()

"""Where the prior set `source_population` comes from: threshold, luminosities, leaks, and what they give per region.

    python benchmarks/source_population.py

fits the fluxes of the first LHAASO catalogue in the plane and prints what the constants of
`crsea_infer/physics/source_population.py` and the widths of `priors/source_population.toml` were taken from.
"""

from __future__ import annotations

import numpy as np

from crsea_infer.physics.regions import REGIONS
from crsea_infer.physics.source_catalogue import leaked_light, plane_spectrum
from crsea_infer.physics.source_population import completeness_threshold, fit_population, unresolved_intensity

_SHARES = np.array([0.05, 0.16, 0.5, 0.84, 0.95])
_ENERGIES = np.array([3e3, 1.26e4, 5.01e4, 1.995e5, 7.943e5])


def main() -> None:
    """Print the numbers."""
    threshold, slope, number = completeness_threshold()
    print(f"complete above {threshold:.3g} GeV^-1 cm^-2 s^-1 at 50 TeV: {number} sources,", end=" ")
    print(f"slope of their fluxes {slope:.2f} +- {(slope - 1) / np.sqrt(number):.2f}")
    fit = fit_population(threshold)
    print("quantiles", _SHARES)
    for name, values in (
        ("alpha", fit.slopes),
        ("log10 L_c", fit.log_cutoffs),
        ("unresolved, 15 < l < 125", fit.unresolved[:, 0]),
        ("unresolved, 125 < l < 235", fit.unresolved[:, 1]),
    ):
        print(f"{name:28}", " ".join(f"{value:.3g}" for value in fit.quantile(values, _SHARES)))
    shape = plane_spectrum()
    print("intensities, GeV^-1 cm^-2 s^-1 sr^-1, at", _ENERGIES, "GeV")
    for name in ("lhaaso_inner", "lhaaso_outer"):
        leak = leaked_light(REGIONS[name])
        faint = unresolved_intensity(REGIONS[name]) * shape(_ENERGIES) / shape(np.array([5e4]))
        if leak is not None:
            print(f"{name:14} leaked    ", " ".join(f"{value:.3g}" for value in leak(_ENERGIES)))
        print(f"{name:14} unresolved", " ".join(f"{value:.3g}" for value in faint))


if __name__ == "__main__":
    main()

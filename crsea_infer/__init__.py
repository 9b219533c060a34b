"""Bayesian inference on the diffuse glow of the Milky Way, from GeV to PeV, in gamma rays and in neutrinos.

The package follows one flow: transport and emission (:mod:`crsea_infer.physics`) fill a grid
(:mod:`crsea_infer.grids`), the grid trains an emulator (:mod:`crsea_infer.emulator`), the emulator feeds likelihoods
and samplers (:mod:`crsea_infer.inference`), and their evidences become tables and figures
(:mod:`crsea_infer.report`). Importing the package does no work; stages load when they are used.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

__all__ = ["__version__", "cosmic_ray_density", "flux", "intensity", "optical_depth"]

_WITH_UNITS = frozenset(__all__) - {"__version__"}


def __getattr__(name: str) -> Any:
    """Load the functions with units when they are first asked for."""
    if name in _WITH_UNITS:
        from crsea_infer.interface import quantities

        return getattr(quantities, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

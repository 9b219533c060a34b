"""Bayesian inference on the diffuse glow of the Milky Way, from GeV to PeV, in gamma rays and in neutrinos.

The front door is this module: a :class:`Posterior` joins a hypothesis and data sets by name, :func:`sample` samples it,
:class:`Run` carries out a run file and :func:`open_run` reads a finished one, :func:`open_atlas` what other choices
make of it, :func:`predict` and three more functions give the model with units. The stages behind it follow one flow:
transport and emission (:mod:`crsea_infer.physics`) fill a grid (:mod:`crsea_infer.grids`), the grid trains an emulator
(:mod:`crsea_infer.emulator`), the emulator feeds likelihoods and samplers (:mod:`crsea_infer.inference`), and their
evidences become checks, tables and figures (:mod:`crsea_infer.analysis`, :mod:`crsea_infer.report`). Importing the
package does no work; stages load when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from crsea_infer.interface.catalogue import available
    from crsea_infer.interface.finished_atlas import open_atlas
    from crsea_infer.interface.finished_run import FinishedRun, open_run
    from crsea_infer.interface.named_posterior import Posterior
    from crsea_infer.interface.predict import flux, predict
    from crsea_infer.interface.quantities import cosmic_ray_density, optical_depth
    from crsea_infer.interface.run import Run
    from crsea_infer.interface.sampled import Sampled
    from crsea_infer.interface.sampling import sample
    from crsea_infer.support.errors import UserError

__all__ = [
    "FinishedRun",
    "Posterior",
    "Run",
    "Sampled",
    "UserError",
    "__version__",
    "available",
    "cosmic_ray_density",
    "flux",
    "open_atlas",
    "open_run",
    "optical_depth",
    "predict",
    "sample",
]

_HOMES = {
    "FinishedRun": "interface.finished_run",
    "Posterior": "interface.named_posterior",
    "Run": "interface.run",
    "Sampled": "interface.sampled",
    "UserError": "support.errors",
    "available": "interface.catalogue",
    "cosmic_ray_density": "interface.quantities",
    "flux": "interface.predict",
    "open_atlas": "interface.finished_atlas",
    "open_run": "interface.finished_run",
    "optical_depth": "interface.quantities",
    "predict": "interface.predict",
    "sample": "interface.sampling",
}


def __getattr__(name: str) -> Any:
    """Load a name of the front door when it is first asked for."""
    if name in _HOMES:
        import importlib

        found = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return sorted(__all__)

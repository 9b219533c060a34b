"""Bayesian inference on the diffuse glow of the Milky Way, from GeV to PeV, in gamma rays and in neutrinos.

The package follows one flow: transport and emission (:mod:`crsea_infer.physics`) fill a grid
(:mod:`crsea_infer.grids`), the grid trains an emulator (:mod:`crsea_infer.emulator`), the emulator feeds likelihoods
and samplers (:mod:`crsea_infer.inference`), and their evidences become tables and figures
(:mod:`crsea_infer.report`). Importing the package does no work; stages load when they are used.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]

"""How far an emulator of responses is from the solver, on points that it was not trained on.

Errors are those of the intensities that data are compared with: every region, component and messenger, over the whole
range of energies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.emulator.response.fold import SpectralFold
from crsea_infer.emulator.validation_table import validation_table
from crsea_infer.physics.geometry import COMPONENTS
from crsea_infer.physics.leptons import LEPTON_COMPONENTS

if TYPE_CHECKING:
    from crsea_infer.emulator.held_out import HeldOut
    from crsea_infer.emulator.response.chebyshev import ResponseEmulator
    from crsea_infer.physics.hadronic import Product
    from crsea_infer.support.arrays import Float64

__all__ = ["Validation", "validate"]

_ENERGIES: Final = np.geomspace(10.0, 1e6, 26)
# a soft and a hard power law bracket the published local spectra: the error of any spectrum between lies between
_SPECTRA: Final = (
    {"proton_norm": 3e4, "proton_slope_1": -2.6, "helium_norm": 2e3, "helium_slope_1": -2.5},
    {"proton_norm": 3e4, "proton_slope_1": -3.2, "helium_norm": 2e3, "helium_slope_1": -3.1},
)
_MESSENGERS: Final[tuple[Product, ...]] = ("gamma", "neutrino")


@dataclass(frozen=True)
class Validation:
    """Relative errors of an emulator on held-out points.

    Attributes
    ----------
    errors
        |emulated / exact - 1| for the largest over energies and spectra, shape [point, messenger, region, component].
    lepton_errors
        The same for the gamma rays of electrons, shape [point, region, lepton component]; no points without electrons.
    regions
        Names of the regions.
    """

    errors: Float64
    lepton_errors: Float64
    regions: tuple[str, ...]

    def table(self) -> dict[str, Any]:
        """Return the validation table for the emulator file, with one row per messenger, component and region."""
        spectra = {
            f"{messenger} {component} {region}": self.errors[:, m, r, c]
            for m, messenger in enumerate(_MESSENGERS)
            for r, region in enumerate(self.regions)
            for c, component in enumerate(COMPONENTS)
        }
        if self.lepton_errors.size:
            spectra |= {
                f"gamma {component} {region}": self.lepton_errors[:, r, c]
                for r, region in enumerate(self.regions)
                for c, component in enumerate(LEPTON_COMPONENTS)
            }
        return validation_table(spectra)


def validate(emulator: ResponseEmulator, held_out: HeldOut) -> Validation:
    """Compare an emulator with the solver's answers at held-out points.

    Parameters
    ----------
    emulator
        What to test.
    held_out
        Answers for the regions of the emulator, and perhaps others after them.
    """
    settings = emulator.settings
    regions = slice(len(settings.regions))
    folds = [
        SpectralFold.for_energies(
            messenger, _ENERGIES, settings.rigidities, absorb=messenger == "gamma", cross_section=settings.cross_section
        )
        for messenger in _MESSENGERS
    ]
    moments = [
        [fold.moments({name: np.asarray(value) for name, value in spectrum.items()}) for spectrum in _SPECTRA]
        for fold in folds
    ]
    errors = np.empty((len(held_out.points), len(folds), *emulator.basis.shape[1:3]))
    for i, exact in enumerate(held_out.responses[:, regions]):
        emulated = emulator.responses({name: values[i] for name, values in held_out.parameters.items()})
        for m, fold in enumerate(folds):
            ratios = [
                np.abs((fold.columns(emulated) * moment).sum(-1) / (fold.columns(exact) * moment).sum(-1) - 1.0)
                for moment in moments[m]
            ]
            errors[i, m] = np.max(ratios, axis=(0, -1))
    lepton_errors = np.empty((0, len(settings.regions), len(LEPTON_COMPONENTS)))
    if held_out.leptons is not None:
        ratio = emulator.lepton_intensities(held_out.parameters) / held_out.leptons[:, regions]
        lepton_errors = np.abs(ratio - 1.0).max(axis=-1)
    return Validation(errors, lepton_errors, settings.regions)

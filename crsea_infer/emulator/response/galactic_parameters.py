"""What a model of the Galaxy takes: parameters of local spectra, of transport, of gas and of electrons.

Which of them depends on what is asked of it: cosmic rays at the Sun need no transport, gamma rays need all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crsea_infer.emulator.parameters import SPECIES, Names, SkyParameters
from crsea_infer.emulator.response.bound import COMPONENT_SCALES, INFRARED, LEPTON_SCALES
from crsea_infer.emulator.response.cross_sections import MIX_PARAMETERS
from crsea_infer.emulator.response.gas_mix import GAS_PARAMETERS
from crsea_infer.physics.local_spectrum import SpectrumParameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crsea_infer.emulator.sky_model import Request
    from crsea_infer.physics.local_spectrum import Species

__all__ = ["galactic_parameters", "local_spectra", "on_sky"]


def on_sky(requests: Iterable[Request]) -> bool:
    """Tell whether gamma rays or neutrinos are among the requests."""
    return any(request.messenger in {"gamma", "neutrino"} for request in requests)


def local_spectra(species: Sequence[Species] = SPECIES) -> tuple[tuple[str, ...], Names]:
    """Return which parameters local spectra of some species need, and all those that they use."""
    parameters = [SpectrumParameters.of(one) for one in species]
    required = tuple(name for one in parameters for name in one.required)
    optional = tuple(name for one in parameters for name in one.optional)
    numbered = tuple(dict.fromkeys(stem for one in parameters for stem in one.numbered))
    return required, Names((*required, *optional), numbered, tuple(one.table for one in parameters))


def galactic_parameters(box: Iterable[str], requests: Sequence[Request], *, electrons: bool = True) -> SkyParameters:
    """Return what a model of the Galaxy takes whose sky is that of the local spectra, transport and gas.

    All of them are one Galaxy: a parameter that the data at hand do not see keeps its prior, whether they are local
    spectra without transport or the half of the data that a tension leaves. `delta_sun` cancels wherever densities
    relative to the Sun are all that counts; prior sets give it, because transport has it.

    Parameters
    ----------
    box
        Names of the transport parameters.
    requests
        What is asked of the model.
    electrons
        Whether it has gamma rays of electrons.
    """
    asked = {request.messenger for request in requests}
    has_sky = on_sky(requests)
    transport = tuple(box) if has_sky or any(request.radius is not None for request in requests) else ()
    needed, _ = local_spectra(tuple(species for species in SPECIES if has_sky or species in asked))
    _, spectra = local_spectra()
    leptons = Names(tuple(LEPTON_SCALES.values()))
    gas = Names((*box, "delta_sun", *COMPONENT_SCALES.values(), *GAS_PARAMETERS, *MIX_PARAMETERS, INFRARED))
    return SkyParameters(
        (*transport, *needed),
        gas + spectra + leptons if electrons else gas + spectra,
        Names() if electrons else leptons,
    )

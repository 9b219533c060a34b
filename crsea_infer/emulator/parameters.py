"""Which parameters a sky model takes: those it needs, those it can use, and those that act on nothing.

What a model needs depends on what is asked of it: cosmic rays at the Sun need no transport, gamma rays of imported maps
need no local spectra. So a model answers for a list of requests, and hypotheses are held against the answer before
anything is bound or sampled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from crsea_infer.emulator.response.bound import COMPONENT_SCALES, INFRARED, LEPTON_SCALES
from crsea_infer.emulator.response.cross_sections import MIX_PARAMETERS
from crsea_infer.emulator.response.gas_mix import GAS_PARAMETERS
from crsea_infer.physics.local_spectrum import SpectrumParameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crsea_infer.emulator.sky_model import Request
    from crsea_infer.physics.local_spectrum import Species

__all__ = ["Names", "SkyParameters", "galactic_parameters", "local_spectra", "on_sky"]

_NUMBER: Final = re.compile(r"(?P<stem>.+)_[1-9]\d*")
_SPECIES: Final[tuple[Species, ...]] = ("proton", "helium")


@dataclass(frozen=True)
class Names:
    """Names of parameters, some of them numbered.

    Attributes
    ----------
    single
        Names as they stand.
    numbered
        Stems: "proton_slope" for proton_slope_1, proton_slope_2, ...
    """

    single: tuple[str, ...] = ()
    numbered: tuple[str, ...] = ()

    def __contains__(self, name: object) -> bool:
        match = _NUMBER.fullmatch(str(name))
        return name in self.single or (match is not None and match["stem"] in self.numbered)

    def __add__(self, other: Names) -> Names:
        return Names(
            tuple(dict.fromkeys((*self.single, *other.single))), tuple(dict.fromkeys((*self.numbered, *other.numbered)))
        )

    def without(self, names: Iterable[str]) -> Names:
        """Return all but some of the single ones."""
        return Names(tuple(name for name in self.single if name not in set(names)), self.numbered)

    @property
    def words(self) -> list[str]:
        """The names as messages list them."""
        return [*sorted(self.single), *(f"{stem}_N" for stem in self.numbered)]


@dataclass(frozen=True)
class SkyParameters:
    """What a sky model takes for some requests.

    Attributes
    ----------
    required
        Without which it says nothing.
    optional
        That it uses when they are given.
    idle
        That other data or another model would use, and that act on nothing here.
    """

    required: tuple[str, ...]
    optional: Names = Names()
    idle: Names = Names()

    @property
    def taken(self) -> Names:
        """Required and optional ones together."""
        return Names(self.required) + self.optional


def on_sky(requests: Iterable[Request]) -> bool:
    """Tell whether gamma rays or neutrinos are among the requests."""
    return any(request.messenger in {"gamma", "neutrino"} for request in requests)


def local_spectra(species: Sequence[Species] = _SPECIES) -> tuple[tuple[str, ...], Names]:
    """Return which parameters local spectra of some species need, and all those that they use."""
    parameters = [SpectrumParameters.of(one) for one in species]
    required = tuple(name for one in parameters for name in one.required)
    optional = tuple(name for one in parameters for name in one.optional)
    return required, Names((*required, *optional), tuple(stem for one in parameters for stem in one.numbered))


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
    needed, _ = local_spectra(tuple(species for species in _SPECIES if has_sky or species in asked))
    _, spectra = local_spectra()
    leptons = Names(tuple(LEPTON_SCALES.values()))
    gas = Names((*box, "delta_sun", *COMPONENT_SCALES.values(), *GAS_PARAMETERS, *MIX_PARAMETERS, INFRARED))
    return SkyParameters(
        (*transport, *needed),
        gas + spectra + leptons if electrons else gas + spectra,
        Names() if electrons else leptons,
    )

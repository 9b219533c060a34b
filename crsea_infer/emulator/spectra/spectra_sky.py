"""The sky through a spectra emulator: models of other codes, with the face of every other sky model.

Likelihoods ask for regions and energies; the emulator knows the spectra of its grid. Between the energies of the grid,
log intensities are interpolated by a cubic spline in log energy, which is linear in the emulator's outputs and so costs
one small matrix product. A component is scaled by its scale parameter (``hi_scale``, ``inverse_compton_scale``, ...)
unless that is a parameter of the grid already.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from crsea_infer.emulator.parameters import Names, SkyParameters
from crsea_infer.emulator.response.bound import COMPONENT_SCALES, LEPTON_SCALES
from crsea_infer.emulator.response.galactic_parameters import local_spectra
from crsea_infer.emulator.response.physics_references import folded_references
from crsea_infer.emulator.sky_model import BoundModel, Request, SkyModel
from crsea_infer.emulator.source import refuse_options
from crsea_infer.emulator.validation_table import stated_relative_error
from crsea_infer.physics import absorption
from crsea_infer.physics.local_spectrum import local_intensity
from crsea_infer.physics.regions import region_key
from crsea_infer.support.arrays import Array, Float64, array_namespace
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import arrays_digest, digest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from crsea_infer.emulator.response.cross_sections import Choice
    from crsea_infer.emulator.spectra.spectra_emulator import SpectraEmulator
    from crsea_infer.grids.spectra_grid import Spectrum
    from crsea_infer.physics.local_spectrum import Species

__all__ = ["SpectraSky"]

_SCALES: Final = {**COMPONENT_SCALES, **LEPTON_SCALES}
_CODES: Final[Mapping[str, tuple[str, ...]]] = {"HERMES": ("arXiv:2105.13165",), "DRAGON2": ("arXiv:1607.07886",)}
"""To cite, by the code that made a grid."""
_FOLDED: Final[tuple[Choice, ...]] = ("kelner-aharonian",)
"""Cross-sections with which DRAGON2's cosmic rays are folded here."""
_SPECIES: Final[tuple[Species, ...]] = ("proton", "helium")


def _scale(component: str) -> str:
    """Return the parameter that scales a component."""
    return _SCALES.get(component, f"{component}_scale")


def _interpolation(at: Float64, energies: Float64) -> Float64:
    """Return the matrix [n_grid, n_wanted] that takes log intensities to those at other energies."""
    from scipy.interpolate import make_interp_spline

    if at.size == 1:
        return np.ones((1, energies.size))
    spline = make_interp_spline(np.log(at), np.eye(at.size), k=min(3, at.size - 1))
    return np.asarray(spline(np.clip(np.log(energies), np.log(at[0]), np.log(at[-1])))).T


@dataclass(frozen=True)
class _Part:
    """One component of one request."""

    component: str
    columns: slice
    matrix: Float64
    scale: str


@dataclass(frozen=True)
class _Bound:
    """An emulator fixed to its requests."""

    emulator: SpectraEmulator
    requests: tuple[tuple[Request, tuple[_Part, ...]], ...]

    def components(self, parameters: Mapping[str, Array]) -> tuple[dict[str, Array], ...]:
        xp = array_namespace(*parameters.values())
        arrays = [np.asarray(v, dtype=float) if xp is np else xp.asarray(v) for v in parameters.values()]
        batch = dict(zip(parameters, xp.broadcast_arrays(*arrays), strict=True))
        logs = self.emulator.log_intensities(batch)
        answers = []
        for request, parts in self.requests:
            answer: dict[str, Any] = {}
            for part in parts:
                wanted = xp.matmul(logs[..., part.columns], xp.asarray(part.matrix, dtype=logs.dtype))
                intensity = xp.exp(wanted)
                if part.scale in batch and part.scale not in self.emulator.box:
                    intensity = intensity * batch[part.scale][..., None]
                answer[part.component] = intensity
            if not parts:  # cosmic rays at the Sun that the grid does not hold: those of the parameters
                species: Any = request.messenger
                answer[species] = local_intensity(species, np.asarray(request.energies), batch)
            answers.append(answer)
        return tuple(answers)

    def __call__(self, parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return tuple(sum(parts.values()) for parts in self.components(parameters))


class SpectraSky(SkyModel):
    """A sky model backed by a spectra emulator.

    Parameters
    ----------
    emulator
        Trained on a grid of any code.
    """

    def __init__(self, emulator: SpectraEmulator) -> None:
        self.emulator = emulator

    @classmethod
    def read(cls, path: Path | None, options: Mapping[str, Any]) -> Self:
        """Return the sky of an emulator file; see :mod:`crsea_infer.emulator.source`."""
        from crsea_infer.emulator.spectra.spectra_emulator import read_spectra_emulator

        refuse_options("spectra", options)
        if path is None:
            raise UserError("the sky model 'spectra' without a file", fix="add path = ... under [emulator]")
        return cls(read_spectra_emulator(path))

    @property
    def box(self) -> Mapping[str, tuple[float, float]]:
        """Range of each parameter of the grid."""
        return self.emulator.box

    @property
    def fingerprint(self) -> str:
        """Hash of the grid and of the trained numbers."""
        emulator = self.emulator
        return digest(
            {
                "grid": emulator.metadata.get("grid_hash"),
                "kind": emulator.kind,
                "parameters": [asdict(parameter) for parameter in emulator.parameters],
                "spectra": [asdict(spectrum) for spectrum in emulator.spectra],
                "numbers": arrays_digest(
                    {"mean": emulator.mean, "basis": emulator.basis, **emulator.amplitudes.arrays()}
                ),
                "validation": emulator.metadata.get("validation"),
            }
        )

    @property
    def description(self) -> Mapping[str, str]:
        """What the grid's provenance says, and the emulator."""
        provenance: Mapping[str, Any] = self.emulator.metadata.get("provenance", {})
        words = {
            name: str(value) for name, value in provenance.items() if name not in {"files", "table_hash", "references"}
        }
        return {**words, "emulator": f"{self.emulator.kind}, {len(self.emulator.parameters)} parameters"}

    def references(self, _requests: Sequence[Request], _parameters: Collection[str]) -> list[tuple[str, str]]:
        """Return the code that made the grid, and what its provenance names under `references`."""
        provenance: Mapping[str, Any] = self.emulator.metadata.get("provenance", {})
        code, own = str(provenance.get("code", "")), provenance.get("references", [])
        found = [(one, f"the grid, made with {code}") for one in _CODES.get(code.partition(" ")[0], ())]
        if code == "DRAGON2":  # densities alone are its own: the emission is made here, as in dragon_intensities
            found += [*folded_references(_FOLDED, "rings")]
            found += [(one, "absorption of gamma rays on the CMB") for one in absorption.REFERENCES]
        return found + [(str(one), "the grid of the sky model") for one in (own if isinstance(own, list) else [])]

    @property
    def relative_error(self) -> float:
        """Held-out relative error, one sigma; see :mod:`crsea_infer.emulator.validation_table`."""
        return stated_relative_error(self.emulator.metadata)

    def parameters(self, requests: Sequence[Request]) -> SkyParameters:
        """Those of the grid, and scales of its components; local spectra only for cosmic rays that it does not hold."""
        box = self.box
        asked = {request.messenger for request in requests}
        held = {spectrum.messenger for spectrum in self.emulator.spectra}
        needed, _ = local_spectra(tuple(species for species in _SPECIES if species in asked - held))
        _, spectra = local_spectra()
        scales = tuple(_scale(spectrum.component) for spectrum in self.emulator.spectra if spectrum.messenger in asked)
        used = Names(scales) + spectra if needed else Names(scales)
        return SkyParameters(
            required=(*box, *(name for name in needed if name not in box)),
            optional=used.without(box),
            idle=spectra + Names(("delta_sun", *_SCALES.values())),
        )

    def _parts(self, request: Request) -> tuple[_Part, ...]:
        energies = np.asarray(request.energies, dtype=float)
        on_sky = request.is_on_sky
        if request.radius is not None:
            raise UserError(
                f"{request.messenger} at {request.radius:g} kpc from an imported grid",
                valid="cosmic rays at the Sun",
                fix="the built-in sky model predicts them elsewhere",
            )
        region = region_key(request.region) if on_sky and request.region is not None else None
        known = [s for s in self.emulator.spectra if s.messenger == request.messenger]
        found = [s for s in known if s.region == region]
        if on_sky and not found:
            raise UserError(
                f"the imported grid holds no {request.messenger} spectrum of the region {region}",
                valid=", ".join(dict.fromkeys(str(s.region) for s in known))
                or f"it holds no {request.messenger} at all",
                fix="import the maps again with --region, and train again",
            )
        return tuple(self._part(spectrum, energies) for spectrum in found)

    def _part(self, spectrum: Spectrum, energies: Float64) -> _Part:
        at = np.asarray(spectrum.energies)
        if energies.min() < at[0] * (1 - 1e-6) or energies.max() > at[-1] * (1 + 1e-6):
            raise UserError(
                f"{spectrum.label}: energies from {energies.min():g} to {energies.max():g} GeV are wanted",
                valid=f"{at[0]:g} to {at[-1]:g} GeV, the energies of the imported grid",
            )
        scale = _scale(spectrum.component)
        return _Part(spectrum.component, self.emulator.columns(spectrum), _interpolation(at, energies), scale)

    def bind(self, requests: Sequence[Request]) -> BoundModel:
        """Fix the model to its requests; see :class:`crsea_infer.emulator.sky_model.SkyModel`.

        Raises
        ------
        UserError
            When the grid does not hold a region, a messenger or an energy that is asked for.
        """
        return _Bound(self.emulator, tuple((request, self._parts(request)) for request in requests))

"""The spectra emulator: from parameters straight to spectra, for grids that hold nothing else.

The logarithms of all intensities are centred and compressed by a singular value decomposition; the amplitudes of the
few dozen dimensions that remain are smooth functions of the parameters, given by sparse polynomial chaos or, for grids
of few points, by Gaussian processes. Outside the box of the grid there is no number: :meth:`SpectraEmulator.predict`
raises and names the parameter, :meth:`SpectraEmulator.log_intensities` gives NaN, to which a prior gives no chance.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from crsea_infer.emulator.archive import read_archive, write_archive
from crsea_infer.emulator.spectra.gaussian_process import GaussianProcess
from crsea_infer.emulator.spectra.polynomial_chaos import PolynomialChaos
from crsea_infer.grids.description import SpectraHeader
from crsea_infer.grids.spectra_grid import Parameter, Spectrum
from crsea_infer.support.array_schema import ArraySpec
from crsea_infer.support.arrays import Array, Float64, array_namespace
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.emulator.archive import Layout
    from crsea_infer.support.array_schema import AnyArray

__all__ = ["SPECTRA_KINDS", "Residuals", "SpectraEmulator", "read_spectra_emulator", "write_spectra_emulator"]

Kind = Literal["polynomial chaos", "gaussian process"]
SPECTRA_KINDS: Final[tuple[Kind, ...]] = ("polynomial chaos", "gaussian process")
_CLASSES: Final[Mapping[str, type[PolynomialChaos | GaussianProcess]]] = {
    "polynomial chaos": PolynomialChaos,
    "gaussian process": GaussianProcess,
}
_BLOCK: Final = 128
"""Points evaluated at once on NumPy: what they need stays in the cache of a core."""
_LARGEST_DEGREE: Final = 1000
_ROUND_OFF: Final = {"float32": 1e-6}


@dataclass(frozen=True)
class Residuals:
    """What cross-validation left: how wrong an emulator is at points that it was trained without.

    Attributes
    ----------
    points
        Parameters, shape [n_points, n_parameters].
    logs
        ln(emulated / true), shape [n_points, n_outputs].
    """

    points: Float64
    logs: np.typing.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class SpectraEmulator:
    """Spectra as functions of parameters.

    Attributes
    ----------
    parameters
        Names, units and ranges.
    spectra
        What is predicted, in the order of the outputs.
    mean
        Mean of the natural-log intensities over the grid, shape [n_outputs].
    basis
        Shape [rank, n_outputs].
    amplitudes
        From points [n_parameters, n] in [-1, 1] to amplitudes [rank, n].
    metadata
        Grid hash, provenance, validation table.
    held_out
        Residuals at some points of the grid; None when it was never cross-validated.
    """

    parameters: tuple[Parameter, ...]
    spectra: tuple[Spectrum, ...]
    mean: Float64
    basis: Float64
    amplitudes: PolynomialChaos | GaussianProcess
    metadata: Mapping[str, Any] = field(default_factory=dict)
    held_out: Residuals | None = None

    @property
    def kind(self) -> Kind:
        """Which of the two methods stands behind it."""
        return "polynomial chaos" if isinstance(self.amplitudes, PolynomialChaos) else "gaussian process"

    @property
    def box(self) -> dict[str, tuple[float, float]]:
        """Range of each parameter."""
        return {parameter.name: (parameter.lower, parameter.upper) for parameter in self.parameters}

    def columns(self, spectrum: Spectrum) -> slice:
        """Return which outputs belong to a spectrum."""
        index = self.spectra.index(spectrum)
        first = sum(len(other.energies) for other in self.spectra[:index])
        return slice(first, first + len(spectrum.energies))

    def _unit(self, parameters: Mapping[str, Array]) -> tuple[Array, tuple[int, ...]]:
        """Return the points in [-1, 1], shape [n_parameters, n], and the batch shape."""
        missing = [parameter.name for parameter in self.parameters if parameter.name not in parameters]
        if missing:
            raise UserError(
                f"the emulator needs a value for {', '.join(missing)}",
                valid=", ".join(parameter.name for parameter in self.parameters),
                fix="add a prior set that defines it",
            )
        values = [parameters[parameter.name] for parameter in self.parameters]
        xp = array_namespace(*values)
        values = [np.asarray(value, dtype=float) if xp is np and np.ndim(value) == 0 else value for value in values]
        values = list(xp.broadcast_arrays(*(xp.asarray(value) for value in values)))
        shape = tuple(values[0].shape)
        unit = [
            parameter.to_unit(xp.reshape(value, (-1,)))
            for parameter, value in zip(self.parameters, values, strict=True)
        ]
        return xp.stack(unit, axis=0), shape

    def _log(self, unit: Array) -> Array:
        xp = array_namespace(unit)
        if xp is np and unit.shape[1] > _BLOCK:
            blocks = range(0, unit.shape[1], _BLOCK)
            return np.concatenate([self._log(unit[:, first : first + _BLOCK]) for first in blocks])
        # a point outside would only produce overflows on its way to NaN
        inside = xp.all(xp.abs(unit) <= 1.0 + _ROUND_OFF.get(str(unit.dtype), 1e-12), axis=0)
        amplitudes = self.amplitudes(xp.where(inside, unit, xp.zeros_like(unit)))
        logs = xp.matmul(amplitudes.T, xp.asarray(self.basis, dtype=unit.dtype))
        logs = logs + xp.asarray(self.mean, dtype=unit.dtype)
        return xp.where(inside[:, None], logs, xp.asarray(xp.nan, dtype=unit.dtype))

    def log_intensities(self, parameters: Mapping[str, Array]) -> Array:
        """Return natural-log intensities, shape [..., n_outputs]; NaN outside the box.

        Parameters
        ----------
        parameters
            Arrays of any array-API library that broadcast to one batch shape [...]; others than the emulator's are
            ignored.
        """
        unit, shape = self._unit(parameters)
        logs = self._log(unit)
        return array_namespace(logs).reshape(logs, (*shape, logs.shape[-1]))

    def predict(self, parameters: Mapping[str, Array]) -> Array:
        """Return intensities in the units of the grid, shape [..., n_outputs].

        Raises
        ------
        UserError
            When a parameter is missing or outside the box; the message names it and its range.
        """
        for parameter in self.parameters:
            if parameter.name not in parameters:
                continue  # told below, all at once
            values = np.asarray(parameters[parameter.name], dtype=float)
            slack = 1e-9 * max(abs(parameter.lower), abs(parameter.upper))
            bad = ~((values >= parameter.lower - slack) & (values <= parameter.upper + slack))
            if bad.any():
                raise UserError(
                    f"{parameter.name} = {values[bad].flat[0]:g} is outside the box of the emulator",
                    valid=f"{parameter.lower:g} to {parameter.upper:g} {parameter.unit}".rstrip(),
                    fix="choose a value inside, or train on a wider grid",
                )
        logs = self.log_intensities(parameters)
        return array_namespace(logs).exp(logs)


def write_spectra_emulator(emulator: SpectraEmulator, path: Path) -> None:
    """Write a spectra emulator; equal emulators give equal bytes."""
    header = {
        "parameters": [asdict(parameter) for parameter in emulator.parameters],
        "spectra": [asdict(spectrum) for spectrum in emulator.spectra],
        "metadata": dict(emulator.metadata),
    }
    arrays = {"mean": emulator.mean, "basis": emulator.basis, **emulator.amplitudes.arrays()}
    if emulator.held_out is not None:
        arrays |= {"held_out_points": emulator.held_out.points, "held_out_residuals": emulator.held_out.logs}
    write_archive(path, emulator.kind, header, arrays)


def _layout(kind: str, header: SpectraHeader) -> Layout:
    """Return what a file with that header must hold."""
    sizes = {
        "parameter": len(header.parameters),
        "output": sum(len(spectrum.energies) for spectrum in header.spectra),
    }
    schema = {
        "mean": ArraySpec(("output",)),
        "basis": ArraySpec(("rank", "output")),
        "degrees": ArraySpec(("term", "parameter"), ("i2",), "not negative"),
        "coefficients": ArraySpec(("rank", "term")),
        "held_out_points": ArraySpec(("held_out", "parameter"), required=False),
        "held_out_residuals": ArraySpec(("held_out", "output"), ("f4", "f8"), required=False),
    }
    if kind == "gaussian process":
        schema |= {
            "points": ArraySpec(("parameter", "point")),
            "lengths": ArraySpec(("rank", "parameter"), numbers="positive"),
            "weights": ArraySpec(("rank", "point")),
        }
    return schema, sizes


def read_spectra_emulator(path: Path) -> SpectraEmulator:
    """Read a spectra emulator.

    Raises
    ------
    UserError
        When the file is missing, damaged, changed, or holds another kind of emulator.
    """
    header, arrays = read_archive(path, dict.fromkeys(SPECTRA_KINDS, SpectraHeader), _layout)
    _check_parts(path, arrays)
    return SpectraEmulator(
        parameters=tuple(Parameter(**content) for content in header["parameters"]),
        spectra=tuple(
            Spectrum(**(content | {"energies": tuple(content["energies"])})) for content in header["spectra"]
        ),
        mean=arrays["mean"],
        basis=arrays["basis"],
        amplitudes=_CLASSES[header["kind"]].from_arrays(arrays),
        metadata=header["metadata"],
        held_out=Residuals(arrays["held_out_points"], arrays["held_out_residuals"])
        if "held_out_points" in arrays
        else None,
    )


def _check_parts(path: Path, arrays: Mapping[str, AnyArray]) -> None:
    """Refuse arrays of the right shape that cannot belong together."""
    fix = "train it again with: crsea-infer emulator train GRID --output FILE"
    if ("held_out_points" in arrays) != ("held_out_residuals" in arrays):
        raise UserError(f"{path}: has one of held_out_points and held_out_residuals", valid="both or none", fix=fix)
    degrees = arrays["degrees"]
    order = (degrees > 0).sum(axis=1)
    ordered = bool((np.diff(order) >= 0).all())  # as the evaluation takes them
    if degrees.max() > _LARGEST_DEGREE or not ordered or len(np.unique(degrees, axis=0)) < len(degrees):
        raise UserError(
            f"{path}: its degrees are no set of polynomials",
            valid=f"degrees of at most {_LARGEST_DEGREE}, each product once, ordered by the number of parameters in it",
            fix=fix,
        )
    if "points" in arrays and np.abs(arrays["points"]).max() > 1.0 + _ROUND_OFF["float32"]:
        raise UserError(f"{path}: has points outside its box", valid="-1 to 1 in every parameter", fix=fix)

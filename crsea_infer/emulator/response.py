"""The response emulator: a tensor of Chebyshev polynomials in the transport parameters, compressed.

Responses are smooth functions of the transport parameters, so the polynomial through a tensor of Chebyshev nodes
converges geometrically; its coefficients span a space of two dozen dimensions, found by a singular value decomposition.
An evaluation is two short polynomial recurrences and two small matrix products. Predicted intensities follow from the
exact contraction with the local spectra (:mod:`crsea_infer.emulator.fold`), which is not emulated at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.arrays import Array, Float64, array_namespace
from crsea_infer.errors import UserError
from crsea_infer.grids.response import Axis, GridSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["ResponseEmulator", "chebyshev_polynomials", "train"]

_TOLERANCE: Final = 1e-8
"""Singular values below this fraction of the largest are dropped."""


def chebyshev_polynomials(x: Array, n: int) -> Array:
    """Return T_0(x) to T_{n-1}(x), shape [..., n]."""
    xp = array_namespace(x)
    polynomials = xp.stack([xp.ones_like(x), x], axis=-1)
    while (known := polynomials.shape[-1]) < n:
        # T_{k+j} = 2 T_k T_j - T_{k-j}: each pass doubles how many there are
        k = known - 1
        up_to = min(k, n - known)
        further = 2.0 * polynomials[..., k:] * polynomials[..., 1 : up_to + 1]
        further = further - xp.flip(polynomials[..., k - up_to : k], axis=-1)
        polynomials = xp.concat([polynomials, further], axis=-1)
    return polynomials[..., :n]


def _unit(axis: Axis, values: Array) -> Array:
    """Map the range of an axis to [-1, 1]."""
    xp = array_namespace(values)
    if axis.scale == "log":
        low, high, values = float(np.log(axis.lower)), float(np.log(axis.upper)), xp.log(values)
    else:
        low, high = axis.lower, axis.upper
    return (2.0 * values - (low + high)) / (high - low)


@dataclass(frozen=True)
class ResponseEmulator:
    """Responses of sky regions as a function of the transport parameters.

    Attributes
    ----------
    settings
        Settings of the grid it was trained on.
    coefficients
        Chebyshev coefficients of each compressed dimension, shape [product of axis nodes, rank].
    basis
        Shape [rank, region, component, absorption, rigidity], cm^-2.
    lepton_coefficients, lepton_basis
        The same for the gamma rays of electrons; basis of shape [rank, region, lepton component, lepton energy] in
        GeV^-1 cm^-2 s^-1 sr^-1. None when the grid leaves them out.
    metadata
        Grid hash, validation table, package version.
    """

    settings: GridSettings
    coefficients: Float64
    basis: Float64
    lepton_coefficients: Float64 | None = None
    lepton_basis: Float64 | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def box(self) -> dict[str, tuple[float, float]]:
        """Range of each transport parameter."""
        return {axis.name: (axis.lower, axis.upper) for axis in self.settings.axes}

    def terms(self, parameters: Mapping[str, Array]) -> Array:
        """Return the products of Chebyshev polynomials, shape [..., product of axis nodes]; NaN outside the box."""
        terms: Array | None = None
        inside: Array = True
        for axis in self.settings.axes:
            unit = _unit(axis, parameters[axis.name])
            xp = array_namespace(unit)
            inside = inside & (xp.abs(unit) <= 1.0 + 1e-12)
            polynomials = chebyshev_polynomials(unit, axis.n_nodes)
            if terms is None:
                terms = polynomials
            else:
                product = terms[..., :, None] * polynomials[..., None, :]
                terms = xp.reshape(product, (*product.shape[:-2], product.shape[-2] * product.shape[-1]))
        xp = array_namespace(terms)
        return xp.where(inside[..., None], terms, xp.nan)

    def amplitudes(self, parameters: Mapping[str, Array]) -> Array:
        """Return the amplitude of each compressed dimension of the responses, shape [..., rank]."""
        terms = self.terms(parameters)
        xp = array_namespace(terms)
        return xp.matmul(terms, xp.asarray(self.coefficients))

    def require_leptons(self) -> tuple[Float64, Float64]:
        """Return coefficients and basis of the gamma rays of electrons.

        Raises
        ------
        UserError
            When the grid left them out.
        """
        if self.lepton_coefficients is None or self.lepton_basis is None:
            raise UserError(
                "this emulator was trained on a grid without electrons",
                fix="build the grid without --no-leptons, or leave the prior set 'leptons' out",
            )
        return self.lepton_coefficients, self.lepton_basis

    def lepton_amplitudes(self, parameters: Mapping[str, Array]) -> Array:
        """Return the amplitude of each compressed dimension of the gamma rays of electrons, shape [..., rank]."""
        terms = self.terms(parameters)
        return array_namespace(terms).matmul(terms, array_namespace(terms).asarray(self.require_leptons()[0]))

    def lepton_intensities(self, parameters: Mapping[str, Array]) -> Array:
        """Return the gamma rays of electrons, per GeV, cm2, s and sr, shape [..., region, component, lepton energy]."""
        basis = self.require_leptons()[1]
        amplitudes = self.lepton_amplitudes(parameters)
        xp = array_namespace(amplitudes)
        flat = xp.matmul(amplitudes, xp.asarray(basis.reshape(basis.shape[0], -1)))
        return xp.reshape(flat, (*amplitudes.shape[:-1], *basis.shape[1:]))

    def responses(self, parameters: Mapping[str, Array]) -> Array:
        """Return effective columns, cm^-2, shape [..., region, component, absorption, rigidity]."""
        amplitudes = self.amplitudes(parameters)
        xp = array_namespace(amplitudes)
        flat = xp.matmul(amplitudes, xp.asarray(self.basis.reshape(self.basis.shape[0], -1)))
        return xp.reshape(flat, (*amplitudes.shape[:-1], *self.basis.shape[1:]))


def train(grid: xr.Dataset) -> ResponseEmulator:
    """Fit the Chebyshev tensor through a response grid and compress it.

    The fit is interpolation: at the nodes of the grid the emulator reproduces it to the tolerance of the compression.
    """
    import json

    settings = GridSettings.from_json(json.loads(grid.attrs["settings"]))
    coefficients, basis = _fit(np.asarray(grid["response"].values), settings.axes)
    leptons = _fit(np.asarray(grid["leptons"].values), settings.axes) if "leptons" in grid else (None, None)
    return ResponseEmulator(
        settings=settings,
        coefficients=coefficients,
        basis=basis,
        lepton_coefficients=leptons[0],
        lepton_basis=leptons[1],
        metadata={"grid_hash": str(grid.attrs["hash"])},
    )


def _fit(outputs: Float64, axes: tuple[Axis, ...]) -> tuple[Float64, Float64]:
    """Interpolate outputs [point, ...] and compress them: coefficients [terms, rank] and basis [rank, ...]."""
    table = outputs.reshape(*(axis.n_nodes for axis in axes), -1)
    for i, axis in enumerate(axes):
        unit = -np.cos(np.pi * (np.arange(axis.n_nodes) + 0.5) / axis.n_nodes)
        inverse = np.linalg.inv(chebyshev_polynomials(unit, axis.n_nodes))
        table = np.moveaxis(np.tensordot(inverse, table, axes=(1, i)), 0, i)
    coefficients = table.reshape(-1, table.shape[-1])
    # every output counts by its smallest value on the grid: the error is relative, and relative to the faintest
    scale = np.abs(outputs.reshape(len(outputs), -1)).min(axis=0)
    scale = np.maximum(scale, 1e-30 * scale.max())
    left, singular, right = np.linalg.svd(coefficients / scale, full_matrices=False)
    rank = max(1, int(np.sum(singular > _TOLERANCE * singular[0])))
    basis = (right[:rank] * scale).reshape(rank, *outputs.shape[1:])
    return np.ascontiguousarray(left[:, :rank] * singular[:rank]), np.ascontiguousarray(basis)

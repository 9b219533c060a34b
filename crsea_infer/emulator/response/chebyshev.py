"""The response emulator: a tensor of Chebyshev polynomials in the transport parameters, compressed.

Responses are smooth functions of the transport parameters, so the polynomial through a tensor of Chebyshev nodes
converges geometrically; its coefficients span a space of two dozen dimensions, found by a singular value decomposition.
An evaluation is two short polynomial recurrences and two small matrix products. Predicted intensities follow from the
exact contraction with the local spectra (:mod:`crsea_infer.emulator.response.fold`), which is not emulated at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.grids.response_grid import Axis, GridSettings
from crsea_infer.support.arrays import Array, Float64, array_namespace, reshaped, stack_last
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["GROUP_TOLERANCE", "ResponseEmulator", "chebyshev_polynomials", "fit_chebyshev", "train"]

_TOLERANCE: Final = 1e-8
"""Singular values below this fraction of the largest are dropped."""

GROUP_TOLERANCE: Final = 1e-9
"""The same for groups of gas, some of which vary by orders of magnitude over the box: their errors are their own."""


def chebyshev_polynomials(x: Array, n: int) -> Array:
    """Return T_0(x) to T_{n-1}(x), shape [..., n]; NumPy takes x beyond -1 and 1 as the nearer of them."""
    xp = array_namespace(x)
    if xp is np:
        # two array operations instead of dozens, but with an infinite derivative at the ends, which JAX would meet
        angle = np.arccos(np.minimum(np.maximum(x, -1.0), 1.0))
        return np.cos(np.multiply.outer(angle, np.arange(n, dtype=angle.dtype)))
    polynomials = xp.stack([xp.ones_like(x), x], axis=-1)
    while (known := polynomials.shape[-1]) < n:
        # T_{k+j} = 2 T_k T_j - T_{k-j}: each pass doubles how many there are
        k = known - 1
        up_to = min(k, n - known)
        further = 2.0 * polynomials[..., k:] * polynomials[..., 1 : up_to + 1]
        further = further - xp.flip(polynomials[..., k - up_to : k], axis=-1)
        polynomials = xp.concat([polynomials, further], axis=-1)
    return polynomials[..., :n]


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
        values = [parameters[axis.name] for axis in self.settings.axes]
        xp = array_namespace(*values)
        # the range of each axis becomes -1 to 1
        units = stack_last(
            xp,
            [
                ((xp.log(value) if axis.scale == "log" else value) - middle) / half
                for axis, value, (middle, half) in zip(self.settings.axes, values, self._ranges, strict=True)
            ],
        )
        polynomials = chebyshev_polynomials(units, max(axis.n_nodes for axis in self.settings.axes))
        terms, *others = (polynomials[..., i, : axis.n_nodes] for i, axis in enumerate(self.settings.axes))
        inside = xp.all(xp.abs(units) <= 1.0 + 1e-12, axis=-1)
        if xp is not np or not np.all(inside):
            terms = xp.where(inside[..., None], terms, xp.nan)  # before there are many
        for other in others:
            product = terms[..., :, None] * other[..., None, :]
            terms = reshaped(xp, product, (*product.shape[:-2], product.shape[-2] * product.shape[-1]))
        return terms

    @cached_property
    def _ranges(self) -> tuple[tuple[float, float], ...]:
        """Middle and half of the length of each axis, in the logarithm where it is that of the axis."""
        ends = [
            (math.log(axis.lower), math.log(axis.upper)) if axis.scale == "log" else (axis.lower, axis.upper)
            for axis in self.settings.axes
        ]
        return tuple(((low + high) / 2, (high - low) / 2) for low, high in ends)

    def amplitudes(self, parameters: Mapping[str, Array]) -> Array:
        """Return the amplitude of each compressed dimension of the responses, shape [..., rank]."""
        return self.amplitudes_of(self.terms(parameters))

    def amplitudes_of(self, terms: Array) -> Array:
        """Return the same from :meth:`terms`, which emulators of one grid of transport points share."""
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
        return self.lepton_amplitudes_of(self.terms(parameters))

    def lepton_amplitudes_of(self, terms: Array) -> Array:
        """Return the same from :meth:`terms`."""
        xp = array_namespace(terms)
        return xp.matmul(terms, xp.asarray(self.require_leptons()[0]))

    def lepton_intensities(self, parameters: Mapping[str, Array]) -> Array:
        """Return the gamma rays of electrons, per GeV, cm2, s and sr, shape [..., region, component, lepton energy]."""
        basis = self.require_leptons()[1]
        amplitudes = self.lepton_amplitudes(parameters)
        xp = array_namespace(amplitudes)
        flat = xp.matmul(amplitudes, xp.asarray(basis.reshape(basis.shape[0], -1)))
        return reshaped(xp, flat, (*amplitudes.shape[:-1], *basis.shape[1:]))

    def responses(self, parameters: Mapping[str, Array]) -> Array:
        """Return effective columns, cm^-2, shape [..., region, component, absorption, rigidity]."""
        amplitudes = self.amplitudes(parameters)
        xp = array_namespace(amplitudes)
        flat = xp.matmul(amplitudes, xp.asarray(self.basis.reshape(self.basis.shape[0], -1)))
        return reshaped(xp, flat, (*amplitudes.shape[:-1], *self.basis.shape[1:]))


def train(grid: xr.Dataset) -> ResponseEmulator:
    """Fit the Chebyshev tensor through a response grid and compress it.

    The fit is interpolation: at the nodes of the grid the emulator reproduces it to the tolerance of the compression.
    """
    import json

    settings = GridSettings.from_json(json.loads(grid.attrs["settings"]))
    coefficients, basis = fit_chebyshev(np.asarray(grid["response"].values), settings.axes)
    leptons = fit_chebyshev(np.asarray(grid["leptons"].values), settings.axes) if "leptons" in grid else (None, None)
    return ResponseEmulator(
        settings=settings,
        coefficients=coefficients,
        basis=basis,
        lepton_coefficients=leptons[0],
        lepton_basis=leptons[1],
        metadata={"grid_hash": str(grid.attrs["hash"])},
    )


def fit_chebyshev(outputs: Float64, axes: tuple[Axis, ...], tolerance: float = _TOLERANCE) -> tuple[Float64, Float64]:
    """Interpolate outputs [point, ...] and compress them: coefficients [terms, rank] and basis [rank, ...].

    Singular values below `tolerance` of the largest are dropped.
    """
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
    rank = max(1, int(np.sum(singular > tolerance * singular[0])))
    basis = (right[:rank] * scale).reshape(rank, *outputs.shape[1:])
    return np.ascontiguousarray(left[:, :rank] * singular[:rank]), np.ascontiguousarray(basis)

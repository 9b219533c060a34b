"""How a hypothesis weighs gas: scales of HI and of X_CO, a gradient of X_CO, the outer disc, ionised gas, heavy nuclei.

Intensities are sums over gas of (factor) x (what the region receives from it). With `hi_scale` and `xco_scale` alone
there are two factors, of all HI and of all H2. Any of the others weighs stretches of the disc for themselves, the
groups of :mod:`crsea_infer.physics.gas_groups`:

    HI:   hi_scale * (outer_disc_scale beyond 9 kpc)
    H2:   xco_scale * (X_CO / X_inner)^(xco_gradient - 1) * (outer_disc_scale beyond 9 kpc)
    HII:  ionised_gas_scale

X_CO is that of the group's rings in the grid and X_inner that of the innermost ring, so X_CO(R) becomes X_inner (X_CO
/ X_inner)^xco_gradient: 1 leaves the published rise, 0 makes X_CO flat at its innermost value, which is 1.8e20 in the
published set-up and so close to what is usual for the whole disc. Absent parameters count as 1, and as 0 for ionised
gas, which the published models leave out. Groups that have the same factor whatever the values are one, so that few of
them are summed. `nuclear_enhancement` takes the place of that of the grid and multiplies all factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.physics.gas_groups import GAS_GROUPS
from crsea_infer.support.arrays import array_namespace, stack_last
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from crsea_infer.physics.gas_groups import GasGroup
    from crsea_infer.support.arrays import Array, Float64

__all__ = ["GAS_PARAMETERS", "GROUP_PARAMETERS", "IONISED_SCALE", "Classes", "GasMix"]

_GRADIENT: Final = "xco_gradient"
_OUTER: Final = "outer_disc_scale"
IONISED_SCALE: Final = "ionised_gas_scale"
_ENHANCEMENT: Final = "nuclear_enhancement"
_SCALES: Final[Mapping[str, str]] = {"HI": "hi_scale", "H2": "xco_scale", "HII": IONISED_SCALE}

GROUP_PARAMETERS: Final = (_GRADIENT, _OUTER, IONISED_SCALE)
"""Parameters that weigh groups of gas for themselves."""

GAS_PARAMETERS: Final = (*GROUP_PARAMETERS, _ENHANCEMENT)
"""All parameters of gas beside the scales of whole components."""

Classes = tuple[tuple[int, ...], ...]
"""Places of the groups that have one factor in common."""


@dataclass(frozen=True)
class GasMix:
    """Factors of gas as functions of the parameters.

    Attributes
    ----------
    x_co
        Of each ring of the grid, cm^-2 per K km/s; empty where H2 does not follow from CO.
    enhancement
        Of the grid, for heavy nuclei.
    """

    x_co: tuple[float, ...]
    enhancement: float

    def classes(self, names: Collection[str]) -> Classes | None:
        """Return the groups that parameters of these names tell apart; None where whole components do.

        Raises
        ------
        UserError
            When a gradient is wanted of X_CO that is not one number within a group, or that plays no part.
        """
        if _GRADIENT in names and not self.x_co:
            raise UserError(
                "xco_gradient with gas that does not follow from CO",
                valid='gas = "rings"',
                fix="leave xco_gradient out of the hypothesis, or the gas model out of its physics",
            )
        if not any(name in names for name in GROUP_PARAMETERS):
            return None
        return _classes(self, _GRADIENT in names, _OUTER in names, IONISED_SCALE in names)

    def factors(self, parameters: Mapping[str, Array], classes: Classes) -> Array:
        """Return the factor of each class [..., class], for parameters of one batch shape."""
        like = next(iter(parameters.values()))
        xp = array_namespace(like)
        kinds = _kinds(classes)
        scales = {kind: _scale(xp, like, parameters, *kind) for kind in dict.fromkeys(kinds)}
        factors = stack_last(xp, [scales[kind] for kind in kinds])
        if _GRADIENT not in parameters:
            return factors
        powers = (parameters[_GRADIENT] - 1.0)[..., None]
        return factors * xp.exp(powers * xp.asarray(_log_x_co(self, classes), dtype=factors.dtype))

    def factors_apart(self, parameters: Mapping[str, Array], classes: Classes) -> tuple[tuple[str, ...], Array]:
        """Return names of components, and their factors [..., component, class], 0 for the classes of others."""
        names = tuple(dict.fromkeys(GAS_GROUPS[one[0]].component for one in classes))
        xp = array_namespace(*parameters.values())
        factors = self.factors(parameters, classes)
        own = [[1.0 if GAS_GROUPS[one[0]].component == name else 0.0 for one in classes] for name in names]
        return names, factors[..., None, :] * xp.asarray(own)

    def enhanced(self, parameters: Mapping[str, Array], factors: Array) -> Array:
        """Return factors [..., n] or [..., component, n] with the heavy nuclei of the parameters for the grid's."""
        if _ENHANCEMENT not in parameters:
            return factors
        relative = parameters[_ENHANCEMENT] / self.enhancement
        return factors * relative[(..., *(None,) * (factors.ndim - relative.ndim))]

    def relative_x_co(self, group: GasGroup) -> float:
        """Return X_CO of a group over that of the innermost ring."""
        return self._x_co(group) / self.x_co[0]

    def _x_co(self, group: GasGroup) -> float:
        values = set(self.x_co[group.rings])
        if len(values) > 1:
            raise UserError(
                f"xco_gradient with a grid whose X_CO is not one number from {group.inner:g} to {group.outer:g} kpc",
                valid="X_CO that changes at "
                + ", ".join(f"{one.inner:g}" for one in GAS_GROUPS if one.component == "H2"),
                fix="leave xco_gradient out of the hypothesis",
            )
        return values.pop()


def _scale(xp: Any, like: Array, parameters: Mapping[str, Array], component: str, is_outer: bool) -> Array:
    """Return the factor [...] of a component within or beyond 9 kpc, but for the gradient of X_CO."""
    factor = parameters.get(_SCALES[component])
    if is_outer and _OUTER in parameters:
        return parameters[_OUTER] if factor is None else factor * parameters[_OUTER]
    return xp.ones_like(like) if factor is None else factor


# found once and kept: a call for a hundred points would spend more time on these than on all exponentials


@cache
def _classes(mix: GasMix, by_x_co: bool, by_outer: bool, with_ionised: bool) -> Classes:
    """Return the groups that have one factor in common, given which parameters there are."""
    found: dict[tuple[object, ...], list[int]] = {}
    for place, group in enumerate(GAS_GROUPS):
        if group.component == "HII" and not with_ionised:
            continue
        x_co = mix.relative_x_co(group) if group.component == "H2" and by_x_co else 1.0
        is_outer = group.is_outer and group.component != "HII" and by_outer
        found.setdefault((group.component, x_co, is_outer), []).append(place)
    return tuple(map(tuple, found.values()))


@cache
def _kinds(classes: Classes) -> tuple[tuple[str, bool], ...]:
    """Return of each class its component, and whether it is of the disc beyond 9 kpc."""
    groups = [GAS_GROUPS[members[0]] for members in classes]
    return tuple((group.component, group.is_outer and group.component != "HII") for group in groups)


@cache
def _log_x_co(mix: GasMix, classes: Classes) -> Float64:
    """Return the logarithm of X_CO over that of the innermost ring; 0 but for H2 [class]."""
    groups = [GAS_GROUPS[members[0]] for members in classes]
    return np.log([mix.relative_x_co(group) if group.component == "H2" else 1.0 for group in groups])

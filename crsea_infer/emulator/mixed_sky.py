"""Several sky models as one, told apart by a parameter: the number of the variant.

A point of parameters is answered by the sky model that its number names. So whatever is asked of a sky model (posterior
predictions, spectra, the exact check) can be asked of a mixture of variants, at samples of all of them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.hypotheses.variants import VARIANT
from crsea_infer.support.arrays import array_namespace
from crsea_infer.support.files import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crsea_infer.emulator.parameters import SkyParameters
    from crsea_infer.emulator.sky_model import BoundModel, Request, SkyModel
    from crsea_infer.support.arrays import Array

__all__ = ["MixedSky"]


@dataclass(frozen=True)
class MixedSky:
    """The sky models of some variants; itself a sky model.

    Attributes
    ----------
    skies
        By the names of the variants, in the order of their numbers.
    """

    skies: Mapping[str, SkyModel]

    @property
    def _first(self) -> SkyModel:
        return next(iter(self.skies.values()))

    def parameters(self, requests: Sequence[Request]) -> SkyParameters:
        """Those of the sky models, which take the same, and the number of the variant."""
        found = self._first.parameters(requests)
        return dataclasses.replace(found, required=(*found.required, VARIANT))

    @property
    def box(self) -> Mapping[str, tuple[float, float]]:
        """Where any of them holds; beyond its own box each gives NaN."""
        boxes = [sky.box for sky in self.skies.values()]
        return {
            name: (min(box[name][0] for box in boxes), max(box[name][1] for box in boxes)) for name in self._first.box
        }

    @property
    def fingerprint(self) -> str:
        """Hash of all of them."""
        return digest({name: sky.fingerprint for name, sky in self.skies.items()})

    @property
    def description(self) -> Mapping[str, str]:
        """That of the first, and the names of all."""
        return {**self._first.description, "variants": ", ".join(self.skies)}

    @property
    def relative_error(self) -> float:
        """The largest of them."""
        return max(sky.relative_error for sky in self.skies.values())

    def bind(self, requests: Sequence[Request]) -> BoundModel:
        """Prepare all of them."""
        return _BoundMixture(tuple(sky.bind(requests) for sky in self.skies.values()))


@dataclass(frozen=True)
class _BoundMixture:
    """The mixture, fixed to its requests."""

    models: tuple[BoundModel, ...]

    def __call__(self, parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return tuple(self._mixed(parameters, lambda model, values: list(model(values))))

    def components(self, parameters: Mapping[str, Array]) -> tuple[dict[str, Array], ...]:
        names: list[list[str]] = []

        def flat(model: BoundModel, values: Mapping[str, Array]) -> list[Array]:
            found = model.components(values)
            names[:] = [list(parts) for parts in found]
            return [part for parts in found for part in parts.values()]

        each = iter(self._mixed(parameters, flat))
        return tuple({name: next(each) for name in of_request} for of_request in names)

    def _mixed(
        self, parameters: Mapping[str, Array], evaluate: Callable[[BoundModel, Mapping[str, Array]], list[Array]]
    ) -> list[Array]:
        """Ask each model at its own points, and put the answers [..., n] where they belong."""
        others = {name: value for name, value in parameters.items() if name != VARIANT}
        xp = array_namespace(*parameters.values())
        if xp is not np:  # traced: which points are whose is not known
            answers = [evaluate(model, others) for model in self.models]
            number = xp.round(xp.asarray(parameters[VARIANT]))[..., None]
            found = answers[0]
            for own, answer in enumerate(answers[1:], start=2):
                found = [xp.where(number == own, one, earlier) for one, earlier in zip(answer, found, strict=True)]
            return found
        shape = np.broadcast_shapes(*(np.shape(value) for value in parameters.values()))
        numbers = np.broadcast_to(np.round(parameters[VARIANT]), shape)
        flat = {name: np.broadcast_to(value, shape).reshape(-1) for name, value in others.items()}
        results: list[Array] = []
        for number in np.unique(numbers):
            chosen = np.flatnonzero(numbers.reshape(-1) == number)
            answer = evaluate(self.models[int(number) - 1], {name: value[chosen] for name, value in flat.items()})
            results = results or [np.empty((numbers.size, one.shape[-1])) for one in answer]
            for whole, one in zip(results, answer, strict=True):
                whole[chosen] = one
        return [whole.reshape(*shape, whole.shape[-1]) for whole in results]

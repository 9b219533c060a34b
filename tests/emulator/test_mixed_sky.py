"""Several sky models as one, told apart by the number of the variant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crsea_infer.emulator.mixed_sky import MixedSky
from crsea_infer.emulator.parameters import SkyParameters
from crsea_infer.emulator.sky_model import Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REQUESTS = [Request("gamma", (1.0, 2.0, 3.0), "lhaaso_inner"), Request("proton", (5.0,))]


@dataclass(frozen=True)
class Constant:
    """A sky of known intensities: `level` times x times the energy."""

    level: float
    top: float = 5.0
    relative_error: float = 1e-5

    @property
    def box(self) -> dict[str, tuple[float, float]]:
        return {"x": (1.0, self.top)}

    @property
    def fingerprint(self) -> str:
        return f"{self.level}"

    @property
    def description(self) -> dict[str, str]:
        return {"sources": "none"}

    def parameters(self, _requests: Sequence[Request]) -> SkyParameters:
        return SkyParameters(("x",))

    def bind(self, requests: Sequence[Request]) -> Any:
        level = self.level

        class Bound:
            def __call__(self, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
                return tuple(sum(one.values()) for one in self.components(parameters))

            def components(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
                return tuple(
                    {
                        name: factor * level * parameters["x"][..., None] * np.array(one.energies)
                        for name, factor in (("HI", 0.25), ("H2", 0.75))
                    }
                    for one in requests
                )

        return Bound()


MIXED = MixedSky({"low": Constant(1.0), "high": Constant(10.0, top=8.0), "highest": Constant(100.0)})


@pytest.mark.parametrize("shape", [(), (7,), (3, 4)])
def test_each_point_is_answered_by_its_own_model(shape: tuple[int, ...]) -> None:
    generator = np.random.default_rng(4)
    number, x = generator.integers(1, 4, shape).astype(float), generator.random(shape) + 1.0
    wanted = (10.0 ** (number - 1.0) * x)[..., None]
    bound = MIXED.bind(REQUESTS)
    for request, found, parts in zip(
        REQUESTS,
        bound({"x": np.asarray(x), "variant": np.asarray(number)}),
        bound.components({"x": np.asarray(x), "variant": np.asarray(number)}),
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted * np.array(request.energies), rtol=1e-12)
        assert list(parts) == ["HI", "H2"]
        np.testing.assert_allclose(parts["H2"], 0.75 * wanted * np.array(request.energies), rtol=1e-12)


def test_one_variant_answers_for_many_points() -> None:
    (found, _) = MIXED.bind(REQUESTS)({"x": np.linspace(1.0, 2.0, 5), "variant": np.array(2.0)})
    np.testing.assert_allclose(found[:, 0], 10.0 * np.linspace(1.0, 2.0, 5))


def test_it_takes_the_number_holds_where_any_does_and_has_a_hash_of_all() -> None:
    assert MIXED.parameters(REQUESTS).required == ("x", "variant")
    assert MIXED.box == {"x": (1.0, 8.0)}
    assert MIXED.description["variants"] == "low, high, highest"
    assert MIXED.fingerprint != MixedSky({"low": Constant(1.0), "high": Constant(10.0)}).fingerprint
    assert MIXED.relative_error == 1e-5


def test_jax_sees_the_same() -> None:
    jax = pytest.importorskip("jax")

    class Traced(Constant):
        def bind(self, requests: Sequence[Request]) -> Any:
            level = self.level

            def bound(parameters: Mapping[str, Any]) -> tuple[Any, ...]:
                return tuple(level * parameters["x"][..., None] * jax.numpy.array(one.energies) for one in requests)

            return bound

    mixed = MixedSky({"low": Traced(1.0), "high": Traced(10.0)}).bind(REQUESTS)
    x, number = jax.numpy.array([1.0, 2.0]), jax.numpy.array([2.0, 1.0])
    (found, _) = jax.jit(lambda x, number: mixed({"x": x, "variant": number}))(x, number)
    np.testing.assert_allclose(found[:, 0], [10.0, 2.0], rtol=1e-6)

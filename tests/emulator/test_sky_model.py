"""What may be asked of a sky model: a request checks itself."""

from __future__ import annotations

from typing import Any

import pytest

from crsea_infer.emulator.sky_model import Request
from crsea_infer.support.errors import UserError


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("photon", (1.0,)), "unknown messenger 'photon'"),
        (("gamma", (1.0,)), "no region for gamma rays"),
        (("neutrino", (1.0,)), "no region for neutrinos"),
        (("gamma", (), "lhaaso_inner"), "energies"),
        (("gamma", (0.0,), "lhaaso_inner"), "not all positive"),
        (("gamma", (float("nan"),), "lhaaso_inner"), "not all positive"),
        (("gamma", (float("inf"),), "lhaaso_inner"), "not all positive"),
        (("gamma", (1.0,), "lhaaso_inner", 4.0), "a radius with the messenger gamma"),
        (("proton", (1.0,), "lhaaso_inner"), "the region lhaaso_inner with the messenger proton"),
        (("helium", (1.0,), None, -1.0), "radius = -1"),
    ],
)
def test_a_request_without_meaning_cannot_be_made(arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Request(*arguments)


def test_gamma_rays_and_neutrinos_come_from_the_sky_and_nuclei_from_a_place() -> None:
    assert Request("gamma", (1.0,), "lhaaso_inner").is_on_sky
    assert Request("neutrino", (1.0,), "lhaaso_inner").is_on_sky
    assert not Request("proton", (1.0,)).is_on_sky
    assert not Request("helium", (1.0,), radius=4.0).is_on_sky

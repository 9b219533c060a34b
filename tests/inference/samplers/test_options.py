"""Options of samplers: what cannot be is named, with what is allowed, before anything is sampled."""

from __future__ import annotations

import pytest

from crsea_infer.inference.samplers.dynesty_static import DynestyOptions
from crsea_infer.inference.samplers.options import options_from
from crsea_infer.inference.samplers.registry import make, sampler_class
from crsea_infer.support.errors import UserError


@pytest.mark.parametrize(
    ("sampler", "option", "value"),
    [
        ("dynesty", "live_points", 3),
        ("dynesty", "remaining", -1.0),
        ("dynesty", "subruns", 1),
        ("emcee", "max_steps", 1),
        ("emcee", "block", 7),
        ("importance", "prior_share", 1.5),
        ("importance", "walkers", 33),
        ("importance", "draws", "many"),
        ("emcee", "thin", True),
        ("dynesty-dynamic", "posterior_share", 2.0),
        ("dynesty-dynamic", "walkers", 50),
        ("dynesty-dynamic", "effective_samples", 1.0),
        ("jax-nested", "replaced", 120),
        ("importance", "freedom", float("inf")),
        ("importance", "freedom", float("nan")),
        ("importance", "components", 500),
        ("importance", "draws", 10**13),
        ("dynesty", "live_points", 10**29),
        ("importance", "scouts", 50),
        ("jax-nested", "slices_per_dimension", 0.5),
        ("nautilus", "networks", -1),
        ("nautilus", "most_calls", 100),
        ("nautilus", "remaining", 0.0),
        ("nuts", "dense", 1),
        ("nuts", "acceptance", 0.2),
        ("nuts", "chains", 1),
        ("smc", "backend", "torch"),
        ("smc", "subruns", 5),
        ("smc", "subruns", 2),
        ("smc", "particles", 10),
        ("smc", "effective_share", 1.0),
        ("smc", "forgotten", 0.0),
        ("smc", "draws", -1),
        ("importance", "fallback", "dynesty"),
    ],
)
def test_a_bad_option_is_named_with_what_is_allowed(sampler: str, option: str, value: object) -> None:
    with pytest.raises(UserError, match=f"{sampler}.{option}") as caught:
        options_from(sampler_class(sampler).Options, sampler, {option: value})
    assert caught.value.valid


def test_a_misspelt_option_or_sampler_is_met_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match="live_points"):
        options_from(DynestyOptions, "dynesty", {"live_point": 50})
    with pytest.raises(UserError, match="dynesty"):
        make("dinesty")


def test_walkers_of_dynesty_follow_its_live_points_unless_they_are_given() -> None:
    assert options_from(DynestyOptions, "dynesty", {"live_points": 60}).walkers == 30
    assert options_from(DynestyOptions, "dynesty", {"live_points": 60, "walkers": 10}).walkers == 10
    with pytest.raises(UserError) as caught:
        options_from(DynestyOptions, "dynesty", {"live_points": 3})
    assert "more" not in caught.value.given  # the walkers, of whom nothing was said, are no second fault

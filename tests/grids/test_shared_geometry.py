"""Geometry is computed once for grids that differ in transport inside the same disc, and never taken for another's."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from crsea_infer.grids.response_grid import GridSettings
from crsea_infer.physics import leptons, region_response
from crsea_infer.physics.region_response import ResponseSolver
from crsea_infer.physics.regions import parse_region

REGIONS = [parse_region("l=33..35,b=-1..1")]


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Radii of the discs for which geometry was computed."""
    found: list[float] = []
    for module in (region_response, leptons):
        compute = module.region_weights

        def counted(*given: object, compute: object = compute, **named: object) -> object:
            found.append(float(named["disc_radius"]))  # type: ignore[arg-type]
            return compute(*given, **named)  # type: ignore[operator]

        monkeypatch.setattr(module, "region_weights", counted)
    return found


def _with(**transport: object) -> GridSettings:
    usual = GridSettings()
    return dataclasses.replace(usual, transport=dataclasses.replace(usual.transport, **transport))


def test_other_sources_and_saturation_share_the_geometry(computed: list[float]) -> None:
    wanted = [_with(), _with(sources="lorimer"), _with(saturation_radius=11.0)]
    found = [one.solver(REGIONS)(0.04, 5.0) for one in wanted]
    assert computed == [20.0]
    for one, received in zip(wanted, found, strict=True):
        alone = ResponseSolver.for_regions(
            REGIONS, rigidities=one.rigidities, transport=one.transport, line_of_sight=one.line_of_sight
        )
        np.testing.assert_array_equal(received, alone(0.04, 5.0))
    assert not np.allclose(found[0], found[1], rtol=1e-6)


def test_electrons_share_theirs_too(computed: list[float]) -> None:
    one, other = (_with(sources=name).lepton_solver(REGIONS) for name in ("ferriere", "lorimer"))
    assert computed == [20.0]
    assert one is not None
    assert other is not None
    assert (one.electrons.transport.sources, other.electrons.transport.sources) == ("ferriere", "lorimer")
    assert one.weights is other.weights


@pytest.mark.parametrize(
    "other",
    [
        _with(disc_radius=15.0, n_radial=300),
        pytest.param(dataclasses.replace(GridSettings(), gas_model="analytic"), marks=pytest.mark.slow),
        dataclasses.replace(GridSettings(), n_rigidity=12),
    ],
)
def test_what_changes_the_geometry_does_not_share_it(computed: list[float], other: GridSettings) -> None:
    region = [parse_region("l=53..54,b=-1..1")]
    GridSettings().solver(region)
    before = len(computed)
    other.solver(region)
    assert len(computed) == before + 1

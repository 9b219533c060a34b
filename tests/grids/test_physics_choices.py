"""The physics of a grid in the user's words becomes settings, with fitting numerics; what cannot be is refused."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.cli.main import main
from crsea_infer.grids.physics_choices import PhysicsChoices, describe_physics
from crsea_infer.grids.response_grid import Axis, GridSettings, build_grid, read_grid, write_grid
from crsea_infer.physics.electrons import ElectronSettings, ElectronSolver
from crsea_infer.physics.transport import TransportSettings, relative_density
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

SMALL = GridSettings(
    regions=("l=100..102,b=-1..1",),
    axes=(Axis("delta_slope", 0.0, 0.1, 2, "1/kpc"), Axis("halo_height", 2.0, 12.0, 2, "kpc", "log")),
    n_rigidity=4,
    electrons=None,
)


def test_no_choices_change_nothing() -> None:
    assert PhysicsChoices().apply().as_json() == GridSettings().as_json()
    assert "saturation_radius" not in GridSettings().as_json()["transport"]  # old grids keep their hashes


def test_choices_bring_numerics_as_fine_as_the_shipped_ones() -> None:
    near = PhysicsChoices(rim=12.0, halo_height=(2.0, 15.0), delta_slope=(0.0, 0.2)).apply()
    assert near.transport.disc_radius / near.transport.n_radial == pytest.approx(0.05)
    assert near.electrons is not None
    assert near.electrons.n_radial == ElectronSettings().n_radial
    assert [axis.n_nodes for axis in near.axes] == [40, 16]
    assert near.as_json()["lepton_heights"][-1] == pytest.approx(15.0)
    far = PhysicsChoices(rim=30.0).apply()
    assert far.transport.n_radial == 600
    assert far.electrons is not None
    assert far.electrons.n_radial == 120


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (PhysicsChoices(rim=8.0), "rim at 8 kpc"),
        (PhysicsChoices(rim=float("nan")), "rim at nan"),
        (PhysicsChoices(rim=1e6), "rim at 1e"),
        (PhysicsChoices(rim=12.0, saturation_radius=13.0), "constant beyond 13 kpc"),
        (PhysicsChoices(saturation_radius=0.0), "constant beyond 0 kpc"),
        (PhysicsChoices(sun_radius=-1.0), "Sun at -1 kpc"),
        (PhysicsChoices(sources="ferriera"), "'ferriera'"),
        (PhysicsChoices(halo_height=(0.2, 12.0)), "halo_height from 0.2"),
        (PhysicsChoices(halo_height=(5.0, 4.0)), "halo_height from 5 to 4"),
        (PhysicsChoices(delta_slope=(0.0, 2.0)), "delta_slope from 0 to 2"),
        (PhysicsChoices(cross_section="none"), "'none'"),  # type: ignore[arg-type]
        (PhysicsChoices(nuclear_enhancement=9.0), "enhancement of 9"),
    ],
)
def test_what_cannot_be_is_refused_in_words(choices: PhysicsChoices, words: str) -> None:
    with pytest.raises(UserError) as caught:
        choices.apply()
    assert words in caught.value.given
    assert caught.value.valid


def test_diffusion_rises_out_to_the_saturation_radius_and_is_anchored_at_the_sun() -> None:
    far = TransportSettings(saturation_radius=11.0)
    radii = np.array([4.122, 8.122, 10.122, 11.0, 15.0])
    np.testing.assert_allclose(far.delta_from_sun(radii, 0.05), [-0.2, 0.0, 0.1, 0.1439, 0.1439], rtol=1e-12)
    near = TransportSettings(saturation_radius=5.0)
    np.testing.assert_allclose(near.delta_from_sun(radii, 0.05), [-0.0439, 0.0, 0.0, 0.0, 0.0], atol=1e-12)


def test_a_saturation_at_the_sun_is_the_default() -> None:
    here = TransportSettings()
    stated = dataclasses.replace(here, saturation_radius=here.sun_radius)
    arguments = (np.array([10.0, 1e5]), np.array([0.0]))
    one = relative_density(*arguments, delta_slope=0.04, halo_height=5.0, settings=here)
    other = relative_density(*arguments, delta_slope=0.04, halo_height=5.0, settings=stated)
    np.testing.assert_array_equal(one, other)


def test_a_later_saturation_empties_the_outer_disc_at_high_rigidity() -> None:
    """Faster diffusion beyond the Sun, at equal sources: fewer cosmic rays there, the more the higher the rigidity."""
    settings = TransportSettings(saturation_radius=11.0)
    arguments = (np.array([4.0, 1e5]), np.array([0.0]))
    density = relative_density(*arguments, delta_slope=0.04, halo_height=5.0, settings=settings)[..., 0]
    plain = relative_density(*arguments, delta_slope=0.04, halo_height=5.0, settings=TransportSettings())[..., 0]
    at = int(np.searchsorted(settings.radii, 13.0))
    assert density[0, at] == pytest.approx(plain[0, at], rel=1e-6)  # at 4 GV D does not depend on delta
    assert density[1, at] < 0.9 * plain[1, at]


@pytest.mark.slow
def test_electrons_feel_rim_and_saturation() -> None:
    heights = np.array([0.0, 0.5, 1.0, 2.0])
    few = ElectronSettings(n_modes=24)
    parts = {
        name: ElectronSolver.create(few, settings, heights)
        for name, settings in (
            ("usual", TransportSettings()),
            ("near", TransportSettings(disc_radius=12.0, n_radial=240)),
            ("late", TransportSettings(saturation_radius=12.0)),
        )
    }
    assert parts["near"].radii[-1] < 12.0
    found = {name: solver.relative_density(0.05, 5.0)[4, :, 0] for name, solver in parts.items()}  # at 10 GeV
    at = {name: float(np.interp(11.0, parts[name].radii, found[name])) for name in parts}
    assert at["near"] < 0.7 * at["usual"]
    assert at["late"] < 0.99 * at["usual"]


def test_a_grid_of_other_physics_says_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = PhysicsChoices(rim=12.0, saturation_radius=11.0).apply(SMALL)
    path = tmp_path / "near.nc"
    write_grid(build_grid(settings), path)
    assert GridSettings.from_json(json.loads(read_grid(path).attrs["settings"])).transport == settings.transport
    assert main(["grid", "info", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "free escape at 12 kpc" in shown
    assert "delta(R) rises to 11 kpc, constant beyond" in shown
    assert describe_physics(GridSettings())["diffusion"] == "delta(R) rises to 8.122 kpc (the Sun), constant beyond"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rim", "7"], "rim at 7 kpc"),
        (["--rim", "far"], "--rim far"),
        (["--halo-height", "2"], "--halo-height 2"),
        (["--halo-height", "2..x"], "--halo-height 2..x"),
        (["--delta-slope", "0.1..0"], "--delta-slope 0.1..0"),
        (["--saturation-radius", "25"], "constant beyond 25 kpc"),
        (["--sources", "nowhere"], "'nowhere'"),
    ],
)
def test_the_command_line_refuses_in_one_message(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["grid", "build", *options]) == 1
    shown = capsys.readouterr().err
    assert words in shown
    assert "valid:" in shown


def test_a_prediction_takes_other_physics(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["predict", "base-min", "--messenger", "proton", "--energies", "1e4", "--format", "json"]
    found = []
    for options in ([], ["--radius", "11"], ["--radius", "11", "--rim", "12"]):
        assert main([*command, *options]) == 0
        found.append(json.loads(capsys.readouterr().out)["intensity"][0])
    assert found[1] / found[0] == pytest.approx(0.47, abs=0.01)
    assert found[2] / found[0] == pytest.approx(0.25, abs=0.01)
    assert main([*command, "--rim", "5"]) == 1
    shown = capsys.readouterr().err
    assert "rim" in shown
    assert "valid:" in shown

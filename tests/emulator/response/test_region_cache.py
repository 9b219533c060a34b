"""Regions that an emulator lacks are trained once and kept: the same bits from the cache, and never a wrong number."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import healpy
import numpy as np
import pytest

from crsea_infer.cli.main import main
from crsea_infer.emulator.response import region_cache
from crsea_infer.emulator.response.chebyshev import ResponseEmulator, train
from crsea_infer.emulator.response.region_cache import RegionCache, clear, entries, user_folder
from crsea_infer.emulator.response.response_sky import EmulatedSky
from crsea_infer.emulator.sky_model import Request
from crsea_infer.grids.response_grid import Axis, GridSettings, build_grid
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

AXES = (Axis("delta_slope", 0.0, 0.1, 3, "1/kpc"), Axis("halo_height", 2.0, 12.0, 3, "kpc", "log"))
SETTINGS = GridSettings(regions=("lhaaso_inner",), axes=AXES, n_rigidity=6)
HERE, THERE = "l=41..44,b=-2..2", "l=60..63,b=-1..1"


@pytest.fixture(scope="module")
def shipped() -> ResponseEmulator:
    return train(build_grid(replace(SETTINGS, electrons=None)))


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    """What was solved, in order: nuclei or electrons, and for which regions."""
    calls: list[tuple[str, tuple[str, ...]]] = []
    solve = region_cache.train_regions

    def counted(settings: GridSettings, particles: region_cache.Particles, names: tuple[str, ...]) -> object:
        calls.append((particles, tuple(names)))
        return solve(settings, particles, names)

    monkeypatch.setattr(region_cache, "train_regions", counted)
    return calls


def _values(**changes: float) -> dict[str, np.ndarray]:
    fiducial = {p.name: float(p.fiducial) for p in load_hypothesis("gamma-optimized-max").parameters}
    return {name: np.asarray(value) for name, value in {**fiducial, **changes}.items()}


def _intensities(
    emulator: ResponseEmulator, cache: RegionCache, *regions: str, electrons: bool = False
) -> Mapping[str, bytes]:
    sky = EmulatedSky(emulator, regions=cache)
    bound = sky.bind([Request("gamma", (100.0, 1e5), region) for region in regions])
    scales = {"inverse_compton_scale": 1.0, "bremsstrahlung_scale": 1.0} if electrons else {}
    found = bound(_values(**scales))
    return {region: intensity.tobytes() for region, intensity in zip(regions, found, strict=True)}


@pytest.mark.slow
def test_a_region_is_trained_once_and_its_numbers_are_the_same_bits(
    shipped: ResponseEmulator, tmp_path: Path, solved: list[tuple[str, tuple[str, ...]]]
) -> None:
    first = _intensities(shipped, RegionCache([tmp_path]), HERE)
    assert solved == [("nuclei", (HERE,))]
    assert _intensities(shipped, RegionCache([tmp_path]), HERE) == first
    assert solved == [("nuclei", (HERE,))]
    assert _intensities(shipped, RegionCache([]), HERE) == first  # no folder: nothing is kept, nothing fails
    assert len(solved) == 2
    grid = train(build_grid(replace(SETTINGS, regions=(HERE,), electrons=None)))
    kept = RegionCache([tmp_path]).fits(shipped.settings, "nuclei", [HERE])[HERE]
    assert kept.coefficients.tobytes() == grid.coefficients.tobytes()
    assert kept.basis.tobytes() == grid.basis.tobytes()


def test_regions_asked_for_together_are_solved_together_and_found_apart(
    shipped: ResponseEmulator, tmp_path: Path, solved: list[tuple[str, tuple[str, ...]]]
) -> None:
    both = _intensities(shipped, RegionCache([tmp_path]), HERE, THERE)
    assert solved == [("nuclei", (HERE, THERE))]
    assert _intensities(shipped, RegionCache([tmp_path]), THERE)[THERE] == both[THERE]
    assert len(solved) == 1
    # alone, without a cache: a region does not depend on its company but for rounding
    alone = _intensities(shipped, RegionCache([]), HERE)[HERE]
    assert np.frombuffer(alone) == pytest.approx(np.frombuffer(both[HERE]), rel=1e-9)


def test_one_sky_trains_no_region_twice_without_any_folder(
    shipped: ResponseEmulator, solved: list[tuple[str, tuple[str, ...]]]
) -> None:
    sky = EmulatedSky(shipped, regions=RegionCache([]))
    for _ in range(3):
        sky.bind([Request("gamma", (1e4,), HERE)])(_values())
    sky.bind([Request("gamma", (1e4,), HERE), Request("neutrino", (1e4,), THERE)])
    assert solved == [("nuclei", (HERE,)), ("nuclei", (THERE,))]


@pytest.mark.slow
def test_electrons_are_trained_when_asked_for_and_kept(
    tmp_path: Path, solved: list[tuple[str, tuple[str, ...]]]
) -> None:
    emulator = train(build_grid(SETTINGS))
    gas = _intensities(emulator, RegionCache([tmp_path]), HERE)
    assert solved == [("nuclei", (HERE,))]
    everything = _intensities(emulator, RegionCache([tmp_path]), HERE, electrons=True)
    assert everything != gas
    assert solved == [("nuclei", (HERE,)), ("electrons", (HERE,))]
    assert _intensities(emulator, RegionCache([tmp_path]), HERE, electrons=True) == everything
    assert len(solved) == 2
    grid = train(build_grid(replace(SETTINGS, regions=(HERE,))))
    kept = RegionCache([tmp_path]).fits(SETTINGS, "electrons", [HERE])[HERE]
    assert grid.lepton_basis is not None
    assert kept.basis.tobytes() == grid.lepton_basis.tobytes()
    alone = RegionCache([]).fits(SETTINGS, "electrons", [THERE, HERE])[HERE]
    assert alone.coefficients @ alone.basis[:, 0, 0] == pytest.approx(kept.coefficients @ kept.basis[:, 0, 0], rel=1e-9)


def test_without_electrons_in_the_grid_a_new_region_says_so(shipped: ResponseEmulator, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="without electrons"):
        _intensities(shipped, RegionCache([tmp_path]), HERE, electrons=True)


@pytest.mark.parametrize(
    "change",
    [
        {"axes": (replace(AXES[0], upper=0.09), AXES[1])},
        {"axes": (replace(AXES[0], n_nodes=4), AXES[1])},
        {"n_rigidity": 7},
        {"transport": replace(SETTINGS.transport, sun_radius=8.3)},
        {"line_of_sight": replace(SETTINGS.line_of_sight, step=0.05)},
        {"line_of_sight": replace(SETTINGS.line_of_sight, x_co=(2e20,) * 11)},
    ],
)
def test_other_physics_are_other_entries(change: dict[str, object]) -> None:
    other = replace(SETTINGS, **change)  # type: ignore[arg-type]
    assert region_cache.entry_key(other, "nuclei", HERE).hash != region_cache.entry_key(SETTINGS, "nuclei", HERE).hash


def test_what_does_not_act_on_a_region_makes_no_other_entry() -> None:
    """Cross sections act on spectra, electrons on electrons: neither is solved again for the other's sake."""
    key = region_cache.entry_key(SETTINGS, "nuclei", HERE).hash
    other = replace(SETTINGS, nuclear_enhancement=1.1, cross_section="aafrag", electrons=None, regions=())
    assert region_cache.entry_key(other, "nuclei", HERE).hash == key
    assert region_cache.entry_key(SETTINGS, "electrons", HERE).hash != key


def _write_mask(path: Path, kept: np.ndarray) -> str:
    healpy.write_map(str(path), kept.astype(np.float64), coord="G", nest=False, overwrite=True)
    return f"{HERE},mask={path}"


def test_a_mask_counts_by_its_content(tmp_path: Path) -> None:
    everything = np.ones(12 * 32**2)
    some = everything.copy()
    some[::2] = 0.0
    names = [
        _write_mask(tmp_path / name, kept)
        for name, kept in (("a.fits", everything), ("b.fits", everything), ("c.fits", some))
    ]
    first, same, other = (region_cache.entry_key(SETTINGS, "nuclei", name) for name in names)
    assert first.hash == same.hash
    assert len({first.hash, other.hash, region_cache.entry_key(SETTINGS, "nuclei", HERE).hash}) == 3


def test_code_and_tables_are_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = region_cache.entry_key(SETTINGS, "nuclei", HERE).hash
    monkeypatch.setattr(region_cache, "code_and_tables", lambda: "another version")
    assert region_cache.entry_key(SETTINGS, "nuclei", HERE).hash != before


def _damages(data: bytes) -> list[bytes]:
    flipped = [data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :] for at in range(0, len(data), len(data) // 60)]
    return [b"", b"no archive", data[: len(data) // 2], *flipped]


def test_a_damaged_entry_is_remade(shipped: ResponseEmulator, tmp_path: Path) -> None:
    first = RegionCache([tmp_path]).fits(shipped.settings, "nuclei", [HERE])[HERE]
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for data in _damages(whole):
        path.write_bytes(data)
        found = RegionCache([], reads=[tmp_path])._read(region_cache.entry_key(shipped.settings, "nuclei", HERE))
        # a flipped bit that no reader looks at may stand; one in a number may not
        assert found is None or found.basis.tobytes() == first.basis.tobytes()
        assert found is None or found.coefficients.tobytes() == first.coefficients.tobytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert (
        RegionCache([tmp_path]).fits(shipped.settings, "nuclei", [HERE])[HERE].basis.tobytes() == first.basis.tobytes()
    )
    assert path.read_bytes() == whole


def test_a_foreign_entry_is_ignored(
    shipped: ResponseEmulator, tmp_path: Path, solved: list[tuple[str, tuple[str, ...]]]
) -> None:
    cache = RegionCache([tmp_path])
    cache.fits(shipped.settings, "nuclei", [HERE, THERE])
    here, there = (
        tmp_path / region_cache.entry_name(region_cache.entry_key(shipped.settings, "nuclei", name))
        for name in (HERE, THERE)
    )
    good = here.read_bytes()
    here.write_bytes(there.read_bytes())  # another region's numbers under this one's name
    assert RegionCache([tmp_path]).fits(shipped.settings, "nuclei", [HERE])[HERE].basis.shape[1:] == (1, 2, 9, 6)
    assert len(solved) == 2
    assert here.read_bytes() == good
    here.unlink()
    here.mkdir()  # a folder in its place: nothing can be kept, nothing fails
    RegionCache([tmp_path]).fits(shipped.settings, "nuclei", [HERE])
    assert len(solved) == 3


def test_numbers_of_another_shape_are_ignored(shipped: ResponseEmulator, tmp_path: Path) -> None:
    key = region_cache.entry_key(shipped.settings, "nuclei", HERE)
    fit = RegionCache([]).fits(shipped.settings, "nuclei", [HERE])[HERE]
    region_cache.write_entry(tmp_path, key, replace(fit, basis=fit.basis[..., :-1]))
    assert RegionCache([tmp_path])._read(key) is None
    region_cache.write_entry(tmp_path, key, fit)
    assert RegionCache([tmp_path])._read(key) is not None


def test_a_place_that_cannot_be_written_is_no_error(
    shipped: ResponseEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CRSEA_INFER_CACHE", str(tmp_path / "file" / "cache"))
    assert _intensities(shipped, RegionCache.of_user(), HERE)
    assert entries(tmp_path / "file" / "cache") == []
    monkeypatch.delenv("CRSEA_INFER_CACHE")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.chdir(tmp_path)
    assert _intensities(shipped, RegionCache.of_user(), HERE)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_place_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRSEA_INFER_CACHE", str(tmp_path / "own"))
    assert user_folder() == tmp_path / "own" / "sky_regions"
    monkeypatch.delenv("CRSEA_INFER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert user_folder() == tmp_path / "crsea_infer" / "sky_regions"


def test_a_folder_beside_gets_what_is_known_and_is_enough(
    shipped: ResponseEmulator, tmp_path: Path, solved: list[tuple[str, tuple[str, ...]]]
) -> None:
    cache = RegionCache([tmp_path / "user"])
    _intensities(shipped, cache, HERE)
    cache.keep_in(tmp_path / "run")
    _intensities(shipped, cache, THERE)
    names = {path.name for path in (tmp_path / "user").iterdir()}
    assert {path.name for path in (tmp_path / "run").iterdir()} == names
    assert len(names) == 2
    solved.clear()
    _intensities(shipped, RegionCache([], reads=[tmp_path / "run"]), HERE, THERE)
    assert solved == []


def test_many_at_once_all_get_the_same(shipped: ResponseEmulator, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: _intensities(shipped, RegionCache([tmp_path]), HERE)[HERE], range(4)))
    assert len(set(found)) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_the_fingerprint_does_not_know_where_a_region_came_from(shipped: ResponseEmulator, tmp_path: Path) -> None:
    sky = EmulatedSky(shipped, regions=RegionCache([tmp_path]))
    before = sky.fingerprint
    sky.bind([Request("gamma", (1e4,), HERE)])
    assert sky.fingerprint == before
    assert EmulatedSky(shipped, regions=RegionCache([])).fingerprint == before


def test_the_command_shows_and_clears_entries_and_nothing_else(
    shipped: ResponseEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRSEA_INFER_CACHE", str(tmp_path))
    _intensities(shipped, RegionCache.of_user(), HERE, THERE)
    folder = tmp_path / "sky_regions"
    (folder / "mine.npz").write_text("not ours")
    assert main(["emulator", "cache"]) == 0
    shown = capsys.readouterr().out
    assert str(folder) in shown
    assert HERE in shown
    assert THERE in shown
    assert main(["emulator", "cache", "--clear"]) == 0
    assert [path.name for path in folder.iterdir()] == ["mine.npz"]
    assert clear(folder) == 0


_SECONDS = """
import sys, time
from crsea_infer import emulator
from crsea_infer.inference import prediction
from crsea_infer.hypotheses.hypothesis import load_hypothesis
hypothesis = load_hypothesis("base-min")
prediction.predict(hypothesis, prediction.request_for((1e4,), region="tibet_inner"), emulator.load())
for region in sys.argv[1:]:
    started = time.perf_counter()
    found = prediction.predict(hypothesis, prediction.request_for((1e4,), region=region), emulator.load())
    print(repr(float(found["intensity"][0])), time.perf_counter() - started)
"""


@pytest.mark.slow
def test_the_second_use_of_a_region_in_a_fresh_process_takes_no_solver() -> None:
    """At most 0.3 s more than a region that ships; measured are the same seconds less imports."""
    command = [sys.executable, "-c", _SECONDS, "tibet_inner", "l=200..203,b=-2..2"]
    first, second = (
        [
            line.split()
            for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        ]
        for _ in range(2)
    )
    assert [row[0] for row in first] == [row[0] for row in second]
    assert float(second[1][1]) - float(second[0][1]) < 0.3

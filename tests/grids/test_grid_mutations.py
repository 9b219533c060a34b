"""Files of grids and of gas from strangers: whatever is wrong is one message, or the numbers are the original ones."""

from __future__ import annotations

import itertools
import json
import shutil
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
from mutations import CONTENT, NUMBERS, SHAPES, TYPES, VALUES

from crsea_infer.emulator.spectra.dragon_intensities import read_dragon_grid
from crsea_infer.grids.dragon_file import dragon_dataset
from crsea_infer.grids.response_grid import Axis, GridSettings, grid_dataset, read_grid
from crsea_infer.grids.spectra_grid import (
    Parameter,
    SpectraGrid,
    Spectrum,
    grid_kind,
    read_spectra_grid,
    write_spectra_grid,
)
from crsea_infer.physics.gas import _read
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import write_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NUMERIC = {
    "response": ("response", "leptons", "delta_slope", "halo_height", "absorption", "rigidity", "lepton_energy"),
    "spectra": ("intensity", "halo_height", "index", "energy"),
    "dragon": ("local", "radial", "response", "energy", "radius", "absorption", "rigidity"),
    "gas": ("longitude", "latitude", "longitude_width", "latitude_width", "atomic", "carbon_monoxide"),
}
WORDS = {
    "response": ("region", "component", "lepton_component"),
    "spectra": ("messenger", "region", "component", "intensity_unit"),
    "dragon": ("species", "region", "component"),
    "gas": (),
}
ATTRIBUTES = {
    "response": ("kind", "settings", "hash", "sha256", "crsea_infer_version"),
    "spectra": ("kind", "description", "provenance", "hash"),
    "dragon": ("kind", "parameters", "provenance", "hash", "sha256", "crsea_infer_version"),
    "gas": ("provenance",),
}
KINDS = tuple(NUMERIC)


def _write(kind: str, path: Path) -> None:
    rng = np.random.default_rng(1)
    if kind == "response":
        axes = Axis("delta_slope", 0.0, 0.1, 2, "1/kpc"), Axis("halo_height", 2.0, 12.0, 3, "kpc", "log")
        settings = GridSettings(regions=("lhaaso_inner", "l=60..62,b=-1..1"), axes=axes)
        design = np.array(list(itertools.product(*(axis.nodes for axis in axes))))
        write_dataset(grid_dataset(settings, design, rng.random((6, 2, 2, 9, 16)), rng.random((6, 2, 2, 37))), path)
    elif kind == "spectra":
        parameters = Parameter("halo_height", 2.0, 12.0, "kpc", "log"), Parameter("index", -3.0, -2.0)
        spectra = Spectrum("gamma", "lhaaso_inner", "HI", (10.0, 100.0, 1e3)), Spectrum("proton", None, "p", (10.0,))
        points = np.stack([rng.uniform(2, 12, 5), rng.uniform(-3, -2, 5)], axis=-1)
        write_spectra_grid(SpectraGrid(parameters, points, spectra, rng.random((5, 4)) + 0.1, {"code": "X"}), path)
    elif kind == "dragon":
        arrays = {
            "local": rng.random((1, 2, 5)),
            "radial": rng.random((1, 2, 3, 5)),
            "response": rng.random((1, 2, 1, 2, 9, 16)),
        }
        coordinates = {
            "species": ["proton", "helium"],
            "energy": ("energy", np.arange(1.0, 6.0), {"units": "GeV"}),
            "radius": ("radius", np.arange(1.0, 4.0), {"units": "kpc"}),
            "region": ["lhaaso_inner"],
            "component": ["HI", "H2"],
            "absorption": ("absorption", np.arange(9.0), {"units": "1/kpc"}),
            "rigidity": ("rigidity", np.arange(1.0, 17.0), {"units": "GV"}),
        }
        write_dataset(dragon_dataset(arrays, coordinates, None, {"code": "DRAGON2"}), path)
    else:
        with h5py.File(path, "w") as file:
            file.attrs["provenance"] = "made for this test"
            for name in NUMERIC["gas"]:
                shape = (7,) if name.startswith("l") else (11, 7)
                file[name] = rng.uniform(0.1, 5.0, shape).astype(np.float32)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("grids")
    for kind in KINDS:
        _write(kind, folder / f"{kind}.nc")
    return {kind: folder / f"{kind}.nc" for kind in KINDS}


@pytest.fixture
def copy_of(originals: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    return lambda kind: shutil.copy(originals[kind], tmp_path / f"{kind}.nc")


def _read_kind(kind: str, path: Path) -> dict[str, Any]:
    if kind == "gas":
        gas = _read.__wrapped__(path)
        return {name: getattr(gas, name) for name in NUMERIC["gas"]}
    if kind == "spectra":
        grid = read_spectra_grid(path)
        return {"intensity": grid.intensities, "halo_height": grid.points[:, 0], "index": grid.points[:, 1]}
    dataset = (read_grid if kind == "response" else read_dragon_grid)(path)
    return {name: dataset[name].values for name in NUMERIC[kind]}


def _refused(kind: str, path: Path) -> None:
    with pytest.raises(UserError) as caught:
        _read_kind(kind, path)
    assert str(path) in str(caught.value) or kind == "spectra"
    assert len(str(caught.value)) < 1500
    assert "\x1b" not in str(caught.value)


def _refused_or_same(kind: str, path: Path, original: Path) -> None:
    try:
        found = _read_kind(kind, path)
    except UserError:
        _refused(kind, path)
        return
    expected = _read_kind(kind, original)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_is_read(kind: str, copy_of: Callable[[str], Path], originals: dict[str, Path]) -> None:
    _refused_or_same(kind, copy_of(kind), originals[kind])
    assert _read_kind(kind, originals[kind])


EACH = [(kind, name) for kind in KINDS for name in NUMERIC[kind]]
ALL = [(kind, name) for kind in KINDS for name in (*NUMERIC[kind], *WORDS[kind])]


@pytest.mark.parametrize("mutation", [*SHAPES, *TYPES, *NUMBERS, *CONTENT])
@pytest.mark.parametrize(("kind", "name"), EACH)
def test_other_arrays_are_refused(kind: str, name: str, mutation: str, copy_of: Callable[[str], Path]) -> None:
    if kind == "gas" and mutation in CONTENT:
        return  # a table of gas is anybody's: other numbers of the right form are another table
    path = copy_of(kind)
    with h5py.File(path, "r") as file:
        array = file[name][()]
    changed = {**SHAPES, **TYPES, **NUMBERS, **CONTENT}[mutation](array)
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = changed
    _refused(kind, path)


@pytest.mark.parametrize("mutation", ["missing", "renamed", "beside", "numbers", "words", "compound", "reference"])
@pytest.mark.parametrize(("kind", "name"), ALL)
def test_other_sets_of_arrays_are_refused(kind: str, name: str, mutation: str, copy_of: Callable[[str], Path]) -> None:
    if mutation == "words" and name in WORDS[kind]:
        mutation = "other words"
    path = copy_of(kind)
    with h5py.File(path, "r+") as file:
        shape = file[name].shape
        if mutation == "beside":
            file[f"more_{name}"] = np.ones(3)
        elif mutation == "renamed":
            file.move(name, f"{name}_")
        else:
            del file[name]
        if mutation == "numbers":
            file[name] = np.full(shape, -1.0)
        elif "words" in mutation:
            file.create_dataset(name, data=np.full(shape, "\x1b[2J", dtype=object), dtype=h5py.string_dtype())
        elif mutation == "compound":
            file[name] = np.zeros(shape, dtype=[("a", "f8"), ("b", "f8")])
        elif mutation == "reference":
            file.create_dataset(name, shape, dtype=h5py.ref_dtype)
    if kind == "gas" and mutation == "numbers" and name in {"longitude", "latitude"}:
        return
    _refused(kind, path)


@pytest.mark.parametrize("value", [*VALUES, "absent", "bytes", "huge text"])
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in ATTRIBUTES[kind]])
def test_other_attributes_are_refused_or_change_nothing(
    kind: str, name: str, value: str, copy_of: Callable[[str], Path], originals: dict[str, Path]
) -> None:
    path = copy_of(kind)
    extra = {"bytes": np.void(b"\xff\x00"), "huge text": "[" * 60_000}
    with h5py.File(path, "r+") as file:
        del file.attrs[name]
        if value in VALUES:
            given = VALUES[value]
            file.attrs[name] = json.dumps(given) if given is None or isinstance(given, dict | list | int) else given
        elif value != "absent":
            file.attrs[name] = extra[value]
    _refused_or_same(kind, path, originals[kind])
    assert isinstance(grid_kind(path), str)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", ["scale_factor", "add_offset", "_FillValue", "missing_value", "units", "calendar"])
def test_attributes_that_would_change_numbers_change_none(
    kind: str, scale: str, copy_of: Callable[[str], Path], originals: dict[str, Path]
) -> None:
    path = copy_of(kind)
    with h5py.File(path, "r+") as file:
        for name in NUMERIC[kind]:
            file[name].attrs[scale] = {"units": "days since 1900-01-01", "calendar": "noleap"}.get(scale, 2.0)
    _refused_or_same(kind, path, originals[kind])


@pytest.mark.parametrize("mutation", ["soft", "dangling", "external", "outside", "virtual", "huge", "group", "twice"])
@pytest.mark.parametrize(("kind", "name"), [(kind, names[0]) for kind, names in NUMERIC.items()])
def test_files_that_lead_elsewhere_are_refused(
    kind: str, name: str, mutation: str, copy_of: Callable[[str], Path], originals: dict[str, Path]
) -> None:
    path = copy_of(kind)
    with h5py.File(path, "r+") as file:
        shape, other = file[name].shape, NUMERIC[kind][1]
        del file[name]
        if mutation == "soft":
            file[name] = h5py.SoftLink(f"/{other}")
        elif mutation == "dangling":
            file[name] = h5py.SoftLink(f"/{name}")
        elif mutation == "external":
            file[name] = h5py.ExternalLink(str(originals[kind]), name)
        elif mutation == "outside":
            file.create_dataset(name, shape, "f8", external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)])
        elif mutation == "virtual":
            layout = h5py.VirtualLayout(shape, "f8")
            layout[...] = h5py.VirtualSource(str(originals[kind]), name, shape)
            file.create_virtual_dataset(name, layout)
        elif mutation == "huge":
            file.create_dataset(name, (10**6, *(10**4 for _ in shape[1:])), "f8", chunks=True)
        elif mutation == "group":
            file.create_group(name)[name] = file["/"]
        else:
            file[name] = file[other]
    _refused(kind, path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", np.linspace(0.0, 0.98, 8))
def test_a_cut_file_is_refused(kind: str, share: float, copy_of: Callable[[str], Path]) -> None:
    path = copy_of(kind)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    _refused(kind, path)


@pytest.mark.parametrize("kind", ["response", "spectra", "dragon"])
@pytest.mark.parametrize("step", range(40))
def test_a_flipped_byte_is_refused_or_changes_nothing(
    step: int, kind: str, copy_of: Callable[[str], Path], originals: dict[str, Path]
) -> None:
    path = copy_of(kind)
    whole = bytearray(path.read_bytes())
    whole[np.random.default_rng(step).integers(len(whole))] ^= 1 << (step % 8)
    path.write_bytes(bytes(whole))
    _refused_or_same(kind, path, originals[kind])

"""Emulator files from strangers: whatever is wrong is one message, or the numbers are those that were written."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mutations import CONTENT, NUMBERS, SHAPES, TYPES, VALUES, paths, replaced, sets, without

from crsea_infer.emulator.archive import _signature, archive_kind
from crsea_infer.emulator.response.chebyshev import ResponseEmulator
from crsea_infer.emulator.response.store import read_emulator, write_emulator
from crsea_infer.emulator.spectra.gaussian_process import GaussianProcess
from crsea_infer.emulator.spectra.polynomial_chaos import PolynomialChaos, Terms
from crsea_infer.emulator.spectra.spectra_emulator import (
    Residuals,
    SpectraEmulator,
    read_spectra_emulator,
    write_spectra_emulator,
)
from crsea_infer.emulator.validation_table import validation_table
from crsea_infer.grids.response_grid import Axis, GridSettings
from crsea_infer.grids.spectra_grid import Parameter, Spectrum
from crsea_infer.physics.transport import TransportSettings
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AXES = Axis("delta_slope", 0.0, 0.1, 2, "1/kpc"), Axis("halo_height", 2.0, 12.0, 3, "kpc", "log")
SETTINGS = GridSettings(
    regions=("lhaaso_inner", "l=60..62,b=-1..1"), axes=AXES, transport=TransportSettings(saturation_radius=11.0)
)
PARAMETERS = Parameter("index", -3.0, -2.0), Parameter("cutoff", 1e3, 1e5, "GeV", "log")
SPECTRA = Spectrum("gamma", "lhaaso_inner", "HI", (10.0, 100.0, 1e3)), Spectrum("proton", None, "proton", (10.0,))
ARRAYS = {
    "response": ("coefficients", "basis", "lepton_coefficients", "lepton_basis"),
    "polynomial chaos": ("mean", "basis", "degrees", "coefficients", "held_out_points", "held_out_residuals"),
    "gaussian process": ("mean", "basis", "degrees", "coefficients", "points", "lengths", "weights"),
}
KINDS = tuple(ARRAYS)
METADATA = {
    "grid_hash": "0" * 16,
    "validation": validation_table({"gamma HI": np.full((5, 2), 1e-3)}),
    "provenance": {"code": "HERMES"},
    "n_points": 30,
}
_COMMON = {"format": "", "kind": "", "crsea_infer_version": "", "metadata": METADATA}
HEADERS: dict[str, Any] = {
    "response": {**_COMMON, "settings": {**asdict(SETTINGS), "gas": "", "lepton_heights": [0.0]}},
    "polynomial chaos": {
        **_COMMON,
        "parameters": [asdict(one) for one in PARAMETERS],
        "spectra": [asdict(one) for one in SPECTRA],
    },
}
HEADERS["response"]["settings"]["line_of_sight"]["heights"] = [0.0]
Content = tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]


def _write(kind: str, path: Path) -> None:
    rng = np.random.default_rng(1)
    if kind == "response":
        arrays = {
            name: rng.random(shape)
            for name, shape in zip(ARRAYS[kind], ((6, 4), (4, 2, 2, 9, 16), (6, 3), (3, 2, 2, 37)), strict=True)
        }
        write_emulator(ResponseEmulator(SETTINGS, metadata=METADATA, **arrays), path)
        return
    chaos = PolynomialChaos(Terms(np.array([[0, 0], [1, 0], [0, 2], [1, 1]])), rng.random((3, 4)))
    process = GaussianProcess(chaos, rng.uniform(-1, 1, (2, 5)), rng.random((3, 2)) + 0.1, rng.random((3, 5)))
    held_out = Residuals(rng.random((3, 2)), rng.random((3, 4)).astype(np.float32))
    emulator = SpectraEmulator(
        PARAMETERS,
        SPECTRA,
        rng.random(4),
        rng.random((3, 4)),
        process if kind == "gaussian process" else chaos,
        METADATA,
        None if kind == "gaussian process" else held_out,
    )
    write_spectra_emulator(emulator, path)


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Content]:
    found = {}
    for kind in KINDS:
        path = tmp_path_factory.mktemp("emulators") / "e.npz"
        _write(kind, path)
        with zipfile.ZipFile(path) as archive:
            header = json.loads(archive.read("header.json"))
            arrays = {name: np.load(io.BytesIO(archive.read(f"{name}.npy"))) for name in ARRAYS[kind]}
        found[kind] = header, arrays
    return found


def _archive(path: Path, header: Any, arrays: dict[str, Any], *, signed: bool) -> None:
    """Write an archive as a stranger could, signing it anew or leaving the signature as it was."""
    if signed:
        header = {**header, "sha256": _signature(header, arrays)}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", header if isinstance(header, str | bytes) else json.dumps(header))
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array)
            archive.writestr(f"{name}.npy", content.getvalue())


def _read(kind: str, path: Path) -> dict[str, Any]:
    """Read an emulator and return its arrays, as they were written."""
    if kind == "response":
        emulator = read_emulator(path)
        return {name: getattr(emulator, name) for name in ARRAYS[kind]}
    trained = read_spectra_emulator(path)
    arrays = {"mean": trained.mean, "basis": trained.basis, **trained.amplitudes.arrays()}
    if trained.held_out is not None:
        arrays |= {"held_out_points": trained.held_out.points, "held_out_residuals": trained.held_out.logs}
    return arrays


def _refused(kind: str, path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        _read(kind, path)
    assert str(path) in caught.value.given
    assert caught.value.fix
    assert len(str(caught.value)) < 1500
    assert "\x1b" not in str(caught.value)
    return caught.value


def _refused_or_same(kind: str, path: Path, arrays: dict[str, Any]) -> None:
    try:
        found = _read(kind, path)
    except UserError:
        _refused(kind, path)
        return
    assert all(np.array_equal(found[name], arrays[name]) for name in ARRAYS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_is_read(kind: str, contents: dict[str, Content], tmp_path: Path) -> None:
    _archive(tmp_path / "e.npz", *contents[kind], signed=True)
    found = _read(kind, tmp_path / "e.npz")
    assert all(np.array_equal(found[name], contents[kind][1][name]) for name in ARRAYS[kind])


EACH = [(kind, name) for kind in KINDS for name in ARRAYS[kind]]


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
@pytest.mark.parametrize("mutation", [*SHAPES, *TYPES, *NUMBERS])
@pytest.mark.parametrize(("kind", "name"), EACH)
def test_another_shape_or_type_is_refused(
    kind: str, name: str, mutation: str, signed: bool, contents: dict[str, Content], tmp_path: Path
) -> None:
    header, arrays = contents[kind]
    if mutation in NUMBERS and arrays[name].dtype.kind != "f":
        arrays = {**arrays, name: arrays[name].astype(float)}  # whole numbers have no NaN
    changed = {**SHAPES, **TYPES, **NUMBERS}[mutation](arrays[name])
    _archive(tmp_path / "e.npz", header, {**arrays, name: changed}, signed=signed)
    _refused(kind, tmp_path / "e.npz")


@pytest.mark.parametrize("mutation", CONTENT)
@pytest.mark.parametrize(("kind", "name"), EACH)
def test_other_numbers_under_the_same_signature_are_refused(
    kind: str, name: str, mutation: str, contents: dict[str, Content], tmp_path: Path
) -> None:
    header, arrays = contents[kind]
    _archive(tmp_path / "e.npz", header, {**arrays, name: CONTENT[mutation](arrays[name])}, signed=False)
    _refused(kind, tmp_path / "e.npz")


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
@pytest.mark.parametrize("mutation", ["missing", "renamed", "beside an unknown one"])
@pytest.mark.parametrize(("kind", "name"), EACH)
def test_missing_and_unknown_arrays_are_refused(
    kind: str, name: str, mutation: str, signed: bool, contents: dict[str, Content], tmp_path: Path
) -> None:
    header, arrays = contents[kind]
    _archive(tmp_path / "e.npz", header, sets(arrays, name)[mutation], signed=signed)
    _refused(kind, tmp_path / "e.npz")


KEYS = [
    (kind, path)
    for kind, header in HEADERS.items()
    for path in paths(header)
    if path[0] != "metadata" or kind == "response"
]


def _has(content: Any, path: tuple[Any, ...]) -> bool:
    for key in path:
        if isinstance(content, dict) and key not in content:
            return False
        content = content[key]
    return True


@pytest.mark.parametrize(("kind", "path"), KEYS, ids=[f"{kind}-{'.'.join(map(str, path))}" for kind, path in KEYS])
def test_every_key_of_the_header_is_checked(
    kind: str, path: tuple[Any, ...], contents: dict[str, Content], tmp_path: Path
) -> None:
    """Under the old signature every other header is refused; signed anew, it is refused or changes no number."""
    header, arrays = contents[kind]
    for value in (*VALUES, "absent"):
        if value == "absent" and not _has(header, path):
            continue  # what is as usual is left out
        changed = without(header, path) if value == "absent" else replaced(header, path, VALUES[value])
        if json.dumps(changed) == json.dumps(header):
            continue
        archive = tmp_path / f"{value}.npz"  # whose name is in a failure
        if value in {"zero", "absent"}:
            _archive(archive, changed, arrays, signed=False)
            _refused(kind, archive)
        _archive(archive, changed, arrays, signed=True)
        _refused_or_same(kind, archive, arrays)


SENSELESS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "unknown region": (("regions", 0), "lhaaso_inne"),
    "repeated region": (("regions", 0), "l=60..62, b=-1..1"),
    "no region": (("regions",), []),
    "range upside down": (("axes", 0, "upper"), -1.0),
    "log of zero": (("axes", 0, "scale"), "log"),
    "unknown scale": (("axes", 0, "scale"), "cubic"),
    "unknown axis": (("axes", 0, "name"), "delta_sun"),
    "repeated axis": (("axes", 0, "name"), "halo_height"),
    "axis of another unit": (("axes", 0, "unit"), "1/pc"),
    "no nodes": (("axes", 0, "n_nodes"), 0),
    "text for a number": (("axes", 0, "n_nodes"), "2"),
    "a fraction of a node": (("axes", 0, "n_nodes"), 2.5),
    "unknown key": (("n_rigidities",), 16),
    "too many rigidities": (("n_rigidity",), 17),
    "unknown sources": (("transport", "sources"), "pulsar"),
    "saturation beyond the rim": (("transport", "saturation_radius"), 21.0),
    "Sun outside the disc": (("transport", "sun_radius"), 21.0),
    "heights in disorder": (("line_of_sight", "heights"), [1.0, 0.5, 2.0]),
    "too few X_CO": (("line_of_sight", "x_co"), [1e20]),
    "unknown cross-section": (("cross_section",), "sibyll"),
    "leptons without heights": (("lepton_heights",), None),
    "no enhancement": (("nuclear_enhancement",), 0.0),
}


@pytest.mark.parametrize("mutation", SENSELESS)
def test_senseless_settings_are_refused(mutation: str, contents: dict[str, Content], tmp_path: Path) -> None:
    header, arrays = contents["response"]
    path, value = SENSELESS[mutation]
    _archive(tmp_path / "e.npz", replaced(header, ("settings", *path), value), arrays, signed=True)
    _refused("response", tmp_path / "e.npz")


def _raw(path: Path, members: dict[str, Any]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def _claiming(shape: str, descr: str = "'<f8'") -> bytes:
    """An npy file that claims a shape and holds next to nothing."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(64)


ODD: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "no header": lambda _: {"basis.npy": b""},
    "a header that is a list": lambda _: {"header.json": b"[]"},
    "a header of bytes": lambda _: {"header.json": b"\xff\xfe\x00"},
    "a header nested too deeply": lambda _: {"header.json": b"[" * 200_000},
    "a table nested too deeply": lambda _: {"header.json": b'{"a":' * 100_000},
    "a header with thousands of digits": lambda _: {"header.json": b'{"a":' + b"9" * 10_000 + b"}"},
    "a header with a key twice": lambda header: {"header.json": header[:-1] + b', "kind": "response"}'},
    "a header that unpacks to 100 MiB": lambda _: {"header.json": b" " * (100 * 2**20)},
    "a header without format": lambda _: {"header.json": b"{}"},
    "a member that is no array": lambda header: {"header.json": header, "basis.npy": b"abc"},
    "another member": lambda header: {"header.json": header, "run.sh": b"echo"},
    "a huge claim": lambda header: {"header.json": header, "basis.npy": _claiming("(1000000000000,)")},
    "a negative size": lambda header: {"header.json": header, "basis.npy": _claiming("(-1,)")},
    "a size that is no number": lambda header: {"header.json": header, "basis.npy": _claiming("('a',)")},
    "an overflowing claim": lambda header: {"header.json": header, "basis.npy": _claiming("(4294967296, 4294967296)")},
    "an object array": lambda header: {"header.json": header, "basis.npy": _claiming("(1,)", "'|O'")},
    "a structured array": lambda header: {"header.json": header, "basis.npy": _claiming("(8,)", "[('a', '<f8')]")},
    "a header of Python 2": lambda header: {"header.json": header, "basis.npy": _claiming("(8L,)")},
    "another version of npy": lambda header: {"header.json": header, "basis.npy": b"\x93NUMPY\x07\x00" + bytes(99)},
    "an array that unpacks to 200 MiB": lambda header: {
        "header.json": header,
        "basis.npy": _claiming("(26214400,)")[:-64] + bytes(8 * 26214400),
    },
}


@pytest.mark.parametrize("mutation", ODD)
def test_odd_archives_are_refused(mutation: str, contents: dict[str, Content], tmp_path: Path) -> None:
    header, _ = contents["response"]
    _raw(tmp_path / "e.npz", ODD[mutation](json.dumps(header).encode()))
    _refused("response", tmp_path / "e.npz")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", range(60))
def test_a_flipped_byte_is_refused_or_changes_nothing(
    step: int, kind: str, contents: dict[str, Content], tmp_path: Path
) -> None:
    path = tmp_path / "e.npz"
    _archive(path, *contents[kind], signed=True)
    whole = bytearray(path.read_bytes())
    place = np.random.default_rng(step).integers(len(whole))
    whole[place] ^= 1 << (step % 8)
    path.write_bytes(bytes(whole))
    _refused_or_same(kind, path, contents[kind][1])


@pytest.mark.parametrize("share", np.linspace(0.0, 0.999, 20))
def test_a_cut_file_is_refused(share: float, contents: dict[str, Content], tmp_path: Path) -> None:
    path = tmp_path / "e.npz"
    _archive(path, *contents["response"], signed=True)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    _refused("response", path)
    with pytest.raises(UserError):
        archive_kind(path)


def test_an_encrypted_member_is_refused(contents: dict[str, Content], tmp_path: Path) -> None:
    path = tmp_path / "e.npz"
    _archive(path, *contents["response"], signed=True)
    with zipfile.ZipFile(path) as archive:
        offsets = [info.header_offset for info in archive.infolist()]
        start = archive.start_dir
    whole = bytearray(path.read_bytes())
    for offset in offsets:
        whole[offset + 6] |= 1
    place = start
    while (place := whole.find(b"PK\x01\x02", place)) >= 0:
        whole[place + 8] |= 1
        place += 4
    path.write_bytes(bytes(whole))
    _refused("response", path)


def test_polynomials_out_of_order_are_refused(contents: dict[str, Content], tmp_path: Path) -> None:
    header, arrays = contents["polynomial chaos"]
    for rows in ([[1, 0], [0, 0]], [[0, 0], [0, 2]], [[0, 0], [2000, 0]]):
        changed = {**arrays, "degrees": np.array([*rows, [0, 2], [1, 1]], dtype=np.int16)}
        _archive(tmp_path / "e.npz", header, changed, signed=True)
        assert "degrees" in _refused("polynomial chaos", tmp_path / "e.npz").given


def test_a_file_of_the_older_format_is_refused_with_words(contents: dict[str, Content], tmp_path: Path) -> None:
    header, arrays = contents["response"]
    _archive(tmp_path / "e.npz", {**header, "format": "crsea_infer emulator 1"}, arrays, signed=True)
    assert "crsea_infer emulator 1" in _refused("response", tmp_path / "e.npz").given

"""Headers and bytes of FITS files, changed in hundreds of ways: one message each, and never a warning or traceback.

Warnings are errors in these tests (pyproject.toml), so one that reached the user would fail them.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fits_bytes import READ, WRITE, change_card

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

COUNT = ("'abc'", "T", "1.5", "-1", "", "abc", "1E400", "(1,2)", "99999999999999999999")
NUMBER = ("'abc'", "T", "abc", "1E400", "-1E400", "(1,2)", "NaN")
STRUCTURE: dict[str, tuple[str | None, ...]] = {
    "BITPIX": ("'abc'", "16", "7", "T", "-64", None),
    "NAXIS": (*COUNT, "1", "3", "1000", None),
    "NAXIS1": (*COUNT, "0", "7", "9000000000000", None),
    "NAXIS2": (*COUNT, "0", "5", "769", "767", "9000000000000", None),
    "PCOUNT": ("'abc'", "-1", "1.5", "9000000000000", "1000000"),
    "GCOUNT": ("'abc'", "0", "2", "-1"),
    "XTENSION": ("'TABLE'", "'IMAGE'", "'NONSENSE'", "1", ""),
}
TABLE: dict[str, tuple[str | None, ...]] = {
    **STRUCTURE,
    "TFIELDS": (*COUNT, "0", "1000", "12", None),
    "TFORM1": (
        "'abc'",
        "'Z'",
        "'0D'",
        "'2D'",
        "'I'",
        "'PD(3)'",
        "'8A'",
        "1",
        "'999999999D'",
        "'99999999999D'",
        "",
        None,
    ),
    "TSCAL1": (*NUMBER, "0.0", "0"),
    "TZERO1": (*NUMBER,),
}
PIXELS: dict[str, tuple[str | None, ...]] = {
    "NSIDE": (*COUNT, "0", "7", "4", "16", "4294967296", "'8'", None),
    "ORDERING": ("'abc'", "1", "T", "'SPIRAL'", "", "RING", None),
    "COORDSYS": ("'abc'", "'E'", "1", "T", "GAL"),
    "INDXSCHM": ("'abc'", "'EXPLICIT'", "'SPARSE'", "1"),
    "PIXTYPE": ("'abc'", "'CAR'", "1"),
    "ORDER": ("2", "'abc'", "99", "1.5"),
}
AXES = dict.fromkeys(("RMIN", "RMAX", "ZMIN", "ZMAX", "ROBS", "ZOBS", "EKMIN", "EKIN_FAC"), (*NUMBER, "", None))
FRAME = {"COORDSYS": (*PIXELS["COORDSYS"], "", None)}
FEW_ROWS = {"NAXIS2": (*COUNT, "0", "1", "4", "5")}
TABLES: dict[str, list[tuple[int, dict[str, tuple[str | None, ...]]]]] = {
    "counts": [
        (0, {"SIMPLE": ("F", "1", "'T'"), "BITPIX": ("'abc'", "9"), "NAXIS": ("'abc'", "1", "-1", "2")}),
        (1, TABLE | PIXELS | FRAME | {"EXTNAME": ("'OTHER'", "1")}),
        (1, {"TUNIT1": ("'ct/sr'", "'count / sr'", "'m2 s'", "'banana'", "1")}),
        (1, {"TTYPE1": ("'CHANNEL2'", "'X'", "1")}),
        (2, TABLE | FEW_ROWS | {"TUNIT1": ("'m'", "'dex(keV)'", "1"), "EXTNAME": ("'X'",)}),
        (2, {"TTYPE1": ("'X'", "'E_MAX'"), "TZERO1": ("-1E12", "1E12"), "TSCAL1": ("-1", "2", "1E308")}),
    ],
    "exposure": [
        (1, TABLE | PIXELS | {"EXTNAME": ("'OTHER'",), "TTYPE1": ("'ENERGY2'", "'ENERGY4'")}),
        (1, {"TUNIT1": ("'cm2'", "'s'", "'mag(cm2 s)'", "'banana'", "'cm2/s/s/'", "1")}),
        (1, {"TSCAL1": ("-1", "1E308"), "TZERO1": ("-1E12",), "TNULL1": ("'abc'", "1.5")}),
        (2, TABLE | FEW_ROWS | {"TUNIT1": ("'m'", "1"), "TTYPE1": ("'X'",)}),
    ],
    "mask": [
        (1, TABLE | PIXELS | FRAME | {"TZERO1": ("1", "-2"), "TSCAL1": ("2", "-1")}),
    ],
    "hermes": [
        (1, TABLE | PIXELS | {"BAD_DATA": ("'abc'", "T", "0.0", "1E-9", "1.0", "NaN"), "TSCAL1": ("-1", "0")}),
        (1, {"ENERGY": (*NUMBER, "0.0", "-1.0", "10.0", "", None)}),
        (1, {"TUNIT1": ("'K'", "'GeV'", "'banana'", "''", None)}),
        (2, TABLE | PIXELS | {"ENERGY": ("1.602E-9", "1E-10"), "INDXSCHM": ("'EXPLICIT'", None), "PIXTYPE": (None,)}),
    ],
    "dragon": [
        (0, AXES),
        (0, {"RMIN": ("13.0", "-1.0"), "RMAX": ("0.0", "-1.0"), "ZMIN": ("4.0",)}),
        (0, {"ROBS": ("12.0",), "ZOBS": ("5.0", "-5.0"), "D0": ("'abc'", "T")}),
        (0, {"EKMIN": ("0.0", "-1.0", "1E300"), "EKIN_FAC": ("1.0", "0.5", "-2.0", "1E300")}),
        (0, {"DIMZ": ("5", "'abc'", "4.5"), "DIMR": ("0", "T"), "DIME": ("7", "-1"), "DIMX": ("5",)}),
        (1, {"BITPIX": ("'abc'", "8", "64", "7", None), "NAXIS": (*COUNT, "2", "4", None)}),
        (1, {"NAXIS1": (*COUNT, "0", "5", None), "NAXIS3": (*COUNT, "0", "3")}),
        (1, {"Z_": ("'abc'", "T", "1.5", "", None), "A": ("'abc'", "T", "1.5", None)}),
        (1, {"BSCALE": (*NUMBER, "0.0", "-1.0"), "BZERO": (*NUMBER, "-2.0"), "XTENSION": ("'BINTABLE'", "'X'")}),
    ],
}
CASES = [
    (kind, hdu, key, values) for kind, tables in TABLES.items() for hdu, keys in tables for key, values in keys.items()
]


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("good")
    return {kind: write(folder / f"{kind}.fits").read_bytes() for kind, write in WRITE.items()}


@pytest.mark.parametrize("kind", WRITE)
def test_the_files_are_good_as_they_are(kind: str, good: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "good.fits").write_bytes(good[kind])
    (tmp_path / "good.fits.gz").write_bytes(gzip.compress(good[kind]))
    assert READ[kind](tmp_path / "good.fits") == READ[kind](tmp_path / "good.fits.gz") > 0


@pytest.mark.parametrize(("kind", "hdu", "key", "values"), CASES, ids=[f"{one[0]}-{one[1]}-{one[2]}" for one in CASES])
def test_a_card_that_is_wrong_is_one_message(
    kind: str, hdu: int, key: str, values: Sequence[str | None], good: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "bad.fits"
    for value in values:
        path.write_bytes(change_card(good[kind], hdu, key, value))
        try:
            READ[kind](path)
        except UserError as error:
            assert str(path) in str(error), value  # noqa: PT017  # the value is told
            assert str(error).isprintable() or "\n" in str(error), value  # noqa: PT017
        else:
            pytest.fail(f"{key} = {value} was read")


@pytest.mark.parametrize("kind", WRITE)
@pytest.mark.parametrize("seed", range(25))
def test_bytes_of_a_header_at_random_are_one_message_or_none(
    kind: str, seed: int, good: dict[str, bytes], tmp_path: Path
) -> None:
    """A changed byte may be harmless (a comment); if it is not, it is told."""
    rng = np.random.default_rng([seed, len(kind)])
    content = bytearray(good[kind])
    cards = [i for i in range(0, len(content), 80) if content[i + 8 : i + 10] == b"= " and content[i : i + 8].isascii()]
    for card in rng.choice(cards, 2):
        content[int(card) + int(rng.integers(0, 40))] = int(rng.choice(list(b"\x00\x07\xff 'TF/=-9.eE(Z")))
    path = tmp_path / "bad.fits"
    path.write_bytes(content)
    try:
        assert np.isfinite(READ[kind](path))
    except UserError as error:
        assert str(path) in str(error)  # noqa: PT017  # either is right


def _zipped(content: bytes, path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("map.fits", content)
    return path.read_bytes()


@pytest.mark.parametrize("kind", WRITE)
@pytest.mark.parametrize(
    "damage",
    [
        "empty",
        "text",
        "zip",
        "npy",
        "gz-cut",
        "gz-byte",
        "gz-crc",
        "gz-tail",
        "gz-gz",
        "cut",
        "junk",
        "zip-junk",
        "headless",
    ],
)
def test_a_damaged_file_is_one_message(kind: str, damage: str, good: dict[str, bytes], tmp_path: Path) -> None:
    content = good[kind]
    packed = gzip.compress(content)
    middle = len(packed) // 2
    damaged = {
        "empty": b"",
        "text": b"l,b,counts\n1,2,3\n" * 1000,
        "zip": _zipped(content, tmp_path / "a.zip"),
        "npy": b"\x93NUMPY" + content,
        "gz-cut": packed[:middle],
        "gz-byte": packed[:middle] + bytes([packed[middle] ^ 0x55]) + packed[middle + 1 :],
        "gz-crc": packed[:-8] + bytes(4) + packed[-4:],
        "gz-tail": packed + b"PK\x03\x04" * 100,
        "gz-gz": gzip.compress(packed),
        "cut": content[: len(content) - 2880],
        "junk": content + b"PK\x03\x04" * 720,
        "zip-junk": content + _zipped(content, tmp_path / "b.zip"),
        "headless": content[2880:],
    }[damage]
    path = tmp_path / "bad.fits.gz"
    path.write_bytes(damaged)
    with pytest.raises(UserError) as caught:
        READ[kind](path)
    assert str(path) in str(caught.value)


def test_the_decompressor_is_the_one_that_these_files_are_made_with() -> None:
    assert zlib.decompress(gzip.compress(b"x" * 5000), 31) == b"x" * 5000


def test_there_are_hundreds_of_cases() -> None:
    assert sum(len(values) for *_, values in CASES) > 400

"""The reader of FITS files: the numbers that astropy reads, and what is refused before it is opened or unpacked."""

from __future__ import annotations

import gzip
import os
import socket
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy.io import fits
from fits_bytes import N_PIXELS, READ, change_card, write_counts

from crsea_infer.support.errors import UserError
from crsea_infer.support.fits import Key, read_hdus

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.support.fits import Hdu


def read(path: Path) -> list[Hdu]:
    return list(read_hdus(path, what="map", written_by="a code"))


def test_columns_and_images_are_those_of_astropy(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    columns = [
        fits.Column("logical", "L", array=rng.integers(0, 2, 50).astype(bool)),
        fits.Column("byte", "B", array=rng.integers(0, 255, 50)),
        fits.Column("text", "5A", array=["abc"] * 50),
        fits.Column("short", "I", bzero=2**15, array=rng.integers(0, 2**16, 50).astype(np.uint16)),
        fits.Column("int", "J", array=rng.integers(-(2**31), 2**31, 50)),
        fits.Column("long", "K", array=rng.integers(-(2**62), 2**62, 50)),
        fits.Column("bits", "11X", array=rng.integers(0, 2, (50, 11)).astype(bool)),
        fits.Column("scaled", "3E", bscale=0.5, bzero=-2.0, array=rng.normal(size=(50, 3))),
        fits.Column("list", "PE()", array=np.array([np.arange(3.0)] * 50, dtype=object)),
        fits.Column("double", "4D", array=rng.normal(size=(50, 4))),
    ]
    image = fits.ImageHDU(rng.integers(0, 100, (3, 4, 5)).astype(np.int16))
    table = fits.BinTableHDU.from_columns(columns)
    fits.HDUList([fits.PrimaryHDU(rng.normal(size=(2, 3))), table, image]).writeto(tmp_path / "all.fits")
    hdus = read(tmp_path / "all.fits")
    with fits.open(tmp_path / "all.fits") as expected:
        np.testing.assert_array_equal(hdus[0].image(), expected[0].data)
        np.testing.assert_array_equal(hdus[2].image(), expected[2].data)
        for name in ("logical", "byte", "short", "int", "long", "scaled", "double"):
            known = np.asarray(expected[1].data[name]).ravel()
            np.testing.assert_array_equal(hdus[1].numbers(name), known.astype(float))
            if name in {"byte", "short", "int", "long"}:
                np.testing.assert_array_equal(hdus[1].integers(name), known)
    for name in ("text", "bits", "list"):
        with pytest.raises(UserError, match="has the format"):
            hdus[1].numbers(name)
    with pytest.raises(UserError, match="no whole numbers"):
        hdus[1].integers("double")


def test_nulls_are_not_numbers(tmp_path: Path) -> None:
    table = fits.BinTableHDU.from_columns([fits.Column("N", "J", null=-99, array=np.array([1, -99, 3]))])
    image = fits.ImageHDU(np.array([[1, -5]], dtype=np.int16))
    fits.HDUList([fits.PrimaryHDU(), table, image]).writeto(tmp_path / "null.fits")
    content = change_card((tmp_path / "null.fits").read_bytes(), 2, "BLANK", "-5")
    (tmp_path / "null.fits").write_bytes(content)
    hdus = read(tmp_path / "null.fits")
    np.testing.assert_array_equal(hdus[1].numbers("N"), [1, np.nan, 3])
    np.testing.assert_array_equal(hdus[2].image(), [[1, np.nan]])


def test_a_key_given_twice_with_two_values_is_refused(tmp_path: Path) -> None:
    header = fits.PrimaryHDU()
    header.header.append(("NSIDE", 8))
    header.header.append(("NSIDE", 16))
    header.header.append(("ORDER", 3))
    header.header.append(("ORDER", 3))
    header.writeto(tmp_path / "twice.fits")
    (hdu,) = read(tmp_path / "twice.fits")
    assert hdu.value(Key("ORDER", int)) == 3
    with pytest.raises(UserError, match="NSIDE is there twice, 8 and 16"):
        hdu.value(Key("NSIDE", int))


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("what", ["pipe", "folder", "device", "endless", "socket", "absent", "below", "loop", "secret"])
def test_what_is_no_file_is_refused_at_once(kind: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "map.fits"
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what in {"device", "endless"}:
        path.symlink_to("/dev/null" if what == "device" else "/dev/zero")
    elif what == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path)) if len(str(path)) < 100 else path.mkdir()
    elif what == "below":
        path.write_text("a file")
        path = path / "map.fits"
    elif what == "loop":
        path.symlink_to(path)
    elif what == "secret":
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
        write_counts(path).chmod(0)
    with pytest.raises(UserError) as caught:
        READ[kind](path)
    assert str(path) in str(caught.value)
    if what in {"pipe", "folder", "device"}:
        assert f"is a {'named pipe' if what == 'pipe' else what}" in str(caught.value)


def test_a_path_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        read(tmp_path / "a\0b")
    with pytest.raises(UserError):
        read(tmp_path / ("long" * 100))


def _peak(path: Path) -> int:
    """Bytes that refusing a file took at most."""
    tracemalloc.start()
    try:
        with pytest.raises(UserError):
            read(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("rows", [10**9, 10**7, 10**5])
@pytest.mark.parametrize("packed", [False, True])
def test_sizes_are_held_against_the_file_before_memory_is_asked_for(rows: int, packed: bool, tmp_path: Path) -> None:
    """16 GB, 160 MB and 1.6 MB that a header declares and that are not there."""
    content = change_card(write_counts(tmp_path / "map.fits").read_bytes(), 1, "NAXIS2", str(rows))
    (tmp_path / "map.fits").write_bytes(gzip.compress(content) if packed else content)
    assert _peak(tmp_path / "map.fits") < 8e6


def test_what_expands_without_end_is_not_unpacked(tmp_path: Path) -> None:
    """Zeros by the hundred megabytes: no header, or one that declares a twelfth of a terabyte."""
    header = change_card(write_counts(tmp_path / "map.fits").read_bytes()[: 2 * 2880], 0, "EXTEND", "T")
    header = change_card(header, 1, "NAXIS2", str(12 * 10**9 // 16))
    for name, start in (("zeros", b""), ("declared", header)):
        with gzip.open(tmp_path / f"{name}.fits.gz", "wb", compresslevel=1) as stream:
            stream.write(start)
            for _ in range(200):
                stream.write(bytes(10**6))
        assert _peak(tmp_path / f"{name}.fits.gz") < 8e6


def test_zeros_after_the_last_hdu_are_allowed(tmp_path: Path) -> None:
    path = write_counts(tmp_path / "map.fits")
    whole = READ["counts"](path)
    path.write_bytes(path.read_bytes() + bytes(2880))
    assert READ["counts"](path) == whole
    assert N_PIXELS == 768

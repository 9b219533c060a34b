"""Tables of models from strangers: whatever is wrong is one message, and no warning of a library reaches the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.grids.model_table import read_model_table
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """# %ECSV 1.0
# ---
# datatype:
# - {name: halo_height, datatype: float64, unit: kpc}
# - {name: index, datatype: float64}
# - {name: gamma_pi0, datatype: string}
# meta: !!omap
# - ranges: {halo_height: [2, 12]}
# - log: [halo_height]
# schema: astropy-2.0
halo_height,index,gamma_pi0
4.0,-2.7,a.fits
6.0,-2.5,a.fits
"""
GOOD = GOOD.replace("# schema", "# delimiter: ','\n# schema")

CHANGES = {
    "half precision": ("halo_height, datatype: float64", "halo_height, datatype: float16"),
    "more than double precision": ("halo_height, datatype: float64", "halo_height, datatype: float128"),
    "complex": ("index, datatype: float64", "index, datatype: complex128"),
    "true or false": ("index, datatype: float64", "index, datatype: bool"),
    "an unknown type": ("index, datatype: float64", "index, datatype: decimal"),
    "an array per row": ("index, datatype: float64", "index, datatype: string, subtype: 'float64[2]'"),
    "ranges that are a list": ("{halo_height: [2, 12]}", "[2, 12]"),
    "ranges that are text": ("{halo_height: [2, 12]}", "wide"),
    "a range of text": ("[2, 12]", "[two, twelve]"),
    "a range of one number": ("[2, 12]", "[2]"),
    "a range of three": ("[2, 12]", "[2, 3, 12]"),
    "a range that is a number": ("[2, 12]", "12"),
    "a range that is null": ("[2, 12]", "null"),
    "a range upside down": ("[2, 12]", "[12, 2]"),
    "a range without width": ("[2, 12]", "[4, 4]"),
    "a range with NaN": ("[2, 12]", "[.nan, 12]"),
    "an infinite range": ("[2, 12]", "[2, .inf]"),
    "a range of whole numbers of thirty digits": ("[2, 12]", f"[2, {'9' * 400}]"),
    "a range of true": ("[2, 12]", "[true, 12]"),
    "a range that leaves rows out": ("[2, 12]", "[5, 12]"),
    "a log of zero": ("[2, 12]", "[0, 12]"),
    "a range of an unknown column": ("{halo_height: [2, 12]}", "{halo: [2, 12]}"),
    "a log that is text": ("log: [halo_height]", "log: halo_height"),
    "a log of a number": ("log: [halo_height]", "log: [3]"),
    "a log of a list": ("log: [halo_height]", "log: [[halo_height]]"),
    "a log of an unknown column": ("log: [halo_height]", "log: [halo]"),
    "meta nested too deeply": ("log: [halo_height]", "log: " + "[" * 5000),
    "an object of Python": ("log: [halo_height]", "log: !!python/object/apply:os.system ['true']"),
    "an empty cell": ("4.0,-2.7", "4.0,"),
    "a NaN": ("4.0,-2.7", "4.0,nan"),
    "an infinity": ("4.0,-2.7", "inf,-2.7"),
    "text for a number": ("4.0,-2.7", "four,-2.7"),
    "a row that is short": ("4.0,-2.7,a.fits", "4.0,-2.7"),
    "a row that is long": ("4.0,-2.7,a.fits", "4.0,-2.7,a.fits,b"),
    "a file that is missing": ("-2.7,a.fits", "-2.7,b.fits"),
    "a file that is a folder": ("-2.7,a.fits", "-2.7,."),
    "NUL in a name": ("-2.7,a.fits", "-2.7,a\x00.fits"),
    "escapes in the name of a column": ("halo_height,index", "halo_height,\x1b[2Jindex"),
    "no rows": ("4.0,-2.7,a.fits\n6.0,-2.5,a.fits\n", ""),
    "no header": ("# %ECSV 1.0\n", ""),
    "another version": ("%ECSV 1.0", "%ECSV 9.7 of tomorrow"),
}


def _write(folder: Path, text: str) -> Path:
    (folder / "a.fits").write_bytes(b"")
    path = folder / "models.ecsv"
    path.write_text(text)
    return path


def test_the_good_table_is_read(tmp_path: Path) -> None:
    table = read_model_table(_write(tmp_path, GOOD))
    assert [(one.name, one.lower, one.scale) for one in table.parameters] == [
        ("halo_height", 2.0, "log"),
        ("index", -2.7, "linear"),
    ]
    assert np.array_equal(table.points, [[4.0, -2.7], [6.0, -2.5]])


@pytest.mark.parametrize("mutation", CHANGES)
def test_a_spoilt_table_is_refused(mutation: str, tmp_path: Path) -> None:
    before, after = CHANGES[mutation]
    assert before in GOOD
    path = _write(tmp_path, GOOD.replace(before, after))
    with pytest.raises(UserError) as caught:
        read_model_table(path)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 1500


@pytest.mark.parametrize("share", np.linspace(0.0, 0.95, 20))
def test_a_cut_table_is_refused_or_has_fewer_rows(share: float, tmp_path: Path) -> None:
    path = _write(tmp_path, GOOD[: int(share * len(GOOD))])
    try:
        table = read_model_table(path)
    except UserError:
        return
    assert len(table.points) < 3


@pytest.mark.parametrize("content", [b"\xff\xfe\x00a", b"\x00" * 100, b"PK\x03\x04", b"a,b\n1,2\n", b"\n\n"])
@pytest.mark.parametrize("name", ["t.csv", "t.ecsv"])
def test_other_files_are_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError):
        read_model_table(tmp_path / name)

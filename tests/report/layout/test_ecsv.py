"""Tables on disk are read back as they were written, empty texts and missing numbers included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy.table import Table

from crsea_infer.report.layout.ecsv import Column, read_table, write_table
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = {
    "name": Column("a name", str),
    "remark": Column("words", str),
    "number": Column("a number", unit="GeV"),
    "count": Column("how many", int),
}
ROWS = [
    {"name": "first", "remark": "", "number": 1.5, "count": 2, "other": "left out"},
    {"name": "second", "remark": 'quoted "words", and a comma', "number": np.nan, "count": 0},
]


def test_a_table_is_read_back_as_written(tmp_path: Path) -> None:
    write_table(tmp_path / "table.ecsv", COLUMNS, ROWS, {"run": "a"})
    first, second = read_table(tmp_path / "table.ecsv")
    assert first == {"name": "first", "remark": "", "number": 1.5, "count": 2}
    assert second["remark"] == 'quoted "words", and a comma'
    assert np.isnan(second["number"])
    table = Table.read(tmp_path / "table.ecsv")
    assert str(table["number"].unit) == "GeV"
    assert table["count"].description == "how many"
    assert table.meta["run"] == "a"


def test_texts_that_are_all_empty_and_no_rows_at_all_are_read(tmp_path: Path) -> None:
    write_table(tmp_path / "table.ecsv", COLUMNS, ROWS[:1] * 2, {})
    assert [row["remark"] for row in read_table(tmp_path / "table.ecsv")] == ["", ""]
    write_table(tmp_path / "table.ecsv", COLUMNS, [], {})
    assert read_table(tmp_path / "table.ecsv") == []


def test_what_is_absent_or_damaged_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no"):
        read_table(tmp_path / "table.ecsv")
    (tmp_path / "table.ecsv").write_text("# %ECSV 1.0\n# ---\nname\n")
    with pytest.raises(UserError, match=r"table\.ecsv cannot be read"):
        read_table(tmp_path / "table.ecsv")

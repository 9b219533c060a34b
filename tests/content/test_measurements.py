"""Tables of measurements: real ones carry the published numbers, wrong ones are refused with row and value."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.content import finding
from crsea_infer.content.measurements import Column, check_bins, read_table
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

INTENSITY = "1 / (GeV cm2 s sr)"
COLUMNS = (
    Column("energy_min", "GeV", "positive"),
    Column("energy_max", "GeV", "positive"),
    Column("energy_reference", "GeV", "positive", required=False),
    Column("intensity", INTENSITY),
    Column("error_low", INTENSITY, "non-negative"),
    Column("error_high", INTENSITY, "non-negative"),
    Column("systematic", INTENSITY, "non-negative", required=False),
    Column("is_upper_limit", None, required=False),
)


def packaged_table(region: str) -> Path:
    return finding.find("likelihoods", f"lhaaso_km2a_{region}").parent / "flux.ecsv"


def good_text() -> str:
    return packaged_table("inner").read_text()


@pytest.mark.parametrize("region", ["inner", "outer"])
def test_the_packaged_tables_hold_the_transcribed_numbers(shared_data: Path, region: str) -> None:
    table = read_table(packaged_table(region), COLUMNS)
    lines = (shared_data / f"lhaaso_km2a_2023_{region}.csv").read_text().splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert len(table) == len(rows)
    names = {
        "energy_min": ("emin_tev", 1e3),
        "energy_max": ("emax_tev", 1e3),
        "energy_reference": ("e_tev", 1e3),
        "intensity": ("phi", 1e-3),
        "error_low": ("stat_lo", 1e-3),
        "error_high": ("stat_up", 1e-3),
        "systematic": ("sys", 1e-3),
    }
    for name, (theirs, factor) in names.items():
        np.testing.assert_allclose(table.columns[name], [factor * float(row[theirs]) for row in rows], rtol=1e-12)


@pytest.mark.parametrize("region", ["inner", "outer"])
def test_the_packaged_tables_say_where_they_come_from(region: str) -> None:
    provenance = read_table(packaged_table(region), COLUMNS).provenance
    assert provenance.reference == "arXiv:2305.05372"
    assert provenance.status == "published-table"
    assert "third party" in provenance.transcribed_from


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("1.9e-13,1.7e-14", "nan,1.7e-14", ["'intensity'", "row 2", "nan"]),
        ("1.9e-13,1.7e-14", "inf,1.7e-14", ["'intensity'", "row 2", "inf"]),
        ("1.9e-13,1.7e-14", ",1.7e-14", ["'intensity'", "row 2", "empty"]),
        ("1.9e-13,1.7e-14", "1.9e-13,-1.7e-14", ["'error_low'", "row 2", "-1.7e-14", "not below 0"]),
        ("15.85,25.12,20.0", "-15.85,25.12,20.0", ["'energy_min'", "row 2", "-15.85", "above 0"]),
        ("energy_min, unit: TeV", "energy_min, unit: s", ["'energy_min'", "'s'", "GeV"]),
        ("energy_min, unit: TeV", "energy_min, unit: quux", ["'energy_min'", "quux", "GeV"]),
        ("energy_min, unit: TeV, ", "energy_min, ", ["'energy_min'", "no unit", "GeV"]),
        ("intensity, unit: 1 / (TeV s sr cm2)", "intensity, unit: TeV / (s sr cm2)", ["'intensity'", "GeV"]),
        ("{name: intensity,", "{name: intensty,", ["intensty", "did you mean 'intensity'"]),
        ("status: published-table", "status: published-tabel", ["published-tabel", "did you mean 'published-table'"]),
        ("# - {reference: 'arXiv:2305.05372'}\n", "", ["'reference'", "transcribed_from"]),
        ("# %ECSV 1.0\n", "", ["ECSV"]),
        ("1.9e-13,1.7e-14", "much,1.7e-14", ["ECSV"]),
        ("energy_min, unit: TeV", "energy_min, unit: dex(TeV)", ["'energy_min'", "logarithmic", "dex(TeV)", "GeV"]),
        ("energy_min, unit: TeV", "energy_min, unit: mag(TeV)", ["'energy_min'", "logarithmic", "mag(TeV)", "GeV"]),
        ("intensity, unit: 1 / (TeV s sr cm2)", "intensity, unit: dex(1 / (TeV s sr cm2))", ["'intensity'", "dex("]),
        ("intensity, unit: 1 / (TeV s sr cm2)", "intensity, unit: dB(1 / (TeV s sr cm2))", ["'intensity'", "dB("]),
        ("error_low, unit: 1 / (TeV s sr cm2)", "error_low, unit: dex", ["'error_low'", "dex"]),
        ("error_low, unit: 1 / (TeV s sr cm2)", "error_low, unit: mag", ["'error_low'", "mag"]),
        ("energy_min, unit: TeV", "energy_min, unit: -1 TeV", ["'energy_min'", "-1 TeV"]),
        ("energy_min, unit: TeV", "energy_min, unit: 1e300 TeV", ["'energy_min'", "row 1", "the value is 10"]),
        ("15.85,25.12,20.0", "15.85,1.7e308,20.0", ["'energy_max'", "row 2", "1.7e+308"]),
        ("15.85,25.12,20.0", "1e-200,25.12,20.0", ["'energy_min'", "row 2", "1e-200"]),
        ("1.9e-13,1.7e-14", "1.9e-13,1e-320", ["'error_low'", "row 2", "0, or numbers of"]),
        ("15.85,25.12,20.0", "\u0661\u0665.85,25.12,20.0", ["row 2", "\u0661\u0665.85", "0 to 9"]),
        ("15.85,25.12,20.0", "1_5.85,25.12,20.0", ["row 2", "1_5.85"]),
        ("TeV, datatype: float64", "TeV, datatype: float16", ["'energy_min'", "float16", "float64"]),
        (
            "25.12,39.81,31.6,3.61e-14,4e-15,4e-15,3.4e-15",
            "15.85,25.12,20.0,1.9e-13,1.7e-14,1.7e-14,2.1e-14",
            ["rows 2 and 3"],
        ),
    ],
)
def test_a_wrong_table_is_refused_with_file_column_row_and_value(
    tmp_path: Path, old: str, new: str, words: list[str]
) -> None:
    text = good_text()
    assert old in text
    # the header repeats the names above the first row
    text = text.replace(old, new)
    if "intensty" in new:
        text = text.replace(",intensity,", ",intensty,")
    path = tmp_path / "t.ecsv"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_table(path, COLUMNS)
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_a_table_of_gammapy_is_told_how_to_rename(tmp_path: Path) -> None:
    from astropy.table import Table

    table = Table.read(packaged_table("inner"), format="ascii.ecsv")
    table.rename_column("energy_reference", "e_ref")
    table.write(tmp_path / "t.ecsv", format="ascii.ecsv")
    with pytest.raises(UserError, match="rename e_ref to energy_reference"):
        read_table(tmp_path / "t.ecsv", COLUMNS)
    table.rename_column("e_ref", "energy_reference")
    table.rename_column("error_high", "dnde_errp")
    table.write(tmp_path / "t.ecsv", format="ascii.ecsv", overwrite=True)
    with pytest.raises(UserError, match="rename dnde_errp to error_high"):
        read_table(tmp_path / "t.ecsv", COLUMNS)


def test_numbers_of_ones_own_are_unpublished(tmp_path: Path) -> None:
    path = tmp_path / "t.ecsv"
    path.write_text(good_text().replace("status: published-table", "status: unpublished"))
    assert read_table(path, COLUMNS).provenance.status == "unpublished"


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    from astropy.table import Table

    table = Table.read(packaged_table("inner"), format="ascii.ecsv")
    del table["error_high"]
    table.write(tmp_path / "t.ecsv", format="ascii.ecsv")
    with pytest.raises(UserError, match="'error_high' is missing"):
        read_table(tmp_path / "t.ecsv", COLUMNS)


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    text = good_text()
    (tmp_path / "t.ecsv").write_text(text[: text.index("10.0,15.85")])
    with pytest.raises(UserError, match="no rows"):
        read_table(tmp_path / "t.ecsv", COLUMNS)


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.ecsv"):
        read_table(tmp_path / "nothing.ecsv", COLUMNS)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("15.85,25.12,20.0", "25.12,25.12,25.12", ["row 2", "25120"]),
        ("15.85,25.12,20.0", "25.12,15.85,20.0", ["row 2", "energy_min below energy_max"]),
        ("15.85,25.12,20.0", "12.0,25.12,20.0", ["row 2", "12000", "order"]),
        ("15.85,25.12,20.0", "15.85,25.12,30.0", ["row 2", "30000", "energy_reference"]),
    ],
)
def test_bins_that_make_no_sense_are_refused(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    path = tmp_path / "t.ecsv"
    path.write_text(good_text().replace(old, new))
    table = read_table(path, COLUMNS)
    with pytest.raises(UserError) as caught:
        check_bins(table, "energy_min", "energy_max", "energy_reference")
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_bins_in_order_pass() -> None:
    check_bins(read_table(packaged_table("outer"), COLUMNS), "energy_min", "energy_max", "energy_reference")


def test_single_precision_and_zeros_are_read(tmp_path: Path) -> None:
    text = good_text().replace("TeV, datatype: float64", "TeV, datatype: float32").replace("1.9e-13,", "0.0,")
    (tmp_path / "t.ecsv").write_text(text)
    table = read_table(tmp_path / "t.ecsv", COLUMNS)
    assert table.columns["energy_min"][1] == pytest.approx(15850.0, rel=1e-6)
    assert table.columns["intensity"][1] == 0.0


def test_a_file_that_changed_is_read_again_and_no_reader_changes_what_others_get(tmp_path: Path) -> None:
    path = tmp_path / "t.ecsv"
    path.write_text(good_text())
    before, same = read_table(path, COLUMNS), read_table(path, COLUMNS)
    before.columns["energy_min"][:] = 0.0
    assert isinstance(before.metadata, dict)
    before.metadata.clear()
    assert same.columns["energy_min"][0] > 0.0
    assert read_table(path, COLUMNS).columns["energy_min"][0] == same.columns["energy_min"][0]
    assert read_table(path, COLUMNS).metadata == same.metadata != {}
    path.write_text(good_text().replace("1.9e-13,", "2.9e-13,"))
    changed = read_table(path, COLUMNS).columns["intensity"]
    assert (changed != same.columns["intensity"]).sum() == 1

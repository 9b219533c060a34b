"""Tables as others write them: names, numbers and units come out as they stand, and odd files are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.content.column_synonyms import fix_for_column
from crsea_infer.content.foreign_columns import split_unit
from crsea_infer.content.foreign_tables import read_foreign_table
from crsea_infer.content.printed_units import printed_unit
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

HEPDATA_CSV = """\
#: table_doi: 10.17182/hepdata.12345.v1/t1
#: name: Table 1
#: description: Diffuse emission.
#: data_file: Table1.yaml
#: keyword observables: D(N)/D(E)
E [TEV],E [TEV] LOW,E [TEV] HIGH,DN/DE [CM^-2 S^-1 SR^-1 TEV^-1],stat +,stat -,"sys,flux +","sys,flux -",sys +,sys -
20.0,15.85,25.12,1.9e-13,1.7e-14,-1.5e-14,3e-14,-3e-14,4e-14,-4e-14
31.6,25.12,39.81,3.6e-14,4.0e-15,-4.0e-15,10%,-10%,0,0
50.1,39.81,63.1,<9e-15,,,,,,

"""
HEPDATA_YAML = """\
name: Table 1
table_doi: 10.17182/hepdata.12345.v1/t1
independent_variables:
- header: {name: E, units: TeV}
  values:
  - {low: 15.85, high: 25.12, value: 20.0}
  - {low: 25.12, high: 39.81, value: 31.6}
dependent_variables:
- header: {name: DN/DE, units: 'TeV$^{-1}$ cm$^{-2}$ s$^{-1}$ sr$^{-1}$'}
  values:
  - value: 1.9e-13
    errors:
    - {asymerror: {plus: 1.7e-14, minus: -1.5e-14}, label: stat}
    - {symerror: 3e-14, label: 'sys,flux'}
    - {symerror: 4e-14, label: sys}
  - value: 3.6e-14
    errors:
    - {asymerror: {plus: 4.0e-15, minus: -4.0e-15}, label: stat}
    - {symerror: 10%, label: 'sys,flux'}
    - {symerror: 0, label: sys}
"""


@pytest.mark.parametrize(("name", "text"), [("t.csv", HEPDATA_CSV), ("t.yaml", HEPDATA_YAML)])
def test_hepdata_gives_the_same_numbers_in_csv_and_in_yaml(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    table = read_foreign_table(path)
    assert table.kind == "hepdata"
    assert table.metadata["table_doi"] == "10.17182/hepdata.12345.v1/t1"
    expected = {
        "e_ref": [20.0, 31.6],
        "e_min": [15.85, 25.12],
        "dnde": [1.9e-13, 3.6e-14],
        "dnde_errn": [1.5e-14, 4e-15],
        "dnde_errp": [1.7e-14, 4e-15],
        "sys_low": [5e-14, 3.6e-15],  # 3 and 4 in quadrature; 10 % of the value
    }
    for column, values in expected.items():
        np.testing.assert_allclose(table.columns[column].values[:2], values, rtol=1e-12)
    assert printed_unit(table.columns["dnde"].unit or "", "").to("1 / (TeV cm2 s sr)") == pytest.approx(1.0)
    if name == "t.csv":
        assert table.columns["is_ul"].values.tolist() == [0, 0, 1]
        assert table.columns["dnde_ul"].values[2] == pytest.approx(9e-15)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TeV-1 cm-2 s-1", 1e-3),
        ("CM^-2 S^-1 TEV^-1", 1e-3),
        ("1/(TeV s cm^2)", 1e-3),
        ("GeV$^{-1}$ m$^{-2}$ s$^{-1}$", 1e-4),
        ("ph / (cm2 s MeV)", 1e3),
        ("photons/cm^2/s/MeV", None),
        ("1 / (erg m2 s)", 1.602176634e-3 * 1e-4),
        ("cm**-2 sec**-1 TeV**-1", 1e-3),
    ],
)
def test_units_are_read_as_they_are_printed(text: str, expected: float | None) -> None:
    if expected is None:
        with pytest.raises(UserError, match="cannot be read"):
            printed_unit(text, "here")
        return
    assert printed_unit(text, "here").to("1 / (GeV cm2 s)") == pytest.approx(expected, rel=1e-9)


def test_brackets_that_are_no_unit_stay_in_the_name() -> None:
    assert split_unit("dnde [TeV-1 cm-2 s-1]") == ("dnde", "TeV-1 cm-2 s-1")
    assert split_unit("E (GeV)") == ("E", "GeV")
    assert split_unit("flux (best fit)") == ("flux (best fit)", None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["no rows"]),
        ("1,2\n3,4\n", ["no names"]),
        ("a,a\n1,2\n", ["two columns are called 'a'"]),
        ("e_ref,dnde\n1,much\n", ["'dnde'", "row 1", "'much'"]),
        ("e_ref,dnde\n1,<2\n", ["'<2'", "is_ul"]),
        ("e_ref,dnde\n1,2,3\n", ["row 1", "more cells"]),
        ("independent_variables: []\ndependent_variables: *a\n", ["is not YAML"]),
        ("independent_variables: 3\ndependent_variables: 4\n", ["as HEPData writes it"]),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_foreign_table(path)
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_several_quantities_are_told_apart_by_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "#: name: T\nE [TEV],A [TeV-1 cm-2 s-1],stat +,stat -,B [TeV-1 cm-2 s-1],stat +,stat -\n1,2,3,-3,4,5,-6\n"
    )
    with pytest.raises(UserError, match="--column 'A'"):
        read_foreign_table(path)
    table = read_foreign_table(path, column="B")
    assert [table.columns[one].values[0] for one in ("dnde", "dnde_errn", "dnde_errp")] == [4, 6, 5]


@pytest.mark.parametrize(
    ("name", "present", "words"),
    [
        ("e_ref", [], "rename e_ref to energy_reference"),
        ("E_MIN", [], "rename E_MIN to energy_min"),
        ("dnde", [], "rename dnde to intensity"),
        ("dnde_errn", [], "rename dnde_errn to error_low"),
        ("dnde_ul", [], "rename dnde_ul to upper_limit"),
        ("is_ul", [], "rename is_ul to is_upper_limit"),
        ("dnde_err", [], "as error_low and as error_high"),
        ("e_ref", ["energy_reference"], "remove the column: the table has energy_reference"),
        ("sqrt_ts", [], "remove the column"),
        ("intensty", [], "did you mean 'intensity'?"),
    ],
)
def test_a_column_of_another_format_is_renamed_not_removed(name: str, present: list[str], words: str) -> None:
    known = ["energy_min", "energy_reference", "intensity", "error_low", "error_high", "is_upper_limit", "upper_limit"]
    assert words in fix_for_column(name, known, [name, *present])

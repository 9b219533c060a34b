"""A table of one's own becomes a data set: the numbers are those of the file, and what is not known is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import special

from crsea_infer.cli import main
from crsea_infer.content.measurements import STATUSES
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.likelihoods.foreign_quantities import Reading
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.plan.run_file import load_run
from crsea_infer.support.errors import UserError
from crsea_infer.workflow.own_data import Described, write_own_data

if TYPE_CHECKING:
    from pathlib import Path

BOX = "l=25..100,b=-5..5"
SOLID_ANGLE = np.radians(75.0) * 2.0 * np.sin(np.radians(5.0))
READING = Reading(BOX, reference_index=2.7)
EDGES = np.geomspace(1.0, 100.0, 7)  # TeV
NORM = np.array([1.1, 0.9, 1.2, 0.8, 0.3, 0.1])
ERROR = np.array([0.05, 0.06, 0.1, 0.15, 0.3, 0.5])
LIMITS = np.array([0, 0, 0, 0, 1, 1]) > 0


def points(sed_type: str) -> Any:
    """Return what gammapy 2.1 writes for a spectrum of index 2.7: columns, units and header alike."""
    from astropy import units
    from astropy.table import Table

    low, high = EDGES[:-1], EDGES[1:]
    centre = np.sqrt(low * high)
    dnde = 1e-10 * centre**-2.7
    flux = 1e-10 * (low**-1.7 - high**-1.7) / 1.7
    scale, unit = {
        "dnde": (dnde, "TeV-1 s-1 cm-2"),
        "e2dnde": (dnde * centre**2 * 1.602176634, "erg s-1 cm-2"),
        "flux": (flux, "s-1 cm-2"),
        "eflux": (flux, "erg s-1 cm-2"),
        "likelihood": (np.ones(6), ""),
    }[sed_type]
    name = "norm" if sed_type == "likelihood" else sed_type
    table = Table({"e_ref": centre * units.TeV, "e_min": low * units.TeV, "e_max": high * units.TeV})
    if name == "norm":
        table["ref_dnde"] = dnde * units.Unit("TeV-1 s-1 cm-2")
    sizes = {"": NORM, "_err": ERROR, "_errp": 1.1 * ERROR, "_errn": 0.9 * ERROR, "_ul": NORM + 2 * ERROR}
    for ending, size in sizes.items():
        table[name + ending] = size * scale * units.Unit(unit)
    table["sqrt_ts"] = NORM / ERROR
    table["is_ul"] = LIMITS
    table.meta.update({"SED_TYPE": sed_type, "UL_CONF": 0.9544997})
    return table


def write(tmp_path: Path, table: Any, ending: str = "fits") -> Path:
    path = tmp_path / f"points.{ending}"
    if ending == "fits":
        table.write(path)
    else:
        table.write(path, format="ascii.ecsv" if ending == "ecsv" else "ascii.csv")
    return path


def made(tmp_path: Path, source: Path, reading: Reading = READING, **described: Any) -> FluxPoints:
    written = write_own_data(source, tmp_path / "mine", reading, Described(**described))
    found = load_likelihood(f"{written.folder}/")
    assert isinstance(found, FluxPoints)
    return found


@pytest.mark.parametrize("ending", ["fits", "ecsv"])
@pytest.mark.parametrize("sed_type", ["dnde", "e2dnde", "likelihood"])
def test_points_of_gammapy_become_intensities_of_the_region(tmp_path: Path, sed_type: str, ending: str) -> None:
    found = made(tmp_path, write(tmp_path, points(sed_type), ending))
    centre = np.sqrt(EDGES[1:] * EDGES[:-1])
    one = 1e-10 * centre**-2.7 / SOLID_ANGLE / 1e3  # per GeV
    np.testing.assert_allclose(found.values[~LIMITS], (NORM * one)[~LIMITS], rtol=1e-3)  # the solid angle is sampled
    np.testing.assert_allclose(
        found.error_low[~LIMITS] / found.values[~LIMITS], (0.9 * ERROR / NORM)[~LIMITS], rtol=1e-9
    )
    np.testing.assert_allclose(
        found.error_high[~LIMITS] / found.values[~LIMITS], (1.1 * ERROR / NORM)[~LIMITS], rtol=1e-9
    )
    # the limit, not the best fit, and as many standard deviations as gammapy says
    np.testing.assert_allclose(found.values[LIMITS], ((NORM + 2 * ERROR) * one)[LIMITS], rtol=1e-3)
    np.testing.assert_allclose(found.values[LIMITS] / found.error_high[LIMITS], 2.0, rtol=1e-5)
    assert found.provenance.status == "unpublished"
    assert found.settings["reference_index"] == pytest.approx(2.7)


def test_a_flux_over_bins_becomes_the_mean_over_each(tmp_path: Path) -> None:
    found = made(tmp_path, write(tmp_path, points("flux")), Reading(BOX))
    mean = 1e-10 * (EDGES[:-1] ** -1.7 - EDGES[1:] ** -1.7) / 1.7 / np.diff(EDGES) / 1e3 / SOLID_ANGLE
    np.testing.assert_allclose(found.values[~LIMITS], (NORM * mean)[~LIMITS], rtol=1e-3)
    assert found.settings["reference_index"] is None


def test_the_index_of_the_reference_spectrum_is_read_from_the_file(tmp_path: Path) -> None:
    found = made(tmp_path, write(tmp_path, points("likelihood")), Reading(BOX))
    assert found.settings["reference_index"] == pytest.approx(2.7, abs=1e-3)


def test_what_is_per_steradian_is_not_divided(tmp_path: Path) -> None:
    from astropy import units

    table = points("dnde")
    for name in [one for one in table.colnames if one.startswith("dnde")]:
        table[name].unit = units.Unit("TeV-1 s-1 cm-2 sr-1")
    found = made(tmp_path, write(tmp_path, table))
    assert found.values[0] == pytest.approx(1.1e-13 * (EDGES[0] * EDGES[1]) ** -1.35, rel=1e-9)


def changed(table: Any, **changes: Any) -> Any:
    for name, value in changes.items():
        if value is None:
            del table[name]
        elif name == "meta":
            table.meta.update(value)
        else:
            table.rename_column(name, value)
    return table


@pytest.mark.parametrize(
    ("table", "reading", "words"),
    [
        (points("eflux"), READING, ["eflux", "sed_type='dnde'"]),
        (points("dnde"), Reading(BOX), ["spectral index", "--reference-index"]),
        (changed(points("dnde"), dnde_ul=None), READING, ["no column 'dnde_ul'", "best fit", "--limit-column"]),
        (changed(points("dnde"), dnde_ul="top"), READING, ["no column 'dnde_ul'", "--limit-column"]),
        (changed(points("dnde"), meta={"UL_CONF": "high"}), READING, ["confidence level", "--confidence-level"]),
        (
            changed(points("dnde"), dnde_ul=None),
            replace(READING, limit_column="dnde", confidence_level=0.95),
            ["--limit-column dnde", "the best fit"],
        ),
        (changed(points("dnde"), e_min=None), READING, ["e_min and e_max", "--bin-dex"]),
        (changed(points("dnde"), dnde_err=None, dnde_errn=None, dnde_errp=None), READING, ["row 1", "dnde_err"]),
        (changed(points("dnde"), dnde="x", meta={"SED_TYPE": "dnde"}), READING, ["no column of dnde", "x"]),
        (points("dnde"), replace(READING, region="l=1..2"), ["l=WEST..EAST"]),
        (points("dnde"), replace(READING, quantity="e2dnde"), ["'e2dnde'", "TeV", "GeV / (cm2 s)"]),
    ],
)
def test_what_is_not_known_is_asked_for_and_nothing_is_left(
    tmp_path: Path, table: Any, reading: Reading, words: list[str]
) -> None:
    with pytest.raises(UserError) as caught:
        made(tmp_path, write(tmp_path, table.copy()), reading)
    for word in words:
        assert word in str(caught.value)
    left = tmp_path / "mine"
    assert not left.exists() or not list((left / "likelihoods").iterdir())


def test_another_column_of_limits_is_named(tmp_path: Path) -> None:
    source = write(tmp_path, changed(points("dnde"), dnde_ul="top"))
    found = made(tmp_path, source, replace(READING, limit_column="top", confidence_level=0.95))
    assert found.values[4] / found.error_high[4] == pytest.approx(special.ndtri(0.95), rel=1e-6)


def test_a_plain_table_needs_names_and_units_only(tmp_path: Path) -> None:
    source = tmp_path / "My points.csv"
    source.write_text(
        "Emin [TeV],E_max,flux [TeV-1 cm-2 s-1 sr-1],flux_err,syst\n1,2,3e-10,2e-11,1e-11\n2,4,4e-11,3e-12,2e-12\n"
    )
    source.write_text(source.read_text().replace("Emin", "e_min"))
    found = made(tmp_path, source, Reading("lhaaso_inner", reference_index="mean"))
    assert found.name == "my_points"
    np.testing.assert_allclose(found.values, [3e-13, 4e-14])
    np.testing.assert_allclose(found.systematic, [1e-14, 2e-15])
    assert found.region == "lhaaso_inner"


def test_a_table_without_units_asks_for_them(tmp_path: Path) -> None:
    source = tmp_path / "p.txt"
    source.write_text("# E dnde err\n1 3e-10 2e-11\n2 4e-11 3e-12\n")
    for reading, word in (
        (READING, "--energy-unit"),
        (replace(READING, energy_unit="TeV", bin_dex=0.2), "--flux-unit"),
        (replace(READING, energy_unit="TeV", flux_unit="TeV-1 cm-2 s-1"), "--bin-dex"),
    ):
        with pytest.raises(UserError, match=word):
            made(tmp_path, source, reading)
    found = made(tmp_path, source, replace(READING, energy_unit="TeV", flux_unit="TeV-1 cm-2 s-1", bin_dex=0.2))
    assert found.energy_max[0] / found.energy_min[0] == pytest.approx(10**0.2)


def test_hepdata_is_cited_by_its_doi_and_sides_of_systematics_are_asked_for(tmp_path: Path) -> None:
    source = tmp_path / "t1.csv"
    source.write_text(
        "#: table_doi: 10.17182/hepdata.1.v1/t1\n#: name: Table 1\n"
        "E [TEV],E [TEV] LOW,E [TEV] HIGH,DN/DE [CM^-2 S^-1 SR^-1 TEV^-1],stat +,stat -,sys +,sys -\n"
        "20.0,15.85,25.12,1.9e-13,1.7e-14,-1.5e-14,3e-14,-1e-14\n"
    )
    with pytest.raises(UserError, match="--systematic"):
        made(tmp_path, source)
    found = made(tmp_path, source, replace(READING, systematic="larger"))
    assert found.systematic[0] == pytest.approx(3e-17)
    assert found.provenance.reference == "10.17182/hepdata.1.v1/t1"
    assert found.provenance.status == "published-table"
    assert "doi = {10.17182/hepdata.1.v1/t1}" in found.citations[0]


def test_init_makes_a_data_set_that_the_command_line_accepts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(tmp_path, points("dnde"))
    monkeypatch.chdir(tmp_path)
    given = ["init", "mine", "--from", str(source), "--region", "tibet_inner", "--name", "ours"]
    assert main.main(given) == 1
    assert "--reference-index" in capsys.readouterr().err
    assert main.main([*given, "--reference-index", "2.7"]) == 0
    shown = capsys.readouterr().out
    for word in ("6 points, 2 of them upper limits", "sr of tibet_inner", "0.97725 of one side", "check ours"):
        assert word in shown
    monkeypatch.chdir(tmp_path / "mine")
    run = load_run("ours")
    assert run.likelihoods[0].provenance.status == "unpublished"


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--from", "points.fits"], "--region"),
        (["--name", "x"], "--from FILE"),
        (["--from", "p.fits", "--region", "lhaaso_inner"], "no file"),
        (["--from", "points.fits", "--region", "lhaaso_iner"], "did you mean 'lhaaso_inner'"),
        (["--from", "points.fits", "--region", "lhaaso_inner", "--confidence-level", "95"], "between 0.5 and 1"),
        (["--from", "points.fits", "--region", "lhaaso_inner", "--reference-index", "steep"], "--reference-index"),
        (["--from", "points.fits", "--region", "lhaaso_inner", "--quantity", "dndE"], "did you mean 'dnde'"),
        (["--from", "points.fits", "--region", "lhaaso_inner", "--table", "X"], "FLUXPOINTS"),
    ],
)
def test_a_wrong_option_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    word: str,
) -> None:
    from astropy.io import fits

    table = fits.BinTableHDU(points("dnde"), name="FLUXPOINTS")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "points.fits")
    monkeypatch.chdir(tmp_path)
    assert main.main(["init", "mine", *options]) == 1
    assert word in capsys.readouterr().err


def test_a_folder_that_is_there_is_kept(tmp_path: Path) -> None:
    source = write(tmp_path, points("dnde"))
    made(tmp_path, source)
    with pytest.raises(UserError, match="there already"):
        made(tmp_path, source)
    with pytest.raises(UserError, match="--reference"):
        made(tmp_path, source, name="other", status="abstract")
    assert "unpublished" in STATUSES

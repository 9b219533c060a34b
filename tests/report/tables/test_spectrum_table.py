"""The numbers of the spectra, as files: the bands are those of the posterior, in units that say so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from crsea_infer.report.results import spectrum_curves
from crsea_infer.report.results.spectrum_curves import component_curves
from crsea_infer.report.tables.spectrum_table import FILE, TOTAL, write_spectrum_table
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from crsea_infer.report.results.summary import RunSummary


ROOT = Path(__file__).parents[3]
UNIT = "1 / (GeV cm2 s sr)"


@pytest.fixture
def table(nested_run: RunSummary, tmp_path: Path) -> QTable:
    write_spectrum_table(tmp_path, nested_run)
    return QTable.read(tmp_path / FILE)


def test_bands_are_those_of_the_expectation_at_the_data(nested_run: RunSummary, table: QTable) -> None:
    item = nested_run.hypotheses[0]
    likelihood = item.posterior.likelihoods[0]
    expected = item.posterior.predictions(item.draws[:400])[likelihood.name]
    rows = table[(table["hypothesis"] == item.name) & (table["data_set"] == likelihood.name)]
    rows = rows[rows["component"] == TOTAL]
    assert list(rows["place"]) == [likelihood.region] * len(rows)
    assert np.all(rows["low95"] <= rows["low68"])
    assert np.all(rows["low68"] <= rows["median"])
    assert np.all(rows["median"] <= rows["high68"])
    assert np.all(rows["high68"] <= rows["high95"])
    for name, quantile in (("median", 0.5), ("high95", 0.975)):
        curve = np.interp(
            np.log(likelihood.energy_reference),
            np.log(rows["energy"].value),
            np.log(rows[name].to_value("1/(GeV cm2 s sr)")),
        )
        assert np.exp(curve) == pytest.approx(np.quantile(expected, quantile, axis=0), rel=0.05)


def test_local_protons_are_those_that_are_measured(table: QTable) -> None:
    measured = QTable.read(ROOT / "likelihoods" / "dampe_protons" / "flux.ecsv")
    protons = table[(table["messenger"] == "proton") & (table["component"] == TOTAL)]
    for name in set(protons["hypothesis"]):
        own = protons[protons["hypothesis"] == name]
        at = np.log(measured["kinetic_energy"].to_value("GeV"))
        curve = np.exp(np.interp(at, np.log(own["energy"].to_value("GeV")), np.log(own["published"].to_value(UNIT))))
        used = (at > np.log(1e3)) & (at < np.log(3e4))
        assert curve[used] == pytest.approx(measured["intensity"].to_value(UNIT)[used], rel=0.15)
    assert set(table["place"][table["messenger"] == "helium"]) == {"the Sun"}


def test_components_add_up(table: QTable) -> None:
    for name in set(table["component"]) - {TOTAL}:
        assert np.all(table["median"][table["component"] == name] >= 0.0)
    of_parts = table[(table["component"] != TOTAL)]
    for key in {(row["hypothesis"], row["data_set"]) for row in of_parts}:
        own = table[(table["hypothesis"] == key[0]) & (table["data_set"] == key[1])]
        total = own["published"][own["component"] == TOTAL]
        parts = sum(own["published"][own["component"] == one] for one in set(own["component"]) - {TOTAL})
        assert u.allclose(total, parts, rtol=1e-9)


def test_a_hypothesis_without_helium_has_no_helium(
    nested_run: RunSummary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_helium(item: Any, request: Any, summary: Any) -> Any:
        def refused(_theta: Any) -> Any:
            raise UserError("the helium spectrum has 0 slopes")

        return refused if request.messenger == "helium" else component_curves(item, request, summary)

    monkeypatch.setattr(spectrum_curves, "component_curves", without_helium)
    write_spectrum_table(tmp_path, replace(nested_run))
    assert set(QTable.read(tmp_path / FILE)["messenger"]) == {"gamma", "proton"}

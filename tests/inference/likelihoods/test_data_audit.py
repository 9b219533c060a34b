"""The data sets against their sources, once more: no row is missing or too many, and units arrive as they should."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy.table import Table

from crsea_infer.content import finding
from crsea_infer.inference.likelihoods.cosmic_ray_flux import CosmicRayFlux
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.likelihoods.likelihood import load_likelihood

if TYPE_CHECKING:
    from pathlib import Path

Row = dict[str, str]
DIRECT = {"ams02": "AMS-02", "dampe": "DAMPE", "calet": "CALET"}
SHOWERS = {
    "kascade": {"sibyll_2_1": "KASCADE (SIBYLL-2.1)", "qgsjet_01": "KASCADE (QGSJET-01)"},
    "icetop": {"flux": "IceTop (IceCube_SIBYLL-2.1)"},
}
SPECIES = {"protons": "proton", "helium": "helium"}
MASS_AND_CHARGE = {"protons": (0.93827209, 1), "helium": (3.72737941, 2)}  # of the nucleus, GeV
WINDOWS = ("m10_10", "20_30", "30_40", "60_70", "70_80", "80_90")


def table(folder: str, file: str = "flux") -> Any:
    return Table.read(finding.packaged_root() / "likelihoods" / folder / f"{file}.ecsv", format="ascii.ecsv")


def rows(path: Path) -> list[Row]:
    with path.open() as stream:
        return list(csv.DictReader(line for line in stream if not line.startswith("#")))


def cosmic_rays(shared_data: Path, species: str, experiment: str) -> list[Row]:
    found = [row for row in rows(shared_data / "cr_spectra_local.csv") if row["species"] == species]
    return [row for row in found if row["experiment"] == experiment]


# --- local spectra: which rows are in, and why others are out


@pytest.mark.parametrize("name", DIRECT)
@pytest.mark.parametrize("nuclei", SPECIES)
def test_direct_spectra_have_all_fluxes_above_their_lowest_energy(shared_data: Path, name: str, nuclei: str) -> None:
    found = [row for row in cosmic_rays(shared_data, SPECIES[nuclei], DIRECT[name]) if "physrep" in row["reference"]]
    if name != "ams02":
        found = cosmic_rays(shared_data, SPECIES[nuclei], DIRECT[name])
    points = table(f"{name}_{nuclei}")
    lowest = float(points[points.colnames[0]][0])
    expected = [float(row["x"]) for row in found if float(row["x"]) >= lowest]
    np.testing.assert_allclose(points[points.colnames[0]], sorted(expected))
    likelihood = load_likelihood(f"{name}_{nuclei}")
    assert isinstance(likelihood, CosmicRayFlux)
    # the points below 45 GV are left out: p = sqrt(T (T + 2 M)), R = p / Z, in GeV and GV
    measured, mass, charge = np.array(expected), *MASS_AND_CHARGE[nuclei]
    rigidity = measured if name == "ams02" else np.sqrt(measured * (measured + 2 * mass)) / charge
    np.testing.assert_allclose(likelihood.energy_reference, sorted(measured[rigidity >= 45.0]))


def test_the_rows_of_ams02_helium_that_are_left_out_are_a_ratio(shared_data: Path) -> None:
    """Iron over helium: it rises to 0.006 where a flux falls by nine decades, and its paper is that on iron."""
    found = cosmic_rays(shared_data, "helium", "AMS-02")
    fluxes = [row for row in found if "physrep" in row["reference"]]
    others = [row for row in found if row not in fluxes]
    assert (len(fluxes), len(others)) == (68, 46)
    assert {row["reference"] for row in others} == {"10.1103/PhysRevLett.124.211102 (2021PhRvL.126d1104A)"}
    ratio = np.array([float(row["flux"]) for row in others])
    assert np.all((ratio > 1.7e-3) & (ratio < 6.1e-3))
    used = set(table("ams02_helium")["intensity"])
    assert used.isdisjoint(ratio)


@pytest.mark.parametrize("name", SHOWERS)
@pytest.mark.parametrize("nuclei", SPECIES)
def test_air_showers_are_used_up_to_the_first_error_of_60_percent(shared_data: Path, name: str, nuclei: str) -> None:
    for file, experiment in SHOWERS[name].items():
        found = sorted(cosmic_rays(shared_data, SPECIES[nuclei], experiment), key=lambda row: float(row["x"]))
        kept = []
        for row in found:
            if max(float(row["stat_lo"]), float(row["stat_up"])) >= 0.6 * float(row["flux"]) or float(row["x"]) > 1e8:
                break
            kept.append(float(row["x"]))
        np.testing.assert_allclose(table(f"{name}_{nuclei}", file)["total_energy"], kept)


@pytest.mark.parametrize("nuclei", SPECIES)
@pytest.mark.parametrize("model", ["EPOS-LHC", "QGSJET-II-04", "SIBYLL-2.3d"])
def test_lhaaso_has_all_its_rows(shared_data: Path, nuclei: str, model: str) -> None:
    file = model.lower().replace("-", "_").replace(".", "_")
    found = cosmic_rays(shared_data, SPECIES[nuclei], f"LHAASO ({model})")
    points = table(f"lhaaso_{nuclei}", file)
    np.testing.assert_allclose(points["total_energy"], [float(row["x"]) for row in found])
    np.testing.assert_allclose(points["intensity"], [float(row["flux"]) for row in found])


# --- gamma rays: units and bins of what the likelihood holds


@pytest.mark.parametrize("side", ["inner", "outer"])
def test_lhaaso_arrives_in_gev(shared_data: Path, side: str) -> None:
    found = rows(shared_data / f"lhaaso_km2a_2023_{side}.csv")
    likelihood = load_likelihood(f"lhaaso_km2a_{side}")
    assert isinstance(likelihood, FluxPoints)
    for values, column, factor in (
        (likelihood.values, "phi", 1e-3),
        (likelihood.error_low, "stat_lo", 1e-3),
        (likelihood.error_high, "stat_up", 1e-3),
        (likelihood.systematic, "sys", 1e-3),
        (likelihood.energy_min, "emin_tev", 1e3),
        (likelihood.energy_max, "emax_tev", 1e3),
        (likelihood.energy_reference, "e_tev", 1e3),
    ):
        np.testing.assert_allclose(values, [factor * float(row[column]) for row in found], rtol=1e-9)


def test_units_by_hand() -> None:
    """One number of each unit that occurs, converted on paper."""
    inner = load_likelihood("lhaaso_km2a_inner")
    assert isinstance(inner, FluxPoints)
    assert inner.values[0] == pytest.approx(6.61e-16)  # 6.61e-13 per TeV
    fermi = load_likelihood("fermi_lat_inner_galaxy")
    assert isinstance(fermi, FluxPoints)
    # E^2 I = 0.0237522 MeV cm-2 s-1 sr-1 at 3753.59 MeV: 2.37522e-5 GeV / 3.75359^2 GeV^2
    assert fermi.values[0] == pytest.approx(2.37522e-5 / 3.75359**2, rel=1e-5)
    tibet = load_likelihood("tibet_asgamma_inner")
    assert isinstance(tibet, FluxPoints)
    # E^2.7 I = 1.6640e-4 GeV^1.7 cm-2 s-1 sr-1 at 121 TeV
    assert tibet.values[0] == pytest.approx(1.6640e-4 / 1.21e5**2.7, rel=1e-3)
    icetop = load_likelihood("icetop_protons")
    assert isinstance(icetop, CosmicRayFlux)
    # 3.548 PeV in total, 0.938 GeV of it mass; the middle third of the nodes is at the nominal energy scale
    nodes = np.array(icetop.requests[0].energies)
    assert nodes[icetop.n_data] == pytest.approx(3.548e6 - 0.938272, rel=1e-9)


@pytest.mark.parametrize("name", [f"fermi_lat_longitude_{window}" for window in WINDOWS])
def test_longitude_windows_have_bins_of_a_fifth_of_a_decade(name: str) -> None:
    points = table(name)
    np.testing.assert_allclose(np.log10(points["energy_max"] / points["energy_min"]), 0.2, atol=2e-4)
    np.testing.assert_allclose(points["energy_min"][1:], points["energy_max"][:-1])
    np.testing.assert_allclose(points["energy_reference"] ** 2, points["energy_min"] * points["energy_max"], rtol=0.02)


def test_the_wide_windows_have_the_bins_that_were_drawn(shared_data: Path) -> None:
    for first, last in ((25, 100), (50, 200)):
        found = [
            row for row in rows(shared_data / "fermi_lat_windows.csv") if row["region"].startswith(f"l={first}..{last}")
        ]
        points = table(f"fermi_lat_window_{first}_{last}")
        found = [row for row in found if float(row["e_gev"]) >= float(points["energy_reference"][0])]
        for column, source in (("energy_reference", "e_gev"), ("energy_min", "e_lo_gev"), ("error_high", "err")):
            np.testing.assert_allclose(points[column], [float(row[source]) for row in found])


def test_the_sources_of_the_inner_galaxy_are_the_mean_of_the_longitude_windows() -> None:
    stand_in = table("fermi_lat_inner_galaxy", "components")
    drawn = [table(f"fermi_lat_longitude_{window}", "components") for window in WINDOWS]
    mean = np.mean([one["point_sources_4fgl"] for one in drawn], axis=0)
    np.testing.assert_allclose(stand_in["sources"], mean, rtol=1e-3)
    median = np.median([one["isotropic"] for one in drawn], axis=0)
    np.testing.assert_allclose(stand_in["isotropic"], median, rtol=1e-3)


def test_bins_that_are_not_given_lie_half_way_between_the_points() -> None:
    for name in ("argo_ybj", "fermi_lat_inner_galaxy"):
        points = table(name)
        energy = np.asarray(points["energy_reference"])
        half_way = np.sqrt(energy[1:] * energy[:-1])
        np.testing.assert_allclose(points["energy_max"][:-1], half_way, rtol=1e-6)
        np.testing.assert_allclose(points["energy_min"][1:], half_way, rtol=1e-6)
        # the last is as wide above its point as below it, and so is the first, or it has a neighbour that is not used
        before = {"argo_ybj": energy[0] ** 2 / half_way[0], "fermi_lat_inner_galaxy": np.sqrt(energy[0] * 2.37409)}
        np.testing.assert_allclose(points["energy_min"][0], before[name], rtol=1e-6)
        np.testing.assert_allclose(points["energy_max"][-1], energy[-1] ** 2 / half_way[-1], rtol=1e-6)


def test_tibet_divides_its_decade_where_it_says() -> None:
    for side in ("inner", "outer"):
        points = table(f"tibet_asgamma_{side}")
        np.testing.assert_allclose(np.log10(points["energy_min"]), [2.0, 2.2, 2.6], atol=1e-6)
        np.testing.assert_allclose(np.log10(points["energy_max"]), [2.2, 2.6, 3.0], atol=1e-6)

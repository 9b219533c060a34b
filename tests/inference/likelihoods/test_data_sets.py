"""The data sets that come with the package: each can be read, and holds the numbers it was made from."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy.table import Table
from scipy import optimize

from crsea_infer.content import finding
from crsea_infer.content.bibliography import work_of
from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.likelihoods.likelihood import Likelihood, load_likelihood

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PACKAGED = sorted(path.parent.name for path in (finding.packaged_root() / "likelihoods").glob("*/*.ecsv"))
PACKAGED = list(dict.fromkeys(PACKAGED))  # those whose tables are absent have tests of their own
WINDOWS = ("m10_10", "20_30", "30_40", "60_70", "70_80", "80_90")
Row = dict[str, str]


def table(name: str, file: str = "flux.ecsv") -> Any:
    return Table.read(finding.packaged_root() / "likelihoods" / name / file, format="ascii.ecsv")


def rows(shared_data: Path, file: str, keep: Callable[[Row], bool] = lambda _: True) -> list[Row]:
    with (shared_data / file).open() as stream:
        return [row for row in csv.DictReader(line for line in stream if not line.startswith("#")) if keep(row)]


def numbers(found: list[Row], column: str) -> np.ndarray:
    return np.array([float(row[column]) for row in found])


def same(found: Any, expected: np.ndarray, rtol: float = 1e-7) -> None:
    np.testing.assert_allclose(np.asarray(found, dtype=float), expected, rtol=rtol)


@pytest.mark.parametrize("name", PACKAGED)
def test_a_packaged_data_set_can_be_read_and_says_where_it_is_from(name: str) -> None:
    likelihood = load_likelihood(name)
    assert isinstance(likelihood, Likelihood)
    assert likelihood.n_data > 0
    assert likelihood.citations
    assert all(work_of(reference) is not None for reference in likelihood.citations)
    assert likelihood.provenance.status in {"published-table", "abstract", "digitised", "counts"}
    for request in likelihood.requests:
        assert min(request.energies) >= 1.0


@pytest.mark.parametrize("name", PACKAGED)
def test_every_column_has_unit_and_description(name: str) -> None:
    for path in (finding.packaged_root() / "likelihoods" / name).glob("*.ecsv"):
        for column in Table.read(path, format="ascii.ecsv").columns.values():
            assert column.description, f"{path.name}: {column.name}"


def test_the_labels_of_all_nuisances_are_apart() -> None:
    """Nuisances of one name are one parameter; those of different names need different labels in a corner plot."""
    labels: dict[str, set[str]] = {}
    for name in PACKAGED:
        for nuisance in load_likelihood(name).nuisances:
            labels.setdefault(nuisance.label, set()).add(nuisance.name)
    assert {label: names for label, names in labels.items() if len(names) > 1} == {}


def test_data_sets_that_share_a_nuisance_agree_on_its_prior() -> None:
    priors: dict[str, Any] = {}
    for name in PACKAGED:
        for nuisance in load_likelihood(name).nuisances:
            assert priors.setdefault(nuisance.name, nuisance.distribution) == nuisance.distribution
    assert "fermi_lat_longitude_scale" in priors


@pytest.mark.parametrize("side", ["inner", "outer"])
def test_masked_fermi_lat_is_the_variant_with_lhaaso_s_region(shared_data: Path, side: str) -> None:
    name = f"fermi_lat_masked_{side}"
    found = rows(
        shared_data,
        "fermi_lat_masked.csv",
        lambda row: row["region"] == f"lhaaso_{side}" and row["variant"] == "sources_in" and float(row["e_gev"]) > 3,
    )
    points = table(name)
    assert len(points) == 9
    for column, source in (
        ("energy_min", "e_lo_gev"),
        ("energy_max", "e_hi_gev"),
        ("intensity", "intensity"),
        ("error_low", "stat"),
        ("error_high", "stat"),
        ("uncorrelated_systematic", "syst_point_to_point"),
        ("systematic", "syst_normalisation"),
    ):
        same(points[column], numbers(found, source))
    components = table(name, "components.ecsv")
    same(components["point_sources_4fgl"], numbers(found, "sources_4fgl_estimate"))
    isotropic = rows(shared_data, "fermi_lat_window_components.csv", lambda row: row["region"].startswith("l=30..40"))
    interpolated = np.interp(
        np.log(components["energy"]), np.log(numbers(isotropic, "e_gev")), np.log(numbers(isotropic, "isotropic"))
    )
    same(components["isotropic"], np.exp(interpolated), rtol=0.02)
    likelihood = load_likelihood(name)
    assert isinstance(likelihood, FluxPoints)
    assert likelihood.region == f"lhaaso_{side}"
    same(likelihood.error_low, np.hypot(numbers(found, "stat"), numbers(found, "syst_point_to_point")))


@pytest.mark.parametrize(("first", "last", "below"), [(25, 100, 3.9), (50, 200, 2.4)])
def test_wide_fermi_lat_windows(shared_data: Path, first: int, last: int, below: float) -> None:
    found = rows(
        shared_data,
        "fermi_lat_windows.csv",
        lambda row: row["region"].startswith(f"l={first}..{last}") and float(row["e_lo_gev"]) > below,
    )
    points = table(f"fermi_lat_window_{first}_{last}")
    assert len(points) == {25: 11, 50: 12}[first]
    for column, source in (("intensity", "intensity"), ("error_low", "err"), ("energy_max", "e_hi_gev")):
        same(points[column], numbers(found, source))
    likelihood = load_likelihood(f"fermi_lat_window_{first}_{last}")
    assert isinstance(likelihood, FluxPoints)
    # nine tenths of the variance are common, and nothing of it is lost
    same(likelihood.systematic**2, 0.9 * numbers(found, "err") ** 2)
    same(likelihood.systematic**2 + likelihood.error_low**2, numbers(found, "err") ** 2)


@pytest.mark.parametrize("window", WINDOWS)
def test_longitude_windows_bring_the_components_drawn_in_them(shared_data: Path, window: str) -> None:
    west, east = window.replace("m", "-").split("_")
    region = f"l={west}..{east} b=-5..5"
    name = f"fermi_lat_longitude_{window}"
    found = rows(
        shared_data, "fermi_lat_longitude_windows.csv", lambda row: row["region"] == region and row["err"] != "nan"
    )
    drawn = rows(shared_data, "fermi_lat_window_components.csv", lambda row: row["region"] == region)
    points, components = table(name), table(name, "components.ecsv")
    assert len(points) == 10
    same(points["intensity"], numbers(found, "intensity"))
    same(points["error_high"], numbers(found, "err"))
    for column in set(components.colnames) - {"energy"}:
        same(components[column], numbers(drawn, column))
    assert ("unresolved_sources" in components.colnames) == (window != "80_90")
    likelihood = load_likelihood(name)
    assert isinstance(likelihood, FluxPoints)
    assert likelihood.region == region.replace(" ", ",")
    assert "fermi_lat_isotropic" in {nuisance.name for nuisance in likelihood.nuisances}


def test_the_longitude_profile_of_fermi_lat_is_its_six_windows() -> None:
    profile = table("fermi_lat_longitude", "profile.ecsv")
    for row, window in enumerate(WINDOWS):
        name = f"fermi_lat_longitude_{window}"
        points, own = table(name), profile[10 * row : 10 * row + 10]
        for column, source in (("profile", "intensity"), ("error_low", "error_low"), ("energy_min", "energy_min")):
            same(own[column], np.asarray(points[source]))
        likelihood = load_likelihood(name)
        assert isinstance(likelihood, FluxPoints)
        assert likelihood.region == f"l={own['longitude_min'][0]:g}..{own['longitude_max'][0]:g},b=-5..5"
        for component, entry in zip(likelihood.components, likelihood.settings["components"], strict=True):
            same(own[entry["column"]], component.prediction, rtol=1e-5)
    assert not profile["unresolved_sources"][-10:].any()


def test_the_longitude_profile_of_km2a(shared_data: Path) -> None:
    found = rows(shared_data, "lhaaso_km2a_longitude_profile_digitised.csv")
    points = table("lhaaso_km2a_longitude", "profile.ecsv")
    for column, source in (
        ("longitude_min", "l_lo"),
        ("longitude_max", "l_hi"),
        ("profile", "y"),
        ("error_low", "y_errlo"),
        ("error_high", "y_errhi"),
    ):
        same(points[column], numbers(found, source))


def test_the_inner_galaxy_of_fermi_lat(shared_data: Path) -> None:
    found = rows(shared_data, "fermi_lat_2012_inner_galaxy_fig17.csv", lambda row: float(row["e_mev"]) > 3000)
    points = table("fermi_lat_inner_galaxy")
    energy = 1e-3 * numbers(found, "e_mev")
    same(points["energy_reference"], energy)
    for column, expected in (
        ("intensity", numbers(found, "e2i")),
        ("error_low", numbers(found, "e2i") - numbers(found, "e2i_lo")),
        ("error_high", numbers(found, "e2i_hi") - numbers(found, "e2i")),
    ):
        same(points[column] * energy**2, 1e-3 * expected, rtol=1e-6)  # MeV cm-2 s-1 sr-1 to GeV


@pytest.mark.parametrize(("side", "region"), [("inner", "25-100"), ("outer", "50-200")])
def test_tibet(shared_data: Path, side: str, region: str) -> None:
    found = rows(shared_data, "tibet_asgamma_2021_digitised.csv", lambda row: row["region"] == region)
    points = table(f"tibet_asgamma_{side}")
    for column, source in (
        ("energy_reference", "e_tev"),
        ("intensity", "phi"),
        ("error_low", "phi_errlo"),
        ("error_high", "phi_errhi"),
    ):
        same(points[column], numbers(found, source))
    same(points["energy_min"], numbers(found, "e_lo_tev"), rtol=0.02)
    same(points["energy_max"], numbers(found, "e_hi_tev"), rtol=0.02)


def test_argo(shared_data: Path) -> None:
    found = rows(shared_data, "argo_ybj_2015_table.csv")
    points = table("argo_ybj")
    for column, source in (("energy_reference", "e_tev"), ("intensity", "phi"), ("error_low", "err")):
        same(points[column], numbers(found, source))


def test_wcda_is_the_abstract() -> None:
    for side, index, error in (("inner", -2.67, 0.05), ("outer", -2.83, 0.19)):
        points = table(f"lhaaso_wcda_{side}", "index.ecsv")
        assert (points["index"][0], points["error_low"][0], points["error_high"][0]) == (index, error, error)
        assert (points["energy_min"][0], points["energy_max"][0], points["energy_min"].unit.name) == (1.0, 25.0, "TeV")


@pytest.mark.parametrize(
    ("folder", "stem", "template"),
    [
        (folder, stem, template)
        for single, stem, template in (
            ("icecube_pi0", "pi0", "pi0"),
            ("icecube_kra5", "kra_gamma_5", "KRAgamma5"),
            ("icecube_kra50", "kra_gamma_50", "KRAgamma50"),
        )
        for folder in (single, "icecube_galactic_plane")
    ],
)
def test_icecube(shared_data: Path, folder: str, stem: str, template: str) -> None:
    (row,) = rows(shared_data, "icecube_galactic_plane_2023.csv", lambda one: one["template"] == template)
    fit = table(folder, f"{stem}_fit.ecsv")
    best = float(row["norm_best"])
    same(fit["norm"], np.array([best]))
    same(fit["error_low"], np.array([best - float(row["norm_lo68"])]))
    same(fit["error_high"], np.array([float(row["norm_hi68"]) - best]))
    same(fit["test_statistic"], np.array([float(row["TS"])]))
    same(fit["energy_min"], np.array([float(row["E_lo_GeV"])]))
    same(fit["energy_max"], np.array([float(row["E_hi_GeV"])]))
    if template != "pi0":
        drawn = rows(shared_data, "icecube_kra_bestfit_curves_digitised.csv", lambda one: one["template"] == template)
        spectrum = table(folder, f"{stem}_spectrum.ecsv")
        same(spectrum["energy"], numbers(drawn, "E_GeV"))
        same(spectrum["flux"] * spectrum["energy"] ** 2, numbers(drawn, "E2F_model_MF1"), rtol=1e-5)


def test_icecube_s_effective_area_is_averaged_over_the_pi0_template(shared_data: Path) -> None:
    """And gives the number of events that the release fitted."""
    import healpy

    release = shared_data / "icecube_release"
    energy, declination = (np.loadtxt(release / f"effa_bins_{name}.csv") for name in ("energy", "sindec"))
    areas = np.loadtxt(release / "effa_values.csv", delimiter=",")
    template = np.load(release / "Fermi-LAT_pi0_map.npy")
    height = healpy.pix2vec(128, np.arange(len(template)))[2]
    share = np.histogram(height, bins=declination, weights=template)[0] / template.sum()
    expected = share @ areas
    points = table("icecube_pi0", "effective_area.ecsv")
    same(points["effective_area"], np.interp(points["energy"], np.sqrt(energy[1:] * energy[:-1]), expected), rtol=1e-4)
    flux = 21.8e-12 * 1e3 / 1e5**2 * (np.sqrt(energy[1:] * energy[:-1]) / 1e5) ** -2.7
    events = float(np.sum(flux * expected * np.diff(energy))) * 10 * 3.156e7
    assert events == pytest.approx(671.1, rel=0.1)


COSMIC_RAYS = [
    *(
        (f"{name}_{folder}", "flux.ecsv", species, experiment)
        for name, experiment in (
            ("ams02", "AMS-02"),
            ("dampe", "DAMPE"),
            ("calet", "CALET"),
            ("icetop", "IceTop (IceCube_SIBYLL-2.1)"),
        )
        for folder, species in (("protons", "proton"), ("helium", "helium"))
    ),
    *(
        (f"{name}_{folder}", file, species, experiment)
        for name, file, experiment in (
            ("kascade", "sibyll_2_1.ecsv", "KASCADE (SIBYLL-2.1)"),
            ("kascade", "qgsjet_01.ecsv", "KASCADE (QGSJET-01)"),
            ("kascade", "kuznetsov_2024.ecsv", "KASCADE (Kuznetsov2024)"),
            ("lhaaso", "epos_lhc.ecsv", "LHAASO (EPOS-LHC)"),
            ("lhaaso", "qgsjet_ii_04.ecsv", "LHAASO (QGSJET-II-04)"),
            ("lhaaso", "sibyll_2_3d.ecsv", "LHAASO (SIBYLL-2.3d)"),
        )
        for folder, species in (("protons", "proton"), ("helium", "helium"))
    ),
]


@pytest.mark.parametrize(("folder", "file", "species", "experiment"), COSMIC_RAYS)
def test_cosmic_ray_tables(shared_data: Path, folder: str, file: str, species: str, experiment: str) -> None:
    found = {
        (float(row["x"]), float(row["flux"])): row
        for row in rows(
            shared_data,
            "cr_spectra_local.csv",
            lambda row: (row["species"], row["experiment"]) == (species, experiment),
        )
    }
    points = table(folder, file)
    quantity = points.colnames[0]
    assert (
        quantity
        == {
            "rigidity": "rigidity",
            "kineticEnergy": "kinetic_energy",
            "totalEnergy": "total_energy",
        }[next(iter(found.values()))["x_quantity"]]
    )
    for point in points:
        row = found[(float(point[quantity]), float(point["intensity"]))]
        assert float(point["error_low"]) == float(row["stat_lo"])
        assert float(point["error_high"]) == float(row["stat_up"])
        if "systematic_low" in points.colnames:
            assert float(point["systematic_low"]) == float(row["syst_lo"])
            assert float(point["systematic_high"]) == float(row["syst_up"])
        else:
            assert float(row["syst_lo"]) == 0.0  # not given


@pytest.mark.parametrize(("region", "index", "error"), [("inner", -2.99, 0.04), ("outer", -2.99, 0.07)])
def test_km2a_tables_have_the_index_that_the_abstract_of_the_paper_gives(
    region: str, index: float, error: float
) -> None:
    points = load_likelihood(f"lhaaso_km2a_{region}")
    columns = {name: column.values for name, column in points.columns.items()}  # type: ignore[attr-defined]
    energies, values = columns["energy_reference"] / 5e4, columns["values"]

    def power_law(x: np.ndarray, norm: float, slope: float) -> np.ndarray:
        return np.asarray(norm * 1e-17 * x**slope)

    errors = 0.5 * (columns["error_low"] + columns["error_high"])
    best, covariance = optimize.curve_fit(power_law, energies, values, (1.0, -3.0), errors, absolute_sigma=True)
    assert best[1] == pytest.approx(index, abs=0.5 * error)
    assert np.sqrt(covariance[1, 1]) == pytest.approx(error, rel=0.1)

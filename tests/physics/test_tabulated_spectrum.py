"""Local spectra from tables: units, corrections, what is refused, and the Global Spline Fit against measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy.table import Table

from crsea_infer.content import finding
from crsea_infer.content.spectrum_tables import load_spectrum_table
from crsea_infer.hypotheses.hypothesis import build_hypothesis, load_hypothesis
from crsea_infer.physics.local_spectrum import Species, local_intensity, rigidity
from crsea_infer.physics.tabulated_spectrum import tabulated_intensity
from crsea_infer.plan.run_file import load_run
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

HEADER = """# %ECSV 1.0
# ---
# datatype:
# - {name: rigidity, unit: GV, datatype: float64}
# - {name: proton, unit: 1 / (GV s sr m2), datatype: float64}
# - {name: proton_mode_1, datatype: float64}
# delimiter: ','
# meta: !!omap
# - {reference: 'arXiv:1234.56789'}
# - {table_or_figure: made for a test}
# - {status: published-table}
# - {transcribed_from: a test}
# schema: astropy-2.0
rigidity,proton,proton_mode_1
"""


@pytest.fixture
def power_law(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of 2e4 rho^-2.7 whose mode is 10 % everywhere, as the user's own."""
    (tmp_path / "priors" / "tables").mkdir(parents=True)
    path = tmp_path / "priors" / "tables" / "mine.ecsv"
    rows = [f"{rho:.9g},{2e4 * rho**-2.7:.9g},0.1" for rho in np.geomspace(10.0, 1e6, 30)]
    path.write_text(HEADER + "\n".join(rows) + "\n")
    monkeypatch.chdir(tmp_path)
    return path


@pytest.mark.usefixtures("power_law")
def test_a_table_is_per_rigidity_and_goes_on_as_a_power_law() -> None:
    energies = np.geomspace(2.0, 1e8, 25)
    found = local_intensity("proton", energies, {"proton_table_mine": np.array([1.0, 1.3])})
    momentum = rigidity("proton", energies)
    expected = 2e4 * momentum**-2.7 * (energies + 0.938272) / momentum
    np.testing.assert_allclose(found, [expected, 1.3 * expected], rtol=1e-6)


@pytest.mark.usefixtures("power_law")
def test_tilt_and_modes_multiply() -> None:
    energies = np.geomspace(1e2, 1e6, 9)
    given = {"proton_table_mine": np.array(1.0)}
    plain = local_intensity("proton", energies, given)
    changed = local_intensity(
        "proton", energies, given | {"proton_tilt": np.array(-0.2), "spectrum_mode_1": np.array(2.0)}
    )
    np.testing.assert_allclose(changed / plain, np.exp(0.2) * (rigidity("proton", energies) / 1e4) ** -0.2, rtol=1e-9)


@pytest.mark.usefixtures("power_law")
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"proton_table_mine": 1.0, "proton_slope_1": -2.7}, "side by side"),
        ({"proton_table_mine": 1.0, "spectrum_mode_1": 0.0, "spectrum_mode_2": 0.0}, "has 1 modes"),
        ({"proton_table_mien": 1.0}, "mine"),
        ({"proton_table_mine": 1.0, "proton_table_gsf": 1.0}, "side by side"),
    ],
)
def test_what_contradicts_itself_is_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(UserError) as caught:
        local_intensity("proton", np.array([1e3]), {name: np.asarray(value) for name, value in given.items()})
    assert message in str(caught.value)


@pytest.mark.usefixtures("power_law")
def test_a_species_that_the_table_lacks_is_named() -> None:
    with pytest.raises(UserError, match="helium"):
        local_intensity("helium", np.array([1e3]), {"helium_table_mine": np.array(1.0)})


def test_the_content_of_a_table_is_part_of_a_run(power_law: Path, tmp_path: Path) -> None:
    (tmp_path / "priors" / "mine.toml").write_text(
        """title = "t"
description = "d"
references = []
[parameters.proton_table_mine]
fiducial = 1.0
label = "s"
description = "d"
source = "s"
distribution = { kind = "log_normal", median = 1.0, fraction = 0.1 }
"""
    )
    (tmp_path / "run.toml").write_text(
        """title = "t"
description = "d"
likelihoods = ["dampe_protons"]
seed = 1
[[hypotheses]]
name = "h"
title = "t"
prior_sets = ["mine"]
[samplers.importance]
"""
    )
    before = load_run("./run.toml").fingerprint()
    power_law.write_text(power_law.read_text().replace(",0.1\n", ",0.2\n", 1))
    assert load_run("./run.toml").fingerprint() != before


def test_a_hypothesis_keeps_the_hash_of_its_tables() -> None:
    assert load_hypothesis("gamma-optimized-gsf").tables == {"gsf": load_spectrum_table("gsf").sha256}
    assert not load_hypothesis("gamma-optimized-min").tables


def test_smoothness_belongs_to_a_break(tmp_path: Path) -> None:
    path = tmp_path / "wide.toml"
    path.write_text(
        """title = "t"
description = "d"
references = []
[parameters.proton_smoothness_4]
fiducial = 0.3
label = "w"
description = "d"
source = "s"
distribution = { kind = "fixed" }
"""
    )
    with pytest.raises(UserError, match="smoothness"):
        build_hypothesis("h", ["gamma_optimized", "min", "gas", str(path)])
    path.write_text(path.read_text().replace("smoothness_4", "smoothness_3"))
    assert build_hypothesis("h", ["gamma_optimized", "min", "gas", str(path)]).fixed


@pytest.mark.parametrize("species", ["proton", "helium"])
def test_the_global_spline_fit_meets_ams02_above_solar_modulation(species: Species) -> None:
    table = Table.read(finding.packaged_root() / f"likelihoods/ams02_{species}{'s' * (species == 'proton')}/flux.ecsv")
    rho, measured = np.array(table["rigidity"]), np.array(table["intensity"])
    above = rho > 60.0
    fitted = tabulated_intensity(species, rho[above], {f"{species}_table_gsf": np.array(1.0)})
    np.testing.assert_allclose(fitted, measured[above], rtol=0.08)

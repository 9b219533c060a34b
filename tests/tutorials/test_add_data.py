"""The tutorial on adding data without Python: done to the letter, its results checked, its messages true."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import optimize

if TYPE_CHECKING:
    from collections.abc import Callable

    Begin = Callable[[str], Any]

PAGE = "add_data.md"
ARGO = "likelihoods/argo/flux.ecsv"
PROTON_MASS = 0.93827209  # GeV

MISTAKES = {
    "no unit": (ARGO, "name: intensity, unit: 1 / (TeV cm2 s sr), ", "name: intensity, "),
    "wrong unit": (ARGO, "name: energy_min, unit: TeV", "name: energy_min, unit: m"),
    "empty cell": (ARGO, "1.64e-09,4.3e-10,4.3e-10", "1.64e-09,,4.3e-10"),
    "misspelt key": ("likelihoods/argo/likelihood.toml", "reference_index", "reference_indx"),
    "misspelt region": ("likelihoods/argo/likelihood.toml", "l=25..100,b=-5..5", "lhaaso_iner"),
    "unknown data set": ("runs/mine.toml", '["argo"', '["agro"'),
    "no provenance": (ARGO, "# - {reference: 'arXiv:1507.06758'}\n", ""),
}


@pytest.fixture(scope="module")
def done(tutorial: Begin) -> Any:
    page = tutorial(PAGE)
    page.do()
    return page


def chi2_of(done: Any, hypothesis: str, data_set: str) -> float:
    table = done.table("results/mine/chi2.ecsv")
    row = table[(table["hypothesis"] == hypothesis) & (table["likelihood"] == data_set)]
    return float(row["chi2_published"][0])


@pytest.mark.slow
def test_the_data_are_found_and_read(done: Any) -> None:
    listed = next(text for text in done.output if "grapes_protons" in text)
    for name, points in (("argo", "3"), ("grapes_protons", "8")):
        (line,) = (line for line in listed.splitlines() if line.split()[:1] == [name])
        assert line.split()[1:3] == ["yours", points]
    checked = next(text for text in done.output if "The run is valid" in text)
    assert "2 hypotheses, 15 data points" in checked  # 3 + 7 below the limit of rigidity + 5
    assert "grapes_protons_energy_scale" in done.shell("crsea-infer check mine --long").stdout


@pytest.mark.slow
def test_the_run_gives_an_evidence_for_each_hypothesis_and_a_bayes_factor(done: Any) -> None:
    evidence = done.table("results/mine/evidence.ecsv")
    assert list(evidence["hypothesis"]) == ["min-known-gas", "max-known-gas"]
    assert list(evidence["n_data"]) == [15, 15]
    assert set(evidence["status"]) == {"converged"}
    assert np.all(evidence["lnz_err"] < 0.1)
    (factor,) = done.table("results/mine/bayes_factors.ecsv")
    assert float(factor["ln_b"]) == pytest.approx(float(evidence["lnz"][0] - evidence["lnz"][1]))
    assert float(factor["ln_b"]) > 1  # LHAASO's outer region is what prefers Min
    assert "argo" in (done.home / "results" / "mine" / "index.html").read_text()


@pytest.mark.slow
def test_gamma_rays_are_compared_as_those_of_the_package_are(done: Any) -> None:
    """The table is that of argo_ybj in other units and words: so must chi2 be."""
    done.write("runs/package.toml", done.file("runs/mine.toml").replace('"argo"', '"argo_ybj"'))
    done.write("compare.py", COMPARE)
    told = done.shell("python compare.py")
    assert told.returncode == 0, told.stderr
    for hypothesis, chi2 in json.loads(told.stdout).items():
        assert chi2_of(done, hypothesis, "argo") == pytest.approx(chi2, rel=1e-6)


COMPARE = """\
import json

from crsea_infer import emulator
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.plan.run_file import load_run

run, model = load_run("package"), emulator.load(None)
chi2 = {}
for hypothesis in run.hypotheses:
    posterior = posterior_for(hypothesis, run.likelihoods, model)
    chi2[hypothesis.name] = float(posterior.chi2_profiled(posterior.fiducial[None])["argo_ybj"][0])
print(json.dumps(chi2))
"""


@pytest.mark.slow
@pytest.mark.parametrize("spectra", ["min", "max"])
def test_cosmic_rays_are_compared_as_by_hand(done: Any, spectra: str) -> None:
    """TeV of total energy to GeV of kinetic energy; the scale of the energy moves and rescales the spectrum."""
    table = done.table("likelihoods/grapes_protons/flux.ecsv")[:7]
    grid = np.geomspace(2e4, 2e6, 400)
    energies = ",".join(f"{energy:.8g}" for energy in grid)
    command = f"crsea-infer predict gamma-optimized-{spectra} --messenger proton --format json --energies {energies}"
    spectrum = np.log(json.loads(done.shell(command).stdout)["intensity"])
    total = 1e3 * np.asarray(table["total_energy"])
    below = np.hypot(table["error_low"], table["systematic_low"])
    above = np.hypot(table["error_high"], table["systematic_high"])

    def chi2(zeta: float) -> float:
        scale = 1.1**-zeta
        seen = scale * np.exp(np.interp(np.log(total * scale - PROTON_MASS), np.log(grid), spectrum))
        residual = np.asarray(table["intensity"]) - seen
        return float(np.sum((residual / np.where(residual < 0, above, below)) ** 2) + zeta**2)

    by_hand = min(optimize.minimize_scalar(chi2, bounds=(low, low + 2), method="bounded").fun for low in (-4, -2, 0, 2))
    assert chi2_of(done, f"{spectra}-known-gas", "grapes_protons") == pytest.approx(by_hand, rel=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_as_the_page_says(tutorial: Begin, mistake: str) -> None:
    page = tutorial(PAGE)
    for name, body in page.blocks():
        if name.startswith(("likelihoods/", "runs/")):
            page.write(name, body)
    file, old, new = MISTAKES[mistake]
    content = page.file(file)
    assert old in content
    page.write(file, content.replace(old, new))
    said = page.refused("crsea-infer check mine")
    for line in page.messages[mistake].splitlines():
        assert line in said.splitlines(), said


def test_every_message_of_the_page_is_tried(tutorial: Begin) -> None:
    assert set(tutorial(PAGE).messages) == set(MISTAKES)

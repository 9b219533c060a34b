"""The tutorial on a new kind of data: a class in a file beside the data, then an installed package."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Begin = Callable[[str], Any]

PAGE = "add_kind.md"
FOLDER = "likelihoods/fermi_ratio/likelihood.toml"
CODE = "likelihoods/fermi_ratio/ratio.py"
CHECK = "crsea-infer check gradient --allow-code"

MISTAKES = {
    "code not allowed": (FOLDER, "", "", "crsea-infer check gradient"),
    "module named": (FOLDER, "ratio.py:", "ratio:", CHECK),
    "file not found": (FOLDER, "ratio.py:", "ratios.py:", CHECK),
    "class not found": (FOLDER, "IntensityRatio", "IntensityRatios", CHECK),
    "file with an error": (CODE, "COLUMNS = (Column(", "COLUMNS = (Colum(", CHECK),
    "class incomplete": (CODE, "", "", CHECK),
    "unknown kind": (FOLDER, "ratio.py:IntensityRatio", "intensity-ration", CHECK),
}


@pytest.fixture(scope="module")
def done(tutorial: Begin) -> Any:
    page = tutorial(PAGE)
    page.do()
    return page


@pytest.mark.slow
def test_the_file_and_the_package_are_checked_and_run(done: Any) -> None:
    checked = [text for text in done.output if "The run is valid: 2 hypotheses, 11 data points" in text]
    assert len(checked) == 2
    assert all("2 regions" in text for text in checked)
    evidence = done.table("results/gradient/evidence.ecsv")
    assert set(evidence["status"]) == {"converged"}
    (factor,) = done.table("results/gradient/bayes_factors.ecsv")
    assert float(factor["ln_b"]) == pytest.approx(float(evidence["lnz"][0] - evidence["lnz"][1]))


@pytest.mark.slow
def test_the_package_is_an_installed_one(done: Any) -> None:
    """The file beside the data is not what the second half of the page uses."""
    (done.home / CODE).rename(done.home / "away.py")
    try:
        again = done.shell("crsea-infer check gradient")
        assert again.returncode == 0, again.stderr
        where = done.shell('python -c "import crsea_ratio; print(crsea_ratio.__file__)"').stdout
        assert str(done.home) + "/" not in where
        wrong = done.file(FOLDER).replace("ratio.py:IntensityRatio", "intensity-ration")
        done.write(FOLDER, wrong)
        assert "did you mean 'intensity-ratio'?" in done.refused("crsea-infer check gradient")
    finally:
        (done.home / "away.py").rename(done.home / CODE)


@pytest.mark.slow
@pytest.mark.parametrize("hypothesis", ["base-min", "gamma-optimized-min"])
def test_chi2_is_that_of_the_predicted_ratio(done: Any, hypothesis: str) -> None:
    table = done.table("likelihoods/fermi_ratio/ratio.ecsv")
    energies = ",".join(map(str, table["energy"]))
    above, below = (
        np.array(json.loads(done.shell(command).stdout)["intensity"])
        for command in (
            f"crsea-infer predict {hypothesis} --region {region} --energies {energies} --format json"
            for region in ("l=25..100,b=-5..5", "l=50..200,b=-5..5")
        )
    )
    by_hand = np.sum(((np.asarray(table["ratio"]) - above / below) / np.asarray(table["error"])) ** 2)
    chi2 = done.table("results/gradient/chi2.ecsv")
    (row,) = chi2[(chi2["hypothesis"] == hypothesis) & (chi2["likelihood"] == "fermi_ratio")]
    assert float(row["chi2_published"]) == pytest.approx(by_hand, rel=1e-4)


@pytest.mark.slow
def test_the_ratios_are_those_of_the_packaged_tables(done: Any) -> None:
    from astropy.table import Table

    from crsea_infer.content.finding import packaged_root

    table = done.table("likelihoods/fermi_ratio/ratio.ecsv")
    inner, outer = (
        Table.read(packaged_root() / "likelihoods" / f"fermi_lat_window_{name}" / "flux.ecsv", format="ascii.ecsv")
        for name in ("25_100", "50_200")
    )
    outer = outer[outer["energy_reference"] > 4.0 * outer["energy_reference"].unit]
    np.testing.assert_allclose(table["energy"], inner["energy_reference"])
    np.testing.assert_allclose(table["ratio"], inner["intensity"] / outer["intensity"], rtol=1e-3)
    np.testing.assert_allclose(table["error"], 0.05 * table["ratio"], rtol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_as_the_page_says(tutorial: Begin, mistake: str) -> None:
    page = tutorial(PAGE)
    for name in (FOLDER, "likelihoods/fermi_ratio/ratio.ecsv", "runs/gradient.toml", CODE):
        page.write(name, page.file(name))
    file, old, new, command = MISTAKES[mistake]
    content = page.file(file)
    if mistake == "class incomplete":
        new = content.replace("def chi2_profiled", "def profiled").replace("def simulate", "def draw")
        page.write(file, new)
    elif old:
        assert old in content
        page.write(file, content.replace(old, new))
    said = page.refused(command)
    for line in page.messages[mistake].splitlines():
        assert line in said.splitlines(), said


def test_every_message_of_the_page_is_tried(tutorial: Begin) -> None:
    assert set(tutorial(PAGE).messages) == set(MISTAKES)

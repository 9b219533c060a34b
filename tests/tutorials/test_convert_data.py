"""The page on one's own data: done to the letter, its numbers checked, its messages true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Begin = Callable[[str], Any]


pytestmark = pytest.mark.slow  # starts the command line three times


@pytest.fixture(scope="module")
def page(tutorial: Begin) -> Any:
    page = tutorial("convert_data.md")
    page.write("points.csv", page.file("points.csv"))
    page.output = [page.shell(body).stdout for name, body in page.blocks() if name == "sh"]
    return page


def test_the_page_shows_what_init_says(page: Any) -> None:
    assert page.output == [page.messages["what init says"]]


def test_intensities_are_fluxes_over_the_solid_angle(page: Any) -> None:
    table = page.table("mine/likelihoods/points/flux.ecsv")
    angle = np.radians(75.0) * 2.0 * np.sin(np.radians(5.0))
    given = np.array([1.84e-09, 3.74e-10, 2.97e-11, 5.7e-12])  # the last one is the limit, not the best fit
    np.testing.assert_allclose(table["intensity"].to("1 / (TeV cm2 s sr)").value, given / angle, rtol=1e-3)
    assert table["is_upper_limit"].tolist() == [False, False, False, True]
    assert table.meta["confidence_level"] == pytest.approx(0.9772)
    assert table.meta["status"] == "unpublished"


def test_what_the_page_says_of_refusals_is_true(page: Any) -> None:
    text = page.file("points.csv")
    page.write("energy_flux.csv", text.replace("dnde [TeV-1 cm-2 s-1],dnde_err,dnde_ul", "eflux [TeV cm-2 s-1],a,b"))
    rows = [line.split(",") for line in text.splitlines()]
    page.write("no_limits.csv", "\n".join(",".join(row[:5] + row[6:]) for row in rows) + "\n")
    for name in ("energy_flux.csv", "no_limits.csv"):
        said = page.refused(f"crsea-infer init other --from {name} --region lhaaso_inner --reference-index 2.7")
        assert said == page.messages["eflux" if name == "energy_flux.csv" else "no limits"]

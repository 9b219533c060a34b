"""Packaged tables hold the numbers that were compared with their sources, whether these are at hand or not."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest
from packaged_numbers import recorded, summed_up
from published_curves import published_curve

if TYPE_CHECKING:
    from pathlib import Path

TABLES = sorted({table for table, _ in recorded()})


@pytest.fixture(scope="module")
def found() -> dict[tuple[str, str], tuple[str, str, str, int, str, str, str]]:
    return summed_up()


def test_no_table_is_missing_or_new(found: dict[tuple[str, str], object]) -> None:
    assert sorted({table for table, _ in found}) == TABLES


@pytest.mark.parametrize("table", TABLES)
def test_a_table_holds_the_numbers_that_were_compared_with_its_source(
    table: str, found: dict[tuple[str, str], object]
) -> None:
    own = {key: row for key, row in found.items() if key[0] == table}
    kept = {key: row for key, row in recorded().items() if key[0] == table}
    assert own == kept, f"{table} was edited; compare it with its source, then: python tests/packaged_numbers.py"


SOURCES = {
    **{
        (messenger, f"gamma-optimized-{name}"): (
            "dragon_cosmic_ray_curves.csv",
            {"species": species, "model": f"gopt_{name.capitalize()}", "radius": "R8.x_local"},
            (700.0, np.inf),
        )
        for messenger, species in (("proton", "p"), ("helium", "He"))
        for name in ("min", "max")
    },
    **{
        ("gamma", f"{ours}-{name}"): (
            "dragon_hermes_gamma_curves.csv",
            {"model": f"{theirs}_{name.capitalize()}_abs"},
            (10.0, 5e5),
        )
        for ours, theirs in (("gamma-optimized", "gopt"), ("base", "base"))
        for name in ("min", "max")
    },
}


@pytest.mark.parametrize("curve", SOURCES, ids=" ".join)
def test_published_curves_are_those_that_were_read_off(curve: tuple[str, str], shared_data: Path) -> None:
    file, chosen, (low, high) = SOURCES[curve]
    with (shared_data / file).open() as stream:
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    rows = [row for row in rows if all(row[key] == value for key, value in chosen.items())]
    expected = sorted((float(r["E_GeV"]), float(r["E2p8_flux"])) for r in rows if low <= float(r["E_GeV"]) <= high)
    energies, values = published_curve(*curve)
    assert list(zip(energies.tolist(), values.tolist(), strict=True)) == expected

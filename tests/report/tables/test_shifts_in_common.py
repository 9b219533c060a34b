"""A run whose systematics are one shift says so, and what KM2A says of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from crsea_infer.report.tables.shifts_in_common import shift_words


def one(name: str, kind: str | None) -> Any:
    return (
        SimpleNamespace(name=name)
        if kind is None
        else SimpleNamespace(name=name, systematics=SimpleNamespace(kind=kind))
    )


def test_only_one_shift_is_told() -> None:
    assert shift_words([one("a", None), one("b", "diagonal"), one("c", "energy-correlated")]) == ""
    words = shift_words([one("a", "correlated"), one("b", "diagonal"), one("c", "correlated")])
    assert words.startswith("The systematic error of a and c is one shift of all points")
    assert "KM2A" not in words


def test_of_km2a_the_evidence_is_told() -> None:
    words = shift_words([one("lhaaso_km2a_outer", "correlated")])
    assert "That of LHAASO-KM2A says no" in words

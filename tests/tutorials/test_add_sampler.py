"""The tutorial on a sampler of another package: UltraNest, beside importance on the same data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytest.importorskip("ultranest")


@pytest.mark.slow
def test_ultranest_agrees_with_importance(tutorial: Callable[[str], Any]) -> None:
    page = tutorial("add_sampler.md")
    page.do()
    assert "ultranest (live_points = 200" in page.output[-1]
    assert "[ultranest]" not in page.output[-1]  # its own log
    evidence = page.table("results/knee/evidence.ecsv")
    assert set(evidence["status"]) == {"converged"}
    for hypothesis in ("straight", "knee"):
        rows = evidence[evidence["hypothesis"] == hypothesis]
        by = {row["sampler"]: row for row in rows}
        ours, theirs = by["importance"], by["ultranest"]
        error = float(np.hypot(ours["lnz_err"], theirs["lnz_err"]))
        assert 0.02 < error < 0.5
        assert abs(float(ours["lnz"] - theirs["lnz"])) < 3.0 * error
    cited = page.shell("crsea-infer cite knee").stdout
    assert "eprint = {2101.09604}" in cited
    assert "live_points" in page.shell("crsea-infer schema run").stdout
    # the same seed gives the same numbers, whatever was there before
    first = {row["hypothesis"]: float(row["lnz"]) for row in evidence if row["sampler"] == "ultranest"}
    again = page.file("runs/knee.toml").split("[samplers.importance]")[0].replace("straight =", "# straight =")
    page.write("runs/again.toml", again)
    assert page.shell("crsea-infer run again").returncode == 0
    (row,) = page.table("results/again/evidence.ecsv")
    assert float(row["lnz"]) == pytest.approx(first["knee"], abs=1e-9)

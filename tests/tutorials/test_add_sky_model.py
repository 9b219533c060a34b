"""The tutorial on a sky model of another package: a toy, on LHAASO's two regions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

BY_HAND = """\
import json

import numpy as np

from crsea_infer import emulator
from crsea_infer.emulator.sky_model import Request
from crsea_infer.plan.run_file import load_run

model = emulator.load(load_run("fading").emulator)
bound = model.bind([Request("gamma", (1e4, 1e5), "l=-30..30,b=-5..5")])
values = {"glow_norm": np.array([2.0, 2.0]), "glow_index": np.array([3.0, 2.0]), "glow_scale": np.array([1e4, 10.0])}
print(json.dumps(bound(values)[0].tolist()))
"""


READ_AGAIN = """\
import crsea_infer as cr

run = cr.open_run("results/fading")
print(type(run.model).__name__)
"""


@pytest.mark.slow
def test_a_toy_sky_fades_along_the_plane(tutorial: Callable[[str], Any]) -> None:
    page = tutorial("add_sky_model.md")
    page.do()
    assert "fades exponentially along the plane" in " ".join(page.output[-1].split())
    evidence = page.table("results/fading/evidence.ecsv")
    assert set(evidence["status"]) == {"converged"}
    (factor,) = page.table("results/fading/bayes_factors.ecsv")
    assert (factor["hypothesis_1"], factor["hypothesis_2"]) == ("fading", "flat")
    assert float(factor["ln_b"]) == pytest.approx(7.07, abs=0.15)  # decisive: the inner region is brighter
    page.write("by_hand.py", BY_HAND)
    told = page.shell("python by_hand.py")
    assert told.returncode == 0, told.stderr
    unfaded, faded = json.loads(told.stdout)
    # the mean of exp(-|l| / s) over |l| < w is (s / w) (1 - exp(-w / s)); the grid is one degree wide
    assert unfaded == pytest.approx([2.0 * 0.9985, 2e-3 * 0.9985], rel=1e-3)
    assert faded == pytest.approx([2.0 * 0.31674, 0.02 * 0.31674], rel=1e-3)
    page.write("read_again.py", READ_AGAIN)
    told = page.shell("python read_again.py")  # a finished run finds its own sky model again
    assert (told.returncode, told.stdout.split()) == (0, ["FadingSky"]), told.stderr
    said = page.refused("crsea-infer predict gamma-optimized-min --region lhaaso_inner --set glow_norm=1")
    assert "glow_norm" in said

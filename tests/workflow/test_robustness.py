"""An atlas of minutes made in seconds: what it leaves, that it resumes, and what it refuses."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy.table import Table

from crsea_infer.inference.samplers.importance import ImportanceOptions
from crsea_infer.inference.samplers.sampler import CONVERGED
from crsea_infer.inference.samplers.warm_start import WarmStart
from crsea_infer.plan.choices import load_choices
from crsea_infer.plan.run_file import load_run
from crsea_infer.support.errors import UserError
from crsea_infer.workflow.listening import Quiet
from crsea_infer.workflow.robustness import robustness

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from crsea_infer.report.tables.robustness_tables import AtlasReport

pytestmark = pytest.mark.slow

RUN = """
title = "Quick & dirty <test>"
likelihoods = ["lhaaso_km2a_inner"]
seed = 3
[hypotheses]
min-alone = ["base", "min"]
max-alone = ["base", "max"]
[samplers.importance]
"""
LIST = """
title = "Test"
[axes.errors]
title = "Errors"
shipped = "one shift"
[axes.errors.options.independent]
title = "independent points"
why = "w"
[[axes.errors.options.independent.data]]
match = ["lhaaso_*"]
keys = { systematics = "diagonal" }
[axes.errors.options.elsewhere]
title = "of another experiment"
why = "w"
[[axes.errors.options.elsewhere.data]]
match = ["fermi_*"]
keys = { systematics = "diagonal" }
[axes.widths]
title = "Widths"
shipped = "as published"
[axes.widths.options.max]
title = "Max <as> Min"
why = "w & w"
widths = [{ parameters = ["proton_slope_2", "helium_slope_2"], prior_set = "max", factor = 2.5 }]
[axes.useless]
title = "Useless"
shipped = "no gas"
[axes.useless.options.leptons]
title = "a parameter of no use"
why = "w"
with_prior_sets = ["nothing"]
"""
USELESS = """
title = "Nothing"
description = "d"
references = []
[parameters.of_no_use]
fiducial = 1.0
label = "x"
description = "d"
source = "s"
distribution = { kind = "uniform", lower = 0.0, upper = 2.0 }
"""
HOW = WarmStart(
    goal=0.1,
    most_draws=8000,
    least_effective=100.0,
    walkers=64,
    steps=40,
    components=4,
    rounds=2,
    importance=ImportanceOptions(
        scouts=0, walkers=64, steps=100, components=4, draws=4000, least_effective=100.0, rounds=4
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("atlas")
    (folder / "quick.toml").write_text(RUN)
    (folder / "list.toml").write_text(LIST.replace("nothing", str(folder / "nothing.toml")))
    (folder / "nothing.toml").write_text(USELESS)
    return folder


class Stopping(Quiet):
    """Interrupts when so many evidences are found."""

    def __init__(self, after: int) -> None:
        object.__setattr__(self, "after", after)

    def counting(self, _what: str, /) -> AbstractContextManager[Callable[[int, int], None]]:
        def count(done: int, _total: int) -> None:
            if done >= self.after:  # type: ignore[attr-defined]
                raise KeyboardInterrupt

        return nullcontext(count)


def make(folder: Path, output: Path, **more: object) -> AtlasReport:
    run, choices = load_run(folder / "quick.toml"), load_choices(folder / "list.toml")
    return robustness(run, choices, output, how=HOW, **{"workers": 0, **more})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def atlas(folder: Path) -> Path:
    with pytest.raises(KeyboardInterrupt):
        make(folder, folder / "out", listener=Stopping(3))
    assert len(list((folder / "out" / "evidences").glob("*.h5"))) == 3
    assert not (folder / "out" / "evidence.ecsv").exists()
    make(folder, folder / "out")
    return folder / "out"


def test_tables_say_all(atlas: Path) -> None:
    evidences = Table.read(atlas / "evidence.ecsv")
    assert len(evidences) == 2 * 4
    assert set(evidences["status"]) == {CONVERGED}
    assert float(np.sum(evidences["weight"])) == pytest.approx(2.0)
    same = [row for row in evidences if row["same_as"]]
    assert {(str(row["hypothesis"]), str(row["choice"]), str(row["same_as"])) for row in same} == {
        ("min-alone", "widths=max", "shipped"),
        ("min-alone", "errors=independent + widths=max", "errors=independent"),
    }
    choices = Table.read(atlas / "choices.ecsv")
    assert list(choices["choice"]) == [
        *("shipped", "errors=independent", "widths=max"),
        "errors=independent + widths=max",
    ]
    factors = Table.read(atlas / "bayes_factors.ecsv")
    (row,) = factors
    assert row["ln_b"] == choices["ln_b"][0]
    assert row["ln_b_low"] == min(choices["ln_b"])
    assert row["ln_b_high"] == max(choices["ln_b"])
    lnz = {name: evidences[evidences["hypothesis"] == name] for name in ("min-alone", "max-alone")}
    mean = [np.log(np.sum(table["weight"] * np.exp(table["lnz"] - 300.0))) for table in lnz.values()]
    assert row["ln_b_averaged"] == pytest.approx(mean[0] - mean[1])
    assert row["ln_b_low"] <= row["ln_b_averaged"] <= row["ln_b_high"]
    assert "depends on choices" in row["verdict"] or "whatever the choices" in row["verdict"]


def test_warm_starts_agree_with_importance_sampling(atlas: Path, folder: Path) -> None:
    from crsea_infer.emulator import load
    from crsea_infer.inference.posterior import posterior_for
    from crsea_infer.inference.samplers.importance import Importance
    from crsea_infer.inference.samplers.sampler import no_progress
    from crsea_infer.plan.choices import Changes
    from crsea_infer.support.checkpoint import Checkpoint

    evidences = Table.read(atlas / "evidence.ecsv")
    changes = Changes(load_run(folder / "quick.toml"), load_choices(folder / "list.toml"))
    run = changes.run((("errors", "independent"), ("widths", "max")))
    hypothesis = run.hypotheses[1]
    posterior = posterior_for(hypothesis, run.likelihoods, load())
    own = Importance(ImportanceOptions(scouts=0, draws=8000)).run(
        posterior, np.random.SeedSequence(5), Checkpoint(None), no_progress
    )
    assert own.evidence is not None
    where = (evidences["hypothesis"] == "max-alone") & (evidences["choice"] == "errors=independent + widths=max")
    (row,) = evidences[where]
    assert row["method"] in {"warm start", "reweighting"}
    assert abs(row["lnz"] - own.evidence.lnz) < 4.0 * math.hypot(row["lnz_err"], own.evidence.lnz_err)


def test_page_and_figure_are_there_and_say_what_was_left_out(atlas: Path) -> None:
    page = (atlas / "index.html").read_text()
    assert "Max &lt;as&gt; Min" in page
    assert "of another experiment: it changes nothing here" in page
    assert "a parameter of no use" in page
    assert (atlas / "figures" / "tornado.png").stat().st_size > 10_000
    assert (atlas / "figures" / "tornado.pdf").exists()


def test_an_interrupted_atlas_ends_with_the_numbers_of_an_unbroken_one(atlas: Path, folder: Path) -> None:
    make(folder, folder / "unbroken", workers=2)
    for name in ("lnz", "lnz_err", "n_calls"):
        one, other = (Table.read(where / "evidence.ecsv")[name] for where in (atlas, folder / "unbroken"))
        assert np.array_equal(one, other)


def test_another_run_is_refused_and_a_run_keeps_its_directory(atlas: Path, folder: Path) -> None:
    with pytest.raises(UserError, match="atlas of another run"):
        make(folder, atlas, seed=9)
    from crsea_infer.workflow.comparison import compare
    from crsea_infer.workflow.run_directory import RunDirectory

    with pytest.raises(UserError, match="robustness"):
        compare([atlas])
    assert RunDirectory(atlas).results()
    from crsea_infer.workflow.runs import execute

    with pytest.raises(UserError):
        execute(load_run(folder / "quick.toml"), atlas, workers=0)


def test_the_directory_of_another_run_is_refused(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "run.toml").write_text('[identity]\nrun = "x"\ndata = "y"\n')
    with pytest.raises(UserError, match="holds another run: the data tables"):
        make(folder, folder / "other")


def test_a_list_of_which_nothing_applies_is_refused(folder: Path) -> None:
    head, _, rest = LIST.partition("[axes.errors.options.independent]")
    other = rest[rest.index("[axes.errors.options.elsewhere]") : rest.index("[axes.widths]")]
    (folder / "none.toml").write_text(head + other)
    with pytest.raises(UserError, match="no option applies"):
        robustness(load_run(folder / "quick.toml"), load_choices(folder / "none.toml"), folder / "none", how=HOW)

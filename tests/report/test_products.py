"""Products of a finished run: what fails leaves the rest made, whatever the environment wants of matplotlib."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from crsea_infer.cli.console import ConsoleListener
from crsea_infer.plan.run_file import load_run
from crsea_infer.report.figures import corner_figures, data_set_pulls, prior_sensitivity_figures, spectrum_figures
from crsea_infer.report.layout.attempts import attempts, reason
from crsea_infer.report.layout.style import new_figure
from crsea_infer.report.products import IncompleteError
from crsea_infer.report.tables import leave_one_out
from crsea_infer.workflow import runs

if TYPE_CHECKING:
    from pathlib import Path

DRAW = """
import os, sys
from pathlib import Path
from crsea_infer.report.layout.style import new_figure, save, styled
from crsea_infer.report.layout.arviz_versions import psis_loo
import numpy as np
wanted = os.environ.get("MPLBACKEND")
numbers = np.random.default_rng(1).normal(size=(400, 2))
with styled():
    figure = new_figure(3.0, 3.0)
    from corner import hist2d
    hist2d(numbers[:, 0], numbers[:, 1], ax=figure.add_subplot())
    save(figure, Path(), "figure")
assert np.isfinite(psis_loo(numbers, 1.0).elpd).all()
assert os.environ.get("MPLBACKEND") == wanted
pyplot = sys.modules.get("matplotlib.pyplot")
assert pyplot is None or not pyplot.get_fignums()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "backend", ["module://matplotlib_inline.backend_inline", "module://nowhere.backend", "Qt4Agg", "qtagg", "", None]
)
def test_figures_are_drawn_whatever_backend_and_settings_the_environment_has(
    backend: str | None, tmp_path: Path
) -> None:
    (tmp_path / "matplotlibrc").write_text("no setting : : :\nbackend: none such\nfont.size: -very\n")
    environment = {key: value for key, value in os.environ.items() if key not in {"MPLBACKEND", "DISPLAY"}}
    if backend is not None:
        environment["MPLBACKEND"] = backend
    done = subprocess.run(
        [sys.executable, "-c", DRAW], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "figure.pdf").stat().st_size > 1000


def test_the_backend_of_a_notebook_stays_as_it_is() -> None:
    code = (
        "import matplotlib, matplotlib.pyplot as plt\n"
        "matplotlib.use('svg'); figure = plt.figure(); plt.rcParams['font.size'] = 17\n"
        "from crsea_infer.report.layout.style import new_figure, styled\n"
        "with styled(): new_figure(1.0, 1.0)\n"
        "assert matplotlib.get_backend() == 'svg' and plt.get_fignums() == [figure.number]\n"
        "assert plt.gcf() is figure and plt.rcParams['font.size'] == 17\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def without(out: Path, *patterns: str) -> None:
    for pattern in patterns:
        found = list(out.glob(pattern))
        assert found
        for path in found:
            path.unlink()


@pytest.mark.slow
def test_what_fails_leaves_the_rest_made_and_is_said(
    own_copy: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = own_copy
    without(out, "figures/spectr*", "figures/corner_*", "loo.ecsv", "figures/pulls.p*", "index.html")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of\ncolours")

    spectrum = spectrum_figures._draw_pulls

    def fail_once(axes: object, likelihood: object, summary: object) -> None:
        if getattr(likelihood, "name", "") == "lhaaso_km2a_outer":
            fail()
        spectrum(axes, likelihood, summary)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(leave_one_out, "psis_loo", fail)
        patch.setattr(data_set_pulls, "draw_pulls", fail)
        patch.setattr(spectrum_figures, "_draw_pulls", fail_once)
        patch.setattr(corner_figures, "draw_corner", fail)
        with pytest.raises(IncompleteError, match="finished, but incomplete") as caught:
            runs.execute(load_run(path), out, workers=1, accept_unconverged=True, listener=ConsoleListener())
    output = " ".join(capsys.readouterr().out.split())
    for missing in (
        "loo.ecsv",
        "figures/pulls.pdf",
        "figures/spectrum_lhaaso_km2a_outer.pdf",
        "figures/spectra.png",
    ):
        assert missing in caught.value.given
        assert not (out / missing).exists()
    assert output.count("cannot be made: RuntimeError: out of colours") == 4
    assert (out / "figures" / "spectrum_lhaaso_km2a_inner.pdf").exists()
    for made in ("evidence.ecsv", "data_sets.ecsv", "pulls.ecsv", "gamma-optimized-min/posterior.nc"):
        assert (out / made).exists()
    page = (out / "index.html").read_text()
    assert "loo.ecsv cannot be made: RuntimeError: out of colours" in page
    assert "figures/spectra.png" not in page.replace("figures/spectra.png cannot", "").split("<h2", 1)[1]
    with monkeypatch.context() as patch:  # corners take long, and other tests look at them
        patch.setattr(corner_figures, "draw_corner", lambda *_, **__: new_figure(1.0, 1.0))
        runs.execute(load_run(path), out, workers=1, accept_unconverged=True)
    assert (out / "loo.ecsv").exists()
    assert (out / "figures" / "spectra.png").exists()
    assert "cannot be made" not in (out / "index.html").read_text()


def test_a_section_that_cannot_be_written_leaves_the_page(
    own_copy: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = own_copy

    def fail(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(prior_sensitivity_figures, "_caption", lambda **_: fail())
    with pytest.raises(IncompleteError, match=r"the section of prior_sensitivity.ecsv.* on the page .*: ValueError"):
        runs.execute(load_run(path), out, accept_unconverged=True)
    assert '<h2 id="exact-check">Exact check</h2>' in (out / "index.html").read_text()


@pytest.mark.slow
def test_without_docstrings_all_but_what_a_library_cannot_do_is_made(own_copy: tuple[Path, Path]) -> None:
    path, out = own_copy
    without(out, "loo.ecsv", "figures/pulls.p*", "index.html", "gamma-optimized-max/posterior.nc")
    command = [sys.executable, "-OO", "-m", "crsea_infer.cli.main", "run", str(path), "--output", str(out)]
    done = subprocess.run([*command, "--accept-unconverged"], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stdout + done.stderr
    assert (out / "index.html").exists()
    assert (out / "figures" / "pulls.pdf").exists()
    assert (out / "gamma-optimized-max" / "posterior.nc").exists()
    if (out / "loo.ecsv").exists():  # an ArviZ that does without docstrings
        assert done.returncode == 0
    else:
        assert done.returncode == 1
        assert done.stderr.count("loo.ecsv cannot be made") == 1
    runs.execute(load_run(path), out, accept_unconverged=True)
    assert (out / "loo.ecsv").exists()


def test_attempts_raise_the_first_error_after_the_last_attempt() -> None:
    made = []

    def make() -> None:
        with attempts() as attempt:
            for number in (1, 0, 2):
                with attempt():
                    made.append(1 // number)
            with attempt():
                raise KeyError("later")

    with pytest.raises(ZeroDivisionError):
        make()
    assert made == [1, 0]
    assert reason(KeyError("a\n b")) == "KeyError: 'a\\n b'"
    assert reason(RuntimeError()) == "RuntimeError"

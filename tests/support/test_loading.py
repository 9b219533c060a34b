"""Files of settings in the current directory, or named by the environment, stop no import and change no number."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pytest

from crsea_infer.report.layout.arviz_versions import psis_loo
from crsea_infer.support import loading

if TYPE_CHECKING:
    from collections.abc import Callable

ODD: dict[str, Callable[[Path], object]] = {
    "bytes that are no text": lambda path: path.write_bytes(b"figure.titlesize: \xff\xfe\n"),
    "a pipe": os.mkfifo,
    "a broken link": lambda path: path.symlink_to(path.with_name("nowhere")),
    "a folder": Path.mkdir,
}
PLAIN: dict[str, Callable[[Path], object]] = {"settings": lambda path: path.write_text("figure.dpi: 50\n")}
ALL = """
import warnings
warnings.simplefilter("ignore")
from crsea_infer.support.loading import load_arviz, load_healpy, load_matplotlib
from crsea_infer.report.layout.style import new_figure, styled
assert load_matplotlib().rcParams["axes.linewidth"] == 0.8
assert load_healpy().nside2npix(2) == 48
assert load_arviz().rcParams["stats.ic_scale"] == "log"
with styled():
    new_figure(1.0, 1.0)
"""


def _found(*, unreadable_only: bool = True) -> tuple[str, str | None]:
    """Return the files of settings that the libraries would read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loading.load_arviz()
    from arviz.rcparams import get_arviz_rcfile

    with loading._hiding(unreadable_only=unreadable_only):
        return mpl.matplotlib_fname(), get_arviz_rcfile()


@pytest.mark.parametrize("kind", [*ODD, *PLAIN])
@pytest.mark.parametrize("how", ["here", "named", "in a folder that is named"])
def test_settings_that_are_no_text_are_passed_over(
    kind: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("arviz.rcparams")
    monkeypatch.chdir(tmp_path)
    name = "mine.txt" if how == "named" else "matplotlibrc"
    make = {**ODD, **PLAIN}[kind]
    make(tmp_path / name)
    if how == "here":
        make(tmp_path / "arvizrc")
    else:
        where = tmp_path / name if how == "named" else tmp_path
        monkeypatch.setenv("MATPLOTLIBRC", str(where))
        monkeypatch.setenv("ARVIZ_DATA", str(tmp_path))
    settings, of_arviz = _found()
    good = kind in PLAIN
    assert (Path(settings).resolve() == (tmp_path / name).resolve()) == good
    assert (of_arviz == str(tmp_path / "arvizrc")) == (good and how == "here")
    settings, of_arviz = _found(unreadable_only=False)
    assert "mpl-data" in settings
    assert of_arviz is None
    assert os.path.exists(tmp_path)  # noqa: PTH110 -- it is what was replaced meanwhile


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "of_arviz"),
    [
        (b"axes.linewidth: \xff\n", b"\xff\n"),
        (b"nonsense\naxes.linewidth: abc\n\x1b[31m: 3\n", b"nonsense\nstats.ic_scale: nonsense\n"),
    ],
    ids=["no text", "nonsense"],
)
def test_libraries_are_loaded_beside_any_settings(settings: bytes, of_arviz: bytes, tmp_path: Path) -> None:
    pytest.importorskip("arviz.rcparams")
    (tmp_path / "matplotlibrc").write_bytes(settings)
    (tmp_path / "arvizrc").write_bytes(of_arviz)
    environment = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
    ended = subprocess.run(
        [sys.executable, "-c", ALL],
        cwd=tmp_path,
        env={**environment, "MPLBACKEND": "nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr


def test_the_scale_of_leave_one_out_is_no_setting_of_the_user() -> None:
    """A file arvizrc with `stats.ic_scale: deviance` gave elpd times -2."""
    log_likelihood = -0.5 * np.random.default_rng(1).normal(size=(400, 3)) ** 2
    expected = psis_loo(log_likelihood, 1.0)
    import arviz

    if not hasattr(arviz, "rc_context"):
        pytest.skip("this ArviZ has one scale")
    with arviz.rc_context({"stats.ic_scale": "deviance"}):
        found = psis_loo(log_likelihood, 1.0)
    assert np.array_equal(found.elpd, expected.elpd)

"""Runs that are killed, interrupted or started twice: nothing is lost, nothing is left behind, nothing is mixed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from quick_run import evidences, living, numbers_alone, write_run

from crsea_infer.plan.run_file import load_run
from crsea_infer.support.errors import UserError
from crsea_infer.workflow import runs

if TYPE_CHECKING:
    from pathlib import Path


def start(path: Path, out: Path) -> subprocess.Popen[bytes]:
    # what starts the tests may ignore SIGINT (a shell does for what it runs in the background), and children inherit it
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from crsea_infer.cli.main import main\n"
        f"if __name__ == '__main__': sys.exit(main(['run', {str(path)!r}, '--output', {str(out)!r}]))"
    )
    script = path.with_name("start.py")
    script.write_text(code)
    return subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


def wait_for(condition: Path, process: subprocess.Popen[bytes], pattern: str) -> None:
    limit = time.monotonic() + 60.0
    while not list(condition.glob(pattern)) and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)


@pytest.mark.slow
def test_kill_minus_nine_and_resume_gives_the_numbers_of_an_unbroken_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers_alone(monkeypatch)
    path = write_run(tmp_path, subruns=3, walks=20)
    for pattern in ("*/*.checkpoint.h5", "*/dynesty.h5"):
        process = start(path, tmp_path / "broken")
        wait_for(tmp_path / "broken", process, pattern)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    runs.execute(load_run(path), tmp_path / "broken", accept_unconverged=True)
    runs.execute(load_run(path), tmp_path / "whole", workers=1, accept_unconverged=True)
    assert evidences(tmp_path / "broken") == evidences(tmp_path / "whole")
    for name in ("posterior.nc", "posterior_emcee.nc"):
        import xarray

        one, other = (
            xarray.load_dataset(tmp_path / run / "gamma-optimized-max" / name, group="posterior", engine="h5netcdf")
            for run in ("broken", "whole")
        )
        xarray.testing.assert_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_exits_130_and_leaves_no_process(number: signal.Signals, tmp_path: Path) -> None:
    path = write_run(tmp_path, subruns=8, walks=100)
    process = start(path, tmp_path / "out")
    wait_for(tmp_path / "out", process, "*/*.checkpoint.h5")
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in output
    assert list((tmp_path / "out").glob("*/*.checkpoint.h5"))
    limit = time.monotonic() + 10.0
    while living(process.pid) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not living(process.pid)


@pytest.mark.slow
def test_a_second_run_on_the_directory_is_turned_away(tmp_path: Path) -> None:
    path = write_run(tmp_path, subruns=8, walks=100)
    process = start(path, tmp_path / "out")
    wait_for(tmp_path / "out", process, "run.toml")
    with pytest.raises(UserError, match="another run is at work"):
        runs.execute(load_run(path), tmp_path / "out")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()

"""Checkpoints: whole, one's own, or refused with the reason."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.support.checkpoint import Checkpoint, differences, lock
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY = {"run": "aa", "data": "bb", "model": "cc", "version": "0.1.0", "seed": "1", "task": "min dynesty"}


def contents() -> dict[str, object]:
    return {
        "0/points": np.random.default_rng(1).normal(size=(200, 3)),
        "states": np.arange(624, dtype=np.uint32),
        "plain": {"steps": 5, "taus": [1.5, None]},
    }


def test_what_is_saved_is_loaded_bit_by_bit(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "c.h5", IDENTITY)
    assert checkpoint.load() == {}
    checkpoint.save(contents())
    loaded = checkpoint.load()
    assert loaded["plain"] == contents()["plain"]
    for name in ("0/points", "states"):
        assert np.array_equal(loaded[name], contents()[name])
        assert loaded[name].dtype == contents()[name].dtype  # type: ignore[attr-defined]
    assert [path.name for path in tmp_path.iterdir()] == ["c.h5"]


@pytest.mark.parametrize("key", sorted(IDENTITY))
def test_a_checkpoint_of_something_else_is_refused_with_the_reason(key: str, tmp_path: Path) -> None:
    path = tmp_path / "c.h5"
    Checkpoint(path, IDENTITY).save(contents())
    before = path.read_bytes()
    with pytest.raises(UserError, match="belongs to something else") as caught:
        Checkpoint(path, IDENTITY | {key: "other"}).load()
    assert f"there {IDENTITY[key]}, here other" in str(caught.value)
    assert "--fresh" in caught.value.fix
    assert "--output" in caught.value.fix
    assert path.read_bytes() == before


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_checkpoint_is_refused(share: float, tmp_path: Path) -> None:
    path = tmp_path / "c.h5"
    Checkpoint(path, IDENTITY).save(contents())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match="damaged or truncated"):
        Checkpoint(path, IDENTITY).load()


def test_a_flipped_byte_in_the_data_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "c.h5"
    arrays = contents()
    Checkpoint(path, IDENTITY).save(arrays)
    whole = bytearray(path.read_bytes())
    where = whole.find(np.asarray(arrays["0/points"]).tobytes()[:64])
    assert where > 0
    whole[where + 10] ^= 0xFF
    path.write_bytes(bytes(whole))
    with pytest.raises(UserError, match="damaged"):
        Checkpoint(path, IDENTITY).load()


def test_a_changed_digit_in_an_evidence_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "c.h5"
    Checkpoint(path, IDENTITY).save({**contents(), "plain": {"lnz": 613.127}})
    whole = path.read_bytes()
    assert whole.count(b"613.127") == 1
    path.write_bytes(whole.replace(b"613.127", b"693.127"))
    with pytest.raises(UserError, match="not what was written"):
        Checkpoint(path, IDENTITY).load()


def test_offers_are_taken_at_most_every_few_seconds(tmp_path: Path) -> None:
    now = [0.0]
    checkpoint = Checkpoint(tmp_path / "c.h5", IDENTITY, interval=5.0, clock=lambda: now[0])
    assert not checkpoint.offer(contents)
    now[0] = 5.1
    assert checkpoint.offer(contents)
    now[0] = 9.0
    assert not checkpoint.offer(contents)


def test_a_full_or_absent_disk_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot write"):
        Checkpoint(tmp_path / "absent" / "c.h5", IDENTITY).save(contents())


def test_differences_name_every_key() -> None:
    assert differences(IDENTITY, IDENTITY) == ""
    assert "the seed: there 1, here 2" in differences(IDENTITY, IDENTITY | {"seed": "2"})
    assert "None" in differences({}, {"seed": "2"})


def test_two_runs_cannot_share_a_directory(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from crsea_infer.support.checkpoint import lock\n"
        f"with lock(Path({str(tmp_path)!r})): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match="another run is at work"), lock(tmp_path):
            pass
        other.kill()
    with lock(tmp_path):  # the lock died with its process
        pass


def test_a_lock_changes_no_file_that_was_there(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("mine")
    with lock(tmp_path):
        pass
    assert (tmp_path / ".lock").read_text() == "mine"

"""What an atlas takes over from a finished run beside it: only numbers that answer its own question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trained_run import TRAINED

from crsea_infer.inference.samplers.importance import ImportanceOptions
from crsea_infer.inference.samplers.warm_start import WarmStart
from crsea_infer.plan.run_file import load_run
from crsea_infer.workflow.shipped_evidence import of_finished_run

if TYPE_CHECKING:
    from pathlib import Path


def test_the_evidence_of_all_data_is_not_taken_for_the_conditional_one(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(TRAINED + "[samplers.importance]\n[samplers.bridge]\n")
    run = load_run(tmp_path / "run.toml")
    how = WarmStart(importance=ImportanceOptions())
    assert how.importance == run.samplers["importance"]
    assert of_finished_run(run, tmp_path, {}, {}, how) == {}  # without looking at any posterior

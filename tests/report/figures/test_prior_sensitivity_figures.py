"""What is said of prior widths, and where nothing can be said of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from crsea_infer.plan.subsets import ALL, TRAINING
from crsea_infer.report.figures.prior_sensitivity_figures import FILES, files


def summary(**trained: bool) -> Any:
    """A run of hypotheses, trained or not, of which the sampler leaves no samples of the training set."""
    none, some = SimpleNamespace(results={}), SimpleNamespace(results={"bridge": object()})
    items = [
        SimpleNamespace(
            name=name,
            posterior=SimpleNamespace(names=("proton_norm",)),
            samplings={ALL: some, TRAINING: none} if is_trained else {ALL: some},
        )
        for name, is_trained in trained.items()
    ]
    return SimpleNamespace(hypotheses=items, run=SimpleNamespace(sensitivity_parameters=("proton_norm",)))


def test_without_samples_of_any_training_set_nothing_is_drawn() -> None:
    assert files(summary(one=True, other=True)) == []


def test_with_a_hypothesis_that_can_be_reweighted_it_is() -> None:
    assert set(FILES) < set(files(summary(one=True, other=False)))

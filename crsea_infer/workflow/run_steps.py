"""The steps of a run and how long they take, roughly, for who shows how far the whole is.

A step is a sampling, a run beside, or a product (a table, a figure, a check). The seconds are those of a machine of
today for two hypotheses; they only share the whole among steps that have not begun, since those that have tell their
own pace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crsea_infer.inference.samplers.registry import sampler_class
from crsea_infer.report.products import PRODUCTS
from crsea_infer.support.local import available_cores
from crsea_infer.support.time_left import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crsea_infer.plan.run_file import RunFile
    from crsea_infer.plan.tasks import Task

__all__ = ["product_steps", "run_seconds", "run_steps", "worker_count"]

_MOST_WORKERS: Final = 8
_DURATION: Final = 40.0
"""Seconds of a sampler whose duration is 1."""


def run_steps(tasks: Sequence[Task], workers: int | None, beside: Iterable[RunFile] | None = None) -> list[Step]:
    """Return what the work on one run or several consists of, in its order.

    Parameters
    ----------
    tasks
        Samplings, done or not.
    workers
        Processes that sample, if that was asked for.
    beside
        Runs beside it. With these come the products; None: samplings alone.
    """
    left = sum(not task.result_path.exists() for task in tasks)
    steps = [Step(_seconds(task.sampler), max(worker_count(left, workers), 1)) for task in tasks]
    if beside is None:
        return steps
    return [*steps, *(Step(run_seconds(one)) for one in beside), *product_steps()]


def product_steps() -> list[Step]:
    """Return the steps of what is made of a run that is sampled."""
    return [Step(product.seconds) for product in PRODUCTS]


def run_seconds(run: RunFile) -> float:
    """Return how long a run takes, roughly: enough to share the time of several among them."""
    each = sum(_seconds(name) for name in run.samplers)
    samplings = each * sum(len(run.samplings(one.name)) for one in run.hypotheses)
    return samplings / worker_count(_MOST_WORKERS, None) + sum(product.seconds for product in PRODUCTS)


def worker_count(n_tasks: int, workers: int | None) -> int:
    """Return how many processes do some tasks: one per core and task, at most 8, unless a number was asked for."""
    return min(n_tasks, available_cores(), _MOST_WORKERS) if workers is None else workers


def _seconds(sampler: str) -> float:
    return _DURATION * sampler_class(sampler).duration

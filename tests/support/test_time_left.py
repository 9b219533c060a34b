"""Time left: from what was expected, then from what is seen."""

from __future__ import annotations

from itertools import pairwise

import pytest

from crsea_infer.support.time_left import Forecast, Step, duration_words


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_before_anything_is_seen_the_expected_times_count() -> None:
    forecast = Forecast([Step(10.0, 2), Step(10.0, 2), Step(4.0), Step(6.0)], Clock())
    assert forecast.left == pytest.approx(10.0 + 10.0)  # two samplings side by side, then figures and checks
    assert forecast.fraction == 0.0


def test_what_is_slower_than_expected_makes_the_rest_longer() -> None:
    clock = Clock()
    forecast = Forecast([Step(10.0), Step(10.0)], clock)
    forecast.update(0, 0.0)
    clock.now += 15.0
    forecast.update(0, 0.5)  # 30 s instead of 10
    assert forecast.left == pytest.approx(15.0 + 30.0)
    assert forecast.fraction == pytest.approx(15.0 / 60.0)


def test_the_longest_of_those_side_by_side_counts() -> None:
    clock = Clock()
    forecast = Forecast([Step(10.0, 4), Step(10.0, 4)], clock)
    for index in (0, 1):
        forecast.update(index, 0.0)
    clock.now += 10.0
    forecast.update(0, 0.9)
    forecast.update(1, 0.5)
    assert forecast.left == pytest.approx(10.0)


def test_steps_that_were_done_before_are_left_out() -> None:
    clock = Clock()
    forecast = Forecast([Step(100.0), Step(5.0)], clock)
    forecast.update(0, 1.0)
    assert forecast.left == pytest.approx(5.0)
    forecast.update(1, 0.0)
    clock.now += 5.0
    forecast.update(1, 1.0)
    assert (forecast.left, forecast.fraction, forecast.n_ended) == (0.0, 1.0, 2)


def test_a_step_that_tells_nothing_nears_its_end() -> None:
    clock = Clock()
    forecast = Forecast([Step(10.0)], clock)
    forecast.update(0, 0.0)
    seen = []
    for _ in range(5):
        clock.now += 4.0
        seen.append(forecast.fraction)
    assert all(early < late for early, late in pairwise(seen[:3]))
    assert seen[-1] < 1.0
    assert forecast.left > 0.0


def test_durations_are_read_in_words() -> None:
    assert [duration_words(one) for one in (0.4, 59.6, 3599.0, 7260.0)] == [
        "0 s",
        "1 min 00 s",
        "59 min 59 s",
        "2 h 01 min",
    ]

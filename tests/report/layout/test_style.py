"""Numbers of logarithmic axes: plain, and apart from each other whatever the range."""

from __future__ import annotations

from itertools import pairwise

import pytest

from crsea_infer.report.layout.style import new_figure, plain_log_ticks, styled


@pytest.mark.parametrize(("low", "high"), [(0.22, 3.2), (80.0, 1300.0), (7.0, 1300.0), (3e-3, 0.19), (900.0, 1500.0)])
def test_numbers_of_an_axis_are_plain_and_do_not_touch(low: float, high: float) -> None:
    with styled():
        figure = new_figure(2.3, 2.0)
        axes = figure.add_subplot()
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        plain_log_ticks(axes.xaxis, 0)
        figure.canvas.draw()
        shown = [one for one in axes.get_xticklabels() if low <= one.get_position()[0] <= high]
        boxes = [one.get_window_extent() for one in shown]
    assert len(shown) >= 2
    assert [float(one.get_text()) for one in shown] == pytest.approx([one.get_position()[0] for one in shown])
    assert not any("e" in one.get_text() for one in shown)
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    assert not any(one.get_text() for one in axes.get_xticklabels(minor=True))

"""A figure looks alike wherever it is written from."""

from __future__ import annotations

from io import BytesIO

import matplotlib as mpl
import numpy as np
from matplotlib.image import imread

from crsea_infer.report.layout.style import new_figure, styled


def test_a_figure_saved_by_its_user_keeps_the_style_it_was_made_in() -> None:
    with styled():
        figure = new_figure(2.0, 1.0)
        figure.text(0.1, 0.5, "energy 100")
    pictures = []
    for family in ("serif", "monospace"):
        with mpl.rc_context({"font.family": family, "font.serif": ["DejaVu Serif"]}):
            figure.savefig(stream := BytesIO(), format="png", dpi=100)
        stream.seek(0)
        pictures.append(imread(stream))
    with styled():
        figure.savefig(stream := BytesIO(), format="png", dpi=100)
    stream.seek(0)
    assert np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[0], imread(stream))

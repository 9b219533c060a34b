"""Figures drawn in other processes: the same bytes, failures by name, and nothing lost with a process."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pictures_for_tests
import pytest

from crsea_infer.report import products
from crsea_infer.report.figures import component_figures, corner_figures, drawing
from crsea_infer.report.figures.drawing import Picture, draw_pictures, drawn_beside
from crsea_infer.report.results.plain_run import PlainRun, plain_run

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.report.results.summary import RunSummary

BOTH = (".pdf", ".png")


def picture(name: str) -> Picture:
    return Picture(pictures_for_tests.figures, name, BOTH, 20.0)


@pytest.fixture
def few() -> PlainRun:
    """A run of which figures know next to nothing."""
    return PlainRun((), (), (), {}, frozenset({"delta_sun", "halo_height"}))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_figure_that_fails_in_another_process_is_said_by_name_and_the_others_are_drawn(
    few: PlainRun, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    pictures = [picture("bad"), picture("good")]
    with drawn_beside(pictures, few, there, 2) as wait:
        assert wait is not None
        assert wait() == {"bad": "RuntimeError: out of colours", "good": None}
    draw_pictures(pictures, few, here)
    assert set(files(here)) == {"good.pdf", "good.png"}
    assert files(there) == files(here)


@pytest.mark.slow
def test_what_a_process_dies_of_is_drawn_here_and_what_fails_twice_is_missing(
    nested_run: RunSummary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(pictures_for_tests.PARENT, str(os.getpid()))
    names = ["figures/deadly.png", "figures/bad.pdf", "figures/good.pdf", "figures/good.png"]
    product = products.Product("made up", "Drawing", lambda _: names, figures=pictures_for_tests.figures)
    monkeypatch.setattr(products, "PRODUCTS", (replace(product, seconds_each=10.0),))
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "bad.pdf").touch()
    told: list[str] = []
    reached: list[tuple[int, float]] = []
    missing = products.write_products(tmp_path, nested_run, told.append, lambda *how: reached.append(how), 2)
    assert missing == ["figures/bad.pdf cannot be made: RuntimeError: out of colours"]
    assert told == ["Drawing ...", *missing]
    assert reached == [(0, 0.0), (0, 1.0)]
    assert set(files(tmp_path / "figures")) == {"deadly.png", "good.pdf", "good.png"}
    assert len((tmp_path / "files.sha256").read_text().splitlines()) == 3


def test_an_interrupt_ends_the_processes_and_leaves_no_half_figure(few: PlainRun, tmp_path: Path) -> None:
    written: list[bytes] = []

    def interrupted() -> None:
        with drawn_beside([picture("endless")], few, tmp_path, 2):
            while not any(written):
                time.sleep(0.02)
                written[:] = files(tmp_path).values()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert files(tmp_path) == {}
    with pytest.raises(ProcessLookupError):
        os.kill(int(written[0]), 0)


@pytest.mark.slow
def test_figures_of_a_run_drawn_beside_are_byte_for_byte_those_drawn_here(
    nested_run: RunSummary, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    item = plain_run(nested_run).hypotheses[0]
    small = replace(item, parameters=item.parameters[:3], names=item.names[:3], draws=item.draws[:, :3])
    run = replace(plain_run(nested_run), hypotheses=(small,))
    pictures = [
        Picture(corner_figures.figures, f"corner_{item.name}", BOTH, 4.0),
        Picture(component_figures.figures, f"components_{item.name}", BOTH, 4.0),
    ]
    with drawn_beside(pictures, run, there, 2) as wait:
        assert not any(draw_pictures(pictures, run, here).values())
        assert wait is not None
        assert wait() == dict.fromkeys((one.name for one in pictures), None)
    assert len(files(here)) == 4
    assert files(there) == files(here)


@pytest.mark.parametrize(("workers", "seconds"), [(0, 20.0), (1, 20.0), (8, 1.0)])
def test_one_process_or_little_to_draw_is_drawn_here(
    few: PlainRun, tmp_path: Path, workers: int, seconds: float
) -> None:
    with drawn_beside([Picture(pictures_for_tests.figures, "good", BOTH, seconds)], few, tmp_path, workers) as wait:
        assert wait is None


def test_what_cannot_be_sent_is_drawn_here(few: PlainRun, tmp_path: Path) -> None:
    class Own:
        __reduce__ = None

    unsendable: Any = replace(few, transport=Own())
    with drawn_beside([picture("good")], unsendable, tmp_path, 2) as wait:
        assert wait is None


def test_drawing_is_shared_evenly_and_no_process_has_nothing_to_do() -> None:
    pictures = [replace(picture(str(n)), seconds=seconds) for n, seconds in enumerate((1.0, 6.0, 2.0, 3.0))]
    shares = drawing._shares(pictures, 3)
    assert [sum(one.seconds for one in share) for share in shares] == [6.0, 6.0]
    assert sorted(one.name for share in shares for one in share) == ["0", "1", "2", "3"]
    assert len(drawing._shares(pictures[1:2] * 1, 8)) == 1
    assert drawing._shares([], 8) == []


def test_plain_numbers_know_what_figures_ask(nested_run: RunSummary) -> None:
    plain = plain_run(nested_run)
    item, own = nested_run.hypotheses[1], plain.hypotheses[1]
    assert (own.name, own.names) == (item.name, item.names)
    assert own.prior_values().keys() == item.prior_values().keys()
    assert corner_figures.chosen_parameters(own, plain) == corner_figures.chosen_parameters(item, nested_run)

"""One product of a run: what it is made of, whether it is due, and what is left when it fails."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Self

from crsea_infer.report.figures.drawing import Picture
from crsea_infer.report.layout.attempts import reason
from crsea_infer.support.output_names import FIGURES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from crsea_infer.report.figures.drawing import Figures
    from crsea_infer.report.layout.checksums import Checksums
    from crsea_infer.report.layout.sections import Section
    from crsea_infer.report.results.summary import RunSummary

__all__ = ["Due", "Product"]


def _nothing(_directory: Path, _summary: RunSummary) -> None:
    return None


def _no_section(_directory: Path, _summary: RunSummary) -> None:
    return None


def _is_current(_directory: Path, _summary: RunSummary) -> bool:
    return True


@dataclass(frozen=True)
class Product:
    """Files made from a finished run.

    Attributes
    ----------
    name
        In :data:`crsea_infer.support.output_names.PRODUCTS`, where the names of its files stand.
    words
        What the console says while they are made; empty for what takes no time.
    files
        Their names, relative to the run's directory; none when the run has no such thing.
    write
        Makes them all.
    write_beside
        In place of `write`, where other processes may help: its last argument is how many may be at work, this one
        among them, or None for one per core.
    section
        Returns what the page says of them, from the files or from the run; None for nothing.
    always
        Write them even when they are there, because they take no time and what they say may depend on other files.
    figures
        Returns what draws its figures, by name, of what figures show of a run; they may be drawn in other processes,
        while what comes after is made. None where it has none, or where `write` draws them.
    seconds_each
        How long one of them takes, roughly.
    is_current
        Tells of files that are there whether they answer to options that are no part of the run's identity.
    seconds
        How long it takes, roughly, for two hypotheses and two data sets.
    """

    name: str
    words: str
    files: Callable[[RunSummary], Sequence[str]]
    write: Callable[[Path, RunSummary], None] = _nothing
    section: Callable[[Path, RunSummary], Section | None] = _no_section
    always: bool = False
    figures: Figures | None = None
    seconds_each: float = 0.5
    is_current: Callable[[Path, RunSummary], bool] = _is_current
    seconds: float = 0.5
    write_beside: Callable[[Path, RunSummary, int | None], None] | None = None


@dataclass(frozen=True)
class Due:
    """A product of a run that is perhaps to be made.

    Attributes
    ----------
    number, product
        Which.
    files
        Their names, relative to the run's directory.
    is_due
        Whether it is to be made.
    changed
        Files that are not as they were written.
    before
        The state of each before it is made anew.
    """

    number: int
    product: Product
    files: Sequence[str]
    is_due: bool
    changed: Sequence[str]
    before: Mapping[str, tuple[int, int] | None]

    @classmethod
    def of(cls, number: int, product: Product, directory: Path, summary: RunSummary, kept: Checksums) -> Self:
        """Look at the files of a product."""
        files = product.files(summary)
        whole = all(kept.is_whole(name) for name in files)
        is_due = bool(files) and not (whole and not product.always and product.is_current(directory, summary))
        changed = [name for name in files if is_due and kept.is_changed(name)]
        return cls(number, product, files, is_due, changed, {name: _state(directory / name) for name in files})

    def pictures(self) -> list[Picture]:
        """Return the figures to draw, each with the kinds of its files."""
        if self.product.figures is None:
            return []
        kinds: dict[str, list[str]] = {}
        for path in map(PurePosixPath, self.files):
            if path.parent.name == FIGURES:
                kinds.setdefault(path.stem, []).append(path.suffix)
        each = self.product.seconds_each
        return [Picture(self.product.figures, name, tuple(found), each) for name, found in kinds.items()]

    def announce(self, tell: Callable[[str], None]) -> None:
        """Tell that it is being made, and why again."""
        for name in self.changed:
            tell(f"{name} is not as it was written: it is made again.")
        if self.product.words:
            tell(f"{self.product.words} ...")

    def write(self, directory: Path, summary: RunSummary, workers: int | None) -> list[str]:
        """Make what is no figure; return why that failed, if it did."""
        try:
            if self.product.write_beside is not None:
                self.product.write_beside(directory, summary, workers)
            else:
                self.product.write(directory, summary)
        except Exception as error:  # noqa: BLE001 -- whatever a library raises, the rest is made
            return [reason(error)]
        return []

    def remove_stale(self, directory: Path) -> list[str]:
        """Remove the files that were not made anew, and return their names."""
        stale = [name for name in self.files if _state(directory / name) == self.before[name]]
        for name in stale:
            (directory / name).unlink(missing_ok=True)
        return stale


def _state(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file is written anew; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns

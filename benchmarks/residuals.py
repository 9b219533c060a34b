"""Lines of the table that a validation prints: a figure, the limit that it must keep, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Residual", "cell", "markdown", "worst"]


@dataclass(frozen=True)
class Residual:
    """A figure and its limit.

    Attributes
    ----------
    what
        What is compared.
    value
        The figure.
    limit
        Largest absolute value allowed; None when it is reported only.
    shortfall
        Why the limit is known not to be kept: such a line is printed as not met, and does not fail the run.
    """

    what: str
    value: float
    limit: float | None = None
    shortfall: str = ""

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.limit is None or abs(self.value) <= self.limit

    @property
    def fails(self) -> bool:
        """Whether a limit that should hold does not."""
        return not self.holds and not self.shortfall

    @property
    def mark(self) -> str:
        """What became of it, in a few words."""
        if self.limit is None:
            return ""
        if self.holds:
            return "holds"
        return f"not met: {self.shortfall}" if self.shortfall else "**FALLS SHORT**"


def cell(text: str) -> str:
    """Return text as it must stand in a cell of a table: the bars of |b| would end the cell."""
    return text.replace("|", "\\|")


def worst(residuals: Sequence[float]) -> float:
    """Return the residual of the largest absolute value, with its sign."""
    return float(max(residuals, key=abs))


def markdown(residuals: Sequence[Residual]) -> list[str]:
    """Return the table, line by line."""
    lines = ["| what | value | limit | |", "|---|---|---|---|"]
    for residual in residuals:
        limit = "reported" if residual.limit is None else f"{residual.limit:g}"
        lines.append(f"| {cell(residual.what)} | {residual.value:+.3f} | {limit} | {residual.mark} |")
    return lines

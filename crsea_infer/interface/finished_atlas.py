"""A finished atlas of robustness as an object: tables, the Bayes factors to quote, and the tornado."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crsea_infer.interface.showing import html_table
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from astropy.table import Table
    from matplotlib.figure import Figure

    from crsea_infer.report.tables.robustness_tables import AtlasReport

__all__ = ["FinishedAtlas", "open_atlas"]


class FinishedAtlas:
    """What ``crsea-infer robustness`` left in a directory.

    Parameters
    ----------
    directory
        Where it is, or the directory of the run beside which it lies.

    Raises
    ------
    UserError
        When there is no finished atlas.
    """

    def __init__(self, directory: str | Path) -> None:
        from crsea_infer.report.tables.atlas_record import read_atlas
        from crsea_infer.support.output_names import ATLAS, EVIDENCES

        path = Path(directory)
        self._path = path / ATLAS if (path / ATLAS / EVIDENCES).is_dir() else path
        self._report = read_atlas(self._path)

    @property
    def path(self) -> Path:
        """Its directory."""
        return self._path

    @property
    def report(self) -> AtlasReport:
        """Everything, as objects."""
        return self._report

    @property
    def hypotheses(self) -> tuple[str, ...]:
        """Names of the hypotheses."""
        return tuple(self._report.evidences)

    @property
    def bayes_factors(self) -> Table:
        """Of each pair: as shipped, averaged over choices, least and largest."""
        return self._table("bayes_factors.ecsv")

    @property
    def choices(self) -> Table:
        """Ln B of each pair of hypotheses under each combination of choices."""
        return self._table("choices.ecsv")

    @property
    def evidences(self) -> Table:
        """Ln Z of each hypothesis under each combination of choices, and how it was found."""
        return self._table("evidence.ecsv")

    def tornado(self, hypothesis_1: str | None = None, hypothesis_2: str | None = None) -> Figure:
        """Return the tornado figure of a pair of hypotheses; default: the first.

        Raises
        ------
        UserError
            When the atlas has no Bayes factor of that pair.
        """
        from crsea_infer.report.figures.robustness_figures import tornado
        from crsea_infer.report.layout.style import styled

        pairs = tuple(self._report.factors)
        given = pairs[:1] if hypothesis_1 is None and hypothesis_2 is None else ((hypothesis_1, hypothesis_2),)
        for pair in pairs:
            if pair in given:
                with styled():
                    return tornado(self._report, pair)
        raise UserError(
            f"the atlas has no Bayes factor of {hypothesis_1} : {hypothesis_2}",
            valid=", ".join(f"{one} : {other}" for one, other in pairs) or "an atlas of at least two hypotheses",
        )

    def _table(self, name: str) -> Table:
        from astropy.table import Table

        return Table.read(self._path / name, format="ascii.ecsv")

    def __repr__(self) -> str:
        from crsea_infer.report.tables.robustness_tables import quoted

        lines = [f"ln B ({pair[0]} : {pair[1]}) = {quoted(factor)}" for pair, factor in self._report.factors.items()]
        return "\n".join([f"<FinishedAtlas {self._path}>", *lines])

    def _repr_html_(self) -> str:
        from crsea_infer.report.tables.robustness_tables import quoted, verdict

        rows = [
            (f"{pair[0]} : {pair[1]}", quoted(factor), verdict(pair, factor))
            for pair, factor in self._report.factors.items()
        ]
        return html_table(self._report.title, ("hypotheses", "ln B, averaged over choices", "verdict"), rows)


def open_atlas(directory: str | Path) -> FinishedAtlas:
    """Return a finished atlas of robustness; finds no evidence.

    Parameters
    ----------
    directory
        Where ``crsea-infer robustness`` left it, or the directory of the run beside which it lies.

    Raises
    ------
    UserError
        When there is no finished atlas.
    """
    return FinishedAtlas(directory)

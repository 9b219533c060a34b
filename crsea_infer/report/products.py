"""Everything that is made from the kept results of a run: which files, in which order, and what they say.

A product names its files, writes them, and may add a section to the page. It is skipped when its files are as they were
written, so that a run resumed after its sampling makes only what is missing or damaged. One that fails, whatever a
library raised, is told and leaves the others made; what it had before is removed, so that no file is of another state
of the run. A new product is its names in :data:`crsea_infer.support.output_names.PRODUCTS`, and what makes it in
:data:`PRODUCTS` here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from crsea_infer.inference.posterior_file import write_posterior
from crsea_infer.plan.tasks import generator_for
from crsea_infer.report import references_file
from crsea_infer.report.figures import (
    component_figures,
    corner_figures,
    data_set_pulls,
    local_figures,
    prior_sensitivity_figures,
    profile_figures,
    spectrum_figures,
)
from crsea_infer.report.figures.drawing import draw_pictures, drawn_beside
from crsea_infer.report.layout.attempts import attempts, reason
from crsea_infer.report.layout.checksums import Checksums
from crsea_infer.report.pages.robustness_section import robustness_section
from crsea_infer.report.product import Due, Product
from crsea_infer.report.tables import (
    beside_table,
    exact_check_table,
    goodness_of_fit_table,
    leave_one_out,
    nested_hypotheses,
    parameter_table,
    pile_up_table,
    run_tables,
    spectrum_table,
    tension_table,
    variant_shares,
)
from crsea_infer.support import output_names
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import make_directory
from crsea_infer.support.output_names import FIGURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from crsea_infer.report.layout.sections import Section
    from crsea_infer.report.results.summary import RunSummary

__all__ = ["PRODUCTS", "IncompleteError", "Product", "sections", "write_products"]


class IncompleteError(UserError):
    """A run that is finished and kept, of which a table, figure or page could not be made."""

    @classmethod
    def of(cls, missing: Sequence[str]) -> Self:
        """Return the error for products that are missing, each in words with its reason."""
        return cls(
            f"the run is finished, but incomplete: {'; '.join(missing)}",
            valid="a run all of whose tables, figures and pages are made",
            fix="remove the cause and give the same command again: it samples nothing, and makes what is missing",
        )


def _unheard(_number: int, _done: float) -> None:
    return None


def write_products(
    directory: Path,
    summary: RunSummary,
    tell: Callable[[str], None],
    reach: Callable[[int, float], None] = _unheard,
    workers: int | None = 1,
) -> list[str]:
    """Make what is missing or damaged, in the order of :data:`PRODUCTS`, and remove what the run no longer has.

    Where there are cores, figures are drawn in other processes meanwhile, and counted as made at the end.

    Parameters
    ----------
    directory
        Of the run.
    summary
        What it found.
    tell
        Takes what is being made, in words.
    reach
        Takes the number of a product, with 0 when it is begun and 1 when it is there.
    workers
        How many processes may be at work, this one among them; None: one per core. No file depends on it.

    Returns
    -------
    list of str
        What could not be made, each with its reason; it is told too.
    """
    folder = make_directory(directory / FIGURES)
    kept = Checksums(directory)
    kept.forget_all_but({name for product in PRODUCTS for name in product.files(summary)})
    every = [Due.of(number, product, directory, summary, kept) for number, product in enumerate(PRODUCTS)]
    pictures = {due.number: due.pictures() for due in every if due.is_due}
    missing: dict[int, str] = {}

    def settle(due: Due, failed: Sequence[str]) -> None:
        if failed:
            stale = due.remove_stale(directory)
            missing[due.number] = f"{', '.join(stale or due.files)} cannot be made: {failed[0]}"
            tell(missing[due.number])
        kept.keep(due.files)
        reach(due.number, 1.0)

    with drawn_beside([one for some in pictures.values() for one in some], summary, folder, workers) as wait:
        late: list[tuple[Due, list[str]]] = []
        for due in every:
            if not due.is_due:
                reach(due.number, 1.0)
                continue
            reach(due.number, 0.0)
            due.announce(tell)
            failed = due.write(directory, summary, workers)
            if wait is not None and pictures[due.number]:
                late.append((due, failed))
                continue
            settle(due, failed + _failures(draw_pictures(pictures[due.number], summary, folder)))
        drawn = {} if wait is None else wait()
        for due, failed in late:
            left = [one for one in pictures[due.number] if one.name not in drawn]
            found = drawn | draw_pictures(left, summary, folder)
            settle(due, failed + _failures({one.name: found[one.name] for one in pictures[due.number]}))
    return [missing[number] for number in sorted(missing)]


def _failures(drawn: Mapping[str, str | None]) -> list[str]:
    """Return why figures could not be drawn."""
    return [words for words in drawn.values() if words is not None]


def sections(directory: Path, summary: RunSummary) -> tuple[list[Section], list[str]]:
    """Return the sections of all products whose files are there, in order, and why others could not be made."""
    found, missing = [], []
    for product in PRODUCTS:
        files = product.files(summary)
        if files and all((directory / name).exists() for name in files):
            try:
                section = product.section(directory, summary)
            except Exception as error:  # noqa: BLE001 -- as above
                missing.append(f"the section of {', '.join(files)} on the page cannot be made: {reason(error)}")
                continue
            if section is not None:
                found.append(section)
    try:
        atlas = robustness_section(directory)
    except Exception as error:  # noqa: BLE001 -- as above
        missing.append(f"the section on the atlas of robustness cannot be made: {reason(error)}")
    else:
        found += [] if atlas is None else [atlas]
    return found, missing


def _posterior_files(summary: RunSummary) -> dict[str, tuple[str, str]]:
    """Return file -> hypothesis and sampler."""
    files = {}
    for item in summary.hypotheses:
        shown, of_emcee = output_names.PRODUCTS["posteriors"].posteriors
        files[f"{item.name}/{shown}"] = (item.name, item.shown)
        if "emcee" in item.results and item.shown != "emcee":
            files[f"{item.name}/{of_emcee}"] = (item.name, "emcee")
    return files


def _write_posteriors(directory: Path, summary: RunSummary) -> None:
    items = {item.name: item for item in summary.hypotheses}
    with attempts() as attempt:
        for name, (hypothesis, sampler) in _posterior_files(summary).items():
            item = items[hypothesis]
            generator = generator_for(summary.run, hypothesis, "draws")
            with attempt():
                write_posterior(directory / name, item.posterior, item.results[sampler], summary.identity, generator)


def _of_names(names: Iterable[str]) -> list[str]:
    return [f"figures/{name}{suffix}" for name in names for suffix in (".pdf", ".png")]


def _figure_files(names: Callable[[RunSummary], dict[str, str]]) -> Callable[[RunSummary], list[str]]:
    return lambda summary: _of_names(names(summary))


PRODUCTS: tuple[Product, ...] = (
    Product("posteriors", "", lambda summary: list(_posterior_files(summary)), _write_posteriors, seconds=2.0),
    Product(
        "goodness of fit",
        "Drawing replicated data",
        goodness_of_fit_table.files,
        goodness_of_fit_table.write_goodness_of_fit,
        goodness_of_fit_table.goodness_of_fit_section,
        is_current=goodness_of_fit_table.is_current,
        seconds=4.0,
    ),
    Product("tables", "", lambda _: run_tables.FILES, run_tables.write_tables, always=True),
    Product(
        "variants",
        "",
        variant_shares.files,
        variant_shares.write_variants,
        variant_shares.variants_section,
        always=True,
    ),
    Product(
        "nested hypotheses",
        "Comparing nested hypotheses",
        nested_hypotheses.files,
        nested_hypotheses.write_savage_dickey,
        nested_hypotheses.nested_section,
    ),
    Product("runs beside", "", beside_table.files, beside_table.write_beside, beside_table.beside_section, always=True),
    Product(
        "tension", "", tension_table.files, tension_table.write_tension, tension_table.tension_section, always=True
    ),
    Product(
        "data sets",
        "Drawing pulls",
        data_set_pulls.files,
        data_set_pulls.write_data_sets,
        data_set_pulls.data_sets_section,
        figures=data_set_pulls.figures,
        seconds=1.0,
    ),
    Product(
        "leave-one-out", "Leaving one out", leave_one_out.files, leave_one_out.write_loo, leave_one_out.loo_section
    ),
    Product(
        "pile-ups", "", pile_up_table.files, pile_up_table.write_pile_ups, pile_up_table.pile_up_section, always=True
    ),
    Product("parameters", "", parameter_table.files, parameter_table.write_parameters),
    Product("tables of spectra", "", spectrum_table.files, spectrum_table.write_spectrum_table),
    Product(
        "spectra",
        "Drawing spectra",
        _figure_files(spectrum_figures.figure_names),
        figures=spectrum_figures.figures,
        section=spectrum_figures.spectrum_section,
        seconds=1.5,
    ),
    Product(
        "components",
        "Drawing components",
        lambda summary: _of_names(component_figures.figure_names(summary)),
        figures=component_figures.figures,
        section=component_figures.component_section,
        seconds=1.0,
    ),
    Product(
        "local spectra",
        "Drawing local spectra",
        lambda summary: _of_names(local_figures.figure_names(summary)),
        figures=local_figures.figures,
        section=local_figures.local_section,
        seconds=0.5,
    ),
    Product(
        "profiles",
        "Drawing profiles",
        lambda summary: _of_names(profile_figures.figure_names(summary)),
        figures=profile_figures.figures,
        section=profile_figures.profile_section,
    ),
    Product(
        "corners",
        "Drawing corners",
        lambda summary: [*_figure_files(corner_figures.figure_names)(summary), *corner_figures.full_figures(summary)],
        figures=corner_figures.figures,
        seconds_each=1.5,
        seconds=13.0,
    ),
    Product(
        "exact check",
        "Checking with the transport solver",
        exact_check_table.files,
        write_beside=exact_check_table.write_exact_check,
        section=exact_check_table.exact_section,
        is_current=exact_check_table.is_current,
        seconds=12.0,
    ),
    Product(
        "prior sensitivity",
        "Varying the widths of priors",
        prior_sensitivity_figures.files,
        prior_sensitivity_figures.write_sensitivity,
        prior_sensitivity_figures.sensitivity_section,
        is_current=prior_sensitivity_figures.is_current,
        seconds=2.5,
    ),
    Product("references", "", lambda _: [output_names.REFERENCES], references_file.write_references, always=True),
)
"""What makes each product, in the order of the names."""

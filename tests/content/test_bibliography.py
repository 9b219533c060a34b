"""The bibliography: every kind that the package knows has a complete entry, and what is written can be read."""

from __future__ import annotations

from typing import get_args

import pytest

from crsea_infer.content import finding
from crsea_infer.content.bibliography import bibliography, bibtex, merged, parse_bibtex, read_cited, work_of
from crsea_infer.content.toml_files import read_toml
from crsea_infer.emulator.response.cross_sections import Choice
from crsea_infer.emulator.response.physics_references import CROSS_SECTION_REFERENCES
from crsea_infer.hypotheses.prior_sets import read_prior_set
from crsea_infer.inference.samplers.registry import sampler_class, sampler_names
from crsea_infer.physics import absorption, electrons
from crsea_infer.physics.analytic_gas import GAS_MODELS, GAS_REFERENCES
from crsea_infer.physics.constants import SUN_REFERENCES
from crsea_infer.physics.gas_groups import IONISED_REFERENCES
from crsea_infer.physics.masks import MASK_REFERENCES
from crsea_infer.physics.radiation_field import RADIATION_REFERENCES, FieldModel
from crsea_infer.physics.sources import SOURCE_DISTRIBUTIONS, SOURCE_REFERENCES
from crsea_infer.plan.used_references import LEAVE_ONE_OUT
from crsea_infer.support.errors import UserError
from crsea_infer.support.version import __version__

# What could not be looked up: the package has not been released, a repository has no year, and of one paper of 1988 the
# title was not at hand.
LACKING = {"crsea_infer": ("year", "place"), "FermiMaps": ("year",), "Bronfman:1988": ("title",)}


KINDS = {
    **{f"sampler {name}": sampler_class(name).references for name in sampler_names()},
    **{f"sources {name}": SOURCE_REFERENCES[name] for name in SOURCE_DISTRIBUTIONS},
    **{f"cross-section {name}": CROSS_SECTION_REFERENCES[name] for name in get_args(Choice)},
    **{f"gas {name}": GAS_REFERENCES[name] for name in GAS_MODELS},
    **{f"radiation field {name}": RADIATION_REFERENCES[name] for name in get_args(FieldModel)},
    **{f"prior set {one.name}": read_prior_set(one.path).references for one in finding.available("priors")},
    **{f"data set {one.name}": tuple(read_toml(one.path)["citations"]) for one in finding.available("likelihoods")},
    "absorption": absorption.REFERENCES,
    "electrons": (*electrons.SPECTRUM_REFERENCES, *electrons.FIELD_REFERENCES),
    "the Sun": SUN_REFERENCES,
    "ionised gas": IONISED_REFERENCES,
    "mask": MASK_REFERENCES,
    "leave-one-out": tuple(reference for reference, _ in LEAVE_ONE_OUT),
}


def test_the_table_holds_every_kind() -> None:
    for kind, least in {
        "sampler": 6,
        "sources": 5,
        "cross-section": 3,
        "gas": 2,
        "prior set": 19,
        "data set": 45,
    }.items():
        assert sum(name.startswith(f"{kind} ") for name in KINDS) >= least, kind


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_an_entry_that_is_complete(kind: str) -> None:
    works = [bibliography().get(reference) for reference in KINDS[kind]]
    assert works
    assert all(work is not None for work in works), KINDS[kind]
    assert any(work is not None and (not work.lacking or work.key == "FermiMaps") for work in works)


def test_every_entry_is_complete_but_for_what_was_not_at_hand() -> None:
    found = {work.key: work.lacking for work in bibliography().values() if work.lacking}
    assert found == LACKING


def test_no_work_stands_in_the_file_twice() -> None:
    works = {work.key: work for work in bibliography().values()}
    for name in ("title", "eprint", "doi"):
        values = [work.field(name).lower() for work in works.values() if work.field(name)]
        assert len(values) == len(set(values)), name


def test_nothing_stands_in_the_file_that_nothing_cites() -> None:
    used = {work.key for references in KINDS.values() for work in map(work_of, references) if work is not None}
    software = {"crsea_infer", "numpy", "scipy", "astropy", "xarray", "matplotlib", "corner"}
    assert {work.key for work in bibliography().values()} - used - software == set()


def test_what_is_written_is_read_back() -> None:
    text = bibtex(
        merged([("arXiv:1202.3665", "emcee"), ("doi:10.1086/670067", "a; b @c"), ("a book", "x"), ("numpy", "y")])
    )
    assert text.count("@article{Foreman-Mackey:2012any,") == 1
    assert "% used for: emcee; a, b (at)c\n" in text
    emcee, book, numpy = read_cited(text, "a text")
    assert emcee.uses == ("emcee", "a, b (at)c")
    assert emcee.work == bibliography()["arXiv:1202.3665"]
    assert (book.work, book.note, book.uses) == (None, "a book", ("x",))
    assert numpy.work is not None
    assert [work.key for work in parse_bibtex(text)] == ["Foreman-Mackey:2012any", "numpy"]


def test_this_package_is_cited_with_its_version() -> None:
    assert f"note = {{version {__version__}}}" in bibtex(merged([("crsea_infer", "this package")]))


def test_an_identifier_that_the_file_lacks_is_an_entry_to_be_completed() -> None:
    (cited,) = merged([("arXiv:0000.00001", "draws")])
    assert cited.work is not None
    assert "eprint = {0000.00001}" in cited.work.text
    assert "complete this entry" in cited.note
    (doi,) = merged([("doi:10.1234/Some_(thing)", "a table")])
    assert doi.work is not None
    assert doi.work.field("doi") == "10.1234/Some_(thing)"


def test_an_entry_of_a_user_is_kept() -> None:
    (cited,) = merged([('@ARTICLE{me:1,\n author="A. {\\"U}ser", title = {T {of} it}, year = 2026}', "mine")])
    assert cited.work is not None
    assert cited.work.text == '@article{me:1,\n  author = {A. {\\"U}ser},\n  title = {T {of} it},\n  year = {2026},\n}'
    assert not cited.note


@pytest.mark.parametrize(
    "text", ["@article{a, title = {open", "@article{a title}", "@article{a, title = }", "@{a, b = {c}}"]
)
def test_what_bibtex_cannot_read_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="cannot read the entry at line 1"):
        parse_bibtex(text)
    assert work_of(text) is None

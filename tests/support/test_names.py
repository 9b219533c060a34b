"""Names and texts: what nothing could carry is refused, with the reason."""

from __future__ import annotations

import pytest

from crsea_infer.support.errors import UserError
from crsea_infer.support.names import LONGEST, check_name, check_texts, is_name, refuse_alike, visible
from crsea_infer.support.output_names import OWN_NAMES

_KINDS = ("parameter", "nuisance", "parameter of a grid", "component", "data set", "group", "hypothesis", "combination")
_NEVER = (
    "",
    "a/b",
    "../a",
    ".",
    "..",
    ".a",
    "a b",
    "a\n",
    "a\0",
    "\x1b[31ma",
    "[red]a",
    "é",
    "a" * 240,
    "a\udcff",
    "$a$",
)


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("name", _NEVER)
def test_no_kind_of_name_has_other_characters_or_is_too_long(kind: str, name: str) -> None:
    with pytest.raises(UserError, match="cannot name a") as caught:
        check_name(name, "file", kind)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("kind", _KINDS)
def test_usual_names_are_names(kind: str) -> None:
    assert is_name("hi_scale", kind)
    assert is_name("a" * LONGEST, kind)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *((kind, name) for kind in ("parameter", "nuisance", "data set") for name in ("chain", "draw", "sample")),
        ("parameter of a grid", "region"),
        ("parameter of a grid", "rigidity"),
        ("component", "intensity"),
        ("data set", "d_expected"),
        ("data set", "d_point"),
        ("group", "a.checkpoint"),
        ("hypothesis", "base_all"),
        *((kind, name) for kind in ("hypothesis", "combination") for name in (*OWN_NAMES, "Figures", "overlay")),
    ],
)
def test_names_of_something_else_are_refused_with_the_reason(kind: str, name: str) -> None:
    with pytest.raises(UserError, match="cannot name a") as caught:
        check_name(name, "file", kind)
    assert ": " in caught.value.given.partition("cannot name")[2]


def test_names_that_differ_in_capitals_only_are_refused() -> None:
    refuse_alike(["a", "b", "a"], "file", "hypothesis")
    with pytest.raises(UserError, match="'Base' and 'base' differ in capital letters only"):
        refuse_alike(["Base", "other", "base"], "file", "hypothesis")


@pytest.mark.parametrize(
    "character", ["\0", "\x07", "\x1b", "\r", "\x7f", "\x9b", "\u202e", "\u2066", "\u2028", "\udcff"]
)
@pytest.mark.parametrize(
    "content",
    [
        "a{}b",
        {"title": "a{}"},
        {"a{}": 1},
        {"citations": ["@article{{x,\n title = {{{}}}}}"]},
        {"parameters": {"x": {"label": "{}"}}},
        [["{}"]],
    ],
)
def test_characters_that_act_are_refused_anywhere(character: str, content: object) -> None:
    def filled(value: object) -> object:
        if isinstance(value, str):
            return value.replace("{}", character, 1)
        if isinstance(value, dict):
            return {filled(key): filled(item) for key, item in value.items()}
        return [filled(item) for item in value] if isinstance(value, list) else value

    with pytest.raises(UserError, match=r"U\+|no text") as caught:
        check_texts(filled(content), "file.toml")
    assert character not in str(caught.value)


def test_lines_are_for_texts_of_lines() -> None:
    check_texts({"description": "a\n\tb", "citations": ["@a{b,\n}"], "title": "[red]α\u2192β[/red]", "n": 1.0}, "file")
    for key in ("title", "label", "name", "references"):
        with pytest.raises(UserError, match=f"{key}: holds the character U"):
            check_texts({"table": {key: ["a\nb"]}}, "file")


def test_what_is_shown_acts_on_nothing() -> None:
    assert visible("a\x1b[31m\u202eb\udcff\nc\td") == "a\\x1b[31m\\u202eb\\udcff\nc\td"

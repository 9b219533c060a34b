"""Words of a page as they are read: titles in place of machine names, true minus signs, powers as superscripts.

Everything that is shown goes through here as text and comes out escaped, so that no title of a user's is taken for
markup.
"""

from __future__ import annotations

import importlib.resources
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.plan.runs_beside import runs_beside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template
    from markupsafe import Markup

    from crsea_infer.report.results.summary import RunSummary

__all__ = ["PageWords", "anchor", "page_template"]

_MINUS: Final = re.compile(r"(?<![\w.)\]\u2009-])-(?=\.?\d)")
_POWER: Final = re.compile(r"(?<=[\w)])\^([\u2212-]?\d+(?:\.\d+)?)")
_TIMES_TEN: Final = re.compile(r"(?<![\w.])([+\u2212-]?\d+(?:\.\d+)?)e([+-]?)0*(\d+)(?![\w.]*\w)")
_TAG: Final = re.compile(r"\x00([^\x01]*)\x01")
_IN_NAME: Final = r"[\w.+-]"


@dataclass(frozen=True)
class PageWords:
    """Turns texts into what the page shows.

    Attributes
    ----------
    titles
        Machine name of a hypothesis or data set -> what it is called where people read.
    """

    titles: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_run(cls, summary: RunSummary) -> PageWords:
        """Return those of a run and of the runs beside it; a title that several share stays with none of them."""
        named = {item.name: item.title for item in summary.hypotheses}
        named |= {likelihood.name: likelihood.label for likelihood in summary.run.likelihoods}
        for run in runs_beside(summary.run).values():
            for one, title in (
                *((h.name, h.title) for h in run.hypotheses),
                *((d.name, d.label) for d in run.likelihoods),
            ):
                named.setdefault(one, title)
        counts = Counter(named.values())
        return cls({name: title for name, title in named.items() if title and counts[title] == 1})

    def called(self, text: Any) -> str:
        """Return a name as it is read: the title that belongs to it, if it is one."""
        return self.titles.get(str(text), str(text))

    def plain(self, text: Any) -> str:
        """Return a text with titles for names and true minus signs, for where there is no markup."""
        named = str(text)
        if named in self.titles:
            return self.titles[named]
        spoken = [name for name in self.titles if re.search(r"[-_.+\d]", name)]  # another might be a common word
        if spoken:
            each = "|".join(re.escape(name) for name in sorted(spoken, key=len, reverse=True))
            pattern = rf"(?<!{_IN_NAME})(?:{each})(?!{_IN_NAME}*\w)"
            named = re.sub(pattern, lambda found: f"\u201c{self.titles[found[0]]}\u201d", named)
        return _signs(named)

    def shown(self, text: Any) -> Markup:
        """Return a text as it is shown, as markup: as :meth:`plain`, with powers as superscripts."""
        return _superscripts(self.plain(text))

    def number(self, text: Any) -> Markup:
        """Return numbers and units as they are shown, in which no name is looked for."""
        return _superscripts(_signs(str(text)))


def _signs(text: str) -> str:
    return _MINUS.sub("\u2212", text.replace("+-", "±").replace("\x00", "").replace("\x01", ""))


def _superscripts(text: str) -> Markup:
    from markupsafe import Markup, escape

    def power(found: re.Match[str]) -> str:
        return "\x00" + found[1].replace("-", "\u2212") + "\x01"

    def times_ten(found: re.Match[str]) -> str:
        sign = "\u2212" if found[2] == "-" else ""
        return f"{found[1]} × 10\x00{sign}{found[3]}\x01"

    marked = _TIMES_TEN.sub(times_ten, _POWER.sub(power, text))
    return Markup(_TAG.sub(r"<sup>\1</sup>", str(escape(marked))))  # noqa: S704 -- escaped the line before


def anchor(title: str) -> str:
    """Return what an address calls a heading.

    Examples
    --------
    >>> anchor("Do the hypotheses describe the data?")
    'do-the-hypotheses-describe-the-data'
    """
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"


def page_template(name: str, words: PageWords | None = None) -> Template:
    """Return a template of this folder, which escapes everything and knows the filters of :class:`PageWords`."""
    import jinja2
    from markupsafe import Markup

    folder = importlib.resources.files("crsea_infer.report.pages")

    def read(asked: str) -> str | None:
        return folder.joinpath(asked).read_text(encoding="utf-8")

    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(read),
    )
    spoken = words or PageWords()
    environment.filters |= {
        "called": spoken.called,
        "plain": spoken.plain,
        "shown": spoken.shown,
        "number": spoken.number,
        "anchor": anchor,
    }
    environment.globals["style"] = Markup(folder.joinpath("page.css").read_text(encoding="utf-8"))  # noqa: S704 -- ours
    return environment.get_template(name)

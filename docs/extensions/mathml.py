"""Formulas as MathML, written when the documentation is built: no script, no font, nothing from a network.

The conversion is that of docutils. All browsers of today draw MathML themselves, and screen readers read it. A command
that docutils does not know is a warning of the build, which CI takes for an error, not a blank on the page.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util.logging import getLogger

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_LOGGER = getLogger(__name__)
_BETWEEN_TAGS = re.compile(r">\s*\n\s*<")
_BARE_FRACTION = re.compile(r"(\\[td]?frac)\s*(\d)\s*(\d)")
_BAR = re.compile(r"<mo(?: [^>]*)?>\|</mo>")


def _converted(self: Any, node: nodes.math | nodes.math_block, *, block: bool) -> str:
    """Return the MathML of a formula."""
    tex = node.astext().strip()
    if tex.startswith(("^", "_")):  # an index of the word before
        tex = "{}" + tex
    tex = _BARE_FRACTION.sub(r"\1{\2}{\3}", tex)  # docutils takes both digits for one number
    try:
        found = _BETWEEN_TAGS.sub("><", tex2mathml(tex, as_block=block))
        return _BAR.sub('<mo lspace="0" rspace="0" stretchy="false">|</mo>', found)  # no operator between |z| and H
    except (MathError, IndexError, SyntaxError) as error:
        _LOGGER.warning("cannot convert the formula %s: %s", tex, error, location=node)
        return str(self.encode(tex))


def _inline(self: Any, node: nodes.math) -> None:
    self.body.append(_converted(self, node, block=False))
    after = node.next_node(descend=False, siblings=True)
    if isinstance(after, nodes.Text) and after.astext()[:1] in {*".,;:)"}:
        self.body.append("&#8288;")  # a full stop does not begin a line
    raise nodes.SkipNode


def _block(self: Any, node: nodes.math_block) -> None:
    self.body.append('<div class="formula">')
    self.body.append(_converted(self, node, block=True))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Announce the renderer under the name "mathml"."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

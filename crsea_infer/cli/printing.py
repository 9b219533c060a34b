"""How commands print texts of files: so that they act on no terminal."""

from __future__ import annotations

from crsea_infer.support.names import visible

__all__ = ["shown_text"]


def shown_text(text: str) -> str:
    """Return a text as it is to be shown: no part of it is taken for markup, and none acts on the terminal."""
    from rich.markup import escape

    return escape(visible(text))

"""The version of the package, where every stage can name it in what it writes."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"

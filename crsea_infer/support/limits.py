"""Largest values that options may have, wherever they are given."""

from __future__ import annotations

from typing import Final

__all__ = ["LARGEST_SEED"]

LARGEST_SEED: Final = 2**63 - 1
"""Largest seed of random numbers: what a signed integer of 64 bits holds."""

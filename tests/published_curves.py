"""The published curves that models are held against, as the repository keeps them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.table import Table

_FILE = Path(__file__).parent / "data" / "published_curves.ecsv"


def published_curve(messenger: str, hypothesis: str) -> tuple[np.ndarray, np.ndarray]:
    """Energies, GeV, and E^2.8 times the intensity of one curve, in the order of energy."""
    table = Table.read(_FILE, format="ascii.ecsv")
    curve = table[(table["messenger"] == messenger) & (table["hypothesis"] == hypothesis)]
    curve.sort(["energy", "scaled_intensity"])
    return np.asarray(curve["energy"]), np.asarray(curve["scaled_intensity"])

"""ln B of Base over gamma-optimized for rims at 12 and 20 kpc: which choices give which of the numbers in use.

Where the disc ends moves this Bayes factor by more than one, and several numbers are about: with one disc for both
models, as they ship; with the published disc of each; with the near rim for both. The data and the treatment of
systematic errors matter as well. Importance sampling, Min spectra, seed 1. Prints and writes a table; run it from the
repository:

    python benchmarks/rim_evidence.py --output docs/figures/sky [--draws 4000]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

import crsea_infer as cr

_KM2A: Final = ("lhaaso_km2a_inner", "lhaaso_km2a_outer")
_DATA: Final = {"KM2A": _KM2A, "KM2A + WCDA": (*_KM2A, "lhaaso_wcda_inner", "lhaaso_wcda_outer")}
_OVER: Final = {"kind": "energy-correlated", "length_dex": 0.5, "shared_with": list(_KM2A)}
_SYSTEMATICS: Final = {
    "over 0.5 dex": {name: {"systematics": _OVER} for name in _KM2A},
    "one shift per region": {},
    "independent": {name: {"systematics": "diagonal"} for name in _KM2A},
}
_NEAR: Final = """title = "A disc that ends at 12 kpc"
description = "Free escape."
references = []

[physics]
rim = 12.0
"""
_MODELS: Final = {
    "Base, 20": ("base", "min", "gas"),
    "Base, 12": ("base_published", "min", "gas"),
    "g.-o., 20": ("gamma_optimized", "min", "gas"),
    "g.-o., 12": ("gamma_optimized", "min", "gas", "near_rim"),
    "g.-o. published": ("gamma_optimized_published", "min", "gas"),
}
_PAIRS: Final = {
    "20 : 20 (as shipped)": ("Base, 20", "g.-o., 20"),
    "12 : 20": ("Base, 12", "g.-o., 20"),
    "12 : published": ("Base, 12", "g.-o. published"),
    "12 : 12": ("Base, 12", "g.-o., 12"),
    "20 : published": ("Base, 20", "g.-o. published"),
}


def rows(draws: int, near_rim: Path) -> list[str]:
    """Return the lines of the table."""
    lines = [
        "| data | systematics | " + " | ".join(f"ln B, {pair}" for pair in _PAIRS) + " | error |",
        "|---|---" + "|--:" * (len(_PAIRS) + 1) + "|",
    ]
    for data, names in _DATA.items():
        for title, options in _SYSTEMATICS.items():
            found = {}
            for model, sets in _MODELS.items():
                paths = [str(near_rim) if one == near_rim.stem else one for one in sets]
                posterior = cr.Posterior(paths, data=list(names), options=options)
                found[model] = cr.sample(posterior, "importance", draws=draws, seed=1).evidence
                print(f"{data}, {title}, {model}: {found[model]}", flush=True)
            cells = [f"{found[one].lnz - found[other].lnz:+.2f}" for one, other in _PAIRS.values()]
            error = 2.0**0.5 * max(evidence.lnz_err for evidence in found.values())
            lines.append(f"| {data} | {title} | " + " | ".join(cells) + f" | {error:.2f} |")
    return lines


def main() -> int:
    """Print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("results/rim"), help="folder (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=4000, help="of each repetition (default: %(default)s)")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        near_rim = Path(folder) / "near_rim.toml"
        near_rim.write_text(_NEAR)
        lines = rows(arguments.draws, near_rim)
    (arguments.output / "rim_evidence.inc").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())

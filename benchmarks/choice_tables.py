"""Tables of what choices make of ln B of Min over Max: the numbers of the pages on systematics, robustness and physics.

Systematic errors of LHAASO-KM2A are sampled here, each choice by itself, with the p-values of both hypotheses; all
other tables are taken from a finished atlas. Importance sampling, seed 1, gamma-optimized transport. Run it from the
repository:

    crsea-infer robustness min_vs_max --output results/atlas
    python benchmarks/choice_tables.py --atlas results/atlas --output docs/figures/choices
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import crsea_infer as cr
from crsea_infer.analysis.predictive_checks import check_predictions
from crsea_infer.plan.choices import load_choices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_REGIONS: Final = ("lhaaso_km2a_inner", "lhaaso_km2a_outer")
_HYPOTHESES: Final = ("gamma-optimized-min", "gamma-optimized-max")
_SETS: Final = (("gamma_optimized", "min", "gas", "infrared"), ("gamma_optimized", "max", "gas", "infrared"))


def _over(length: float | str, **more: Any) -> dict[str, dict[str, Any]]:
    """Return options of an error of both regions, correlated over a length in decades."""
    systematics = {"kind": "energy-correlated", "length_dex": length, "shared_with": list(_REGIONS)}
    return {name: {"systematics": systematics, **more} for name in _REGIONS}


_ONE_SCATTER: Final = {"lower": 0.01, "upper": 0.6, "name": "lhaaso_km2a_scatter"}
_SCALE: Final = {"shared_with": list(_REGIONS)}
_SYSTEMATICS: Final[dict[str, Mapping[str, Mapping[str, Any]]]] = {
    "**over 0.5 dex, regions shared (the runs that ship)**": _over(0.5),
    "over 0.5 dex, each region its own": {
        name: {"systematics": {"kind": "energy-correlated", "length_dex": 0.5}} for name in _REGIONS
    },
    "over 1 dex, regions shared": _over(1.0),
    "over 0.2 dex (one bin), regions shared": _over(0.2),
    "over a free length (0.1 to 3 dex), regions shared": _over("free"),
    "independent from point to point": {name: {"systematics": "diagonal"} for name in _REGIONS},
    "one shift per region (the data sets by themselves)": {},
    "one shift of both regions": _over(float("inf")),
    "over 0.5 dex, with one extra scatter": _over(0.5, extra_scatter=_ONE_SCATTER),
    "over 0.5 dex, with a scatter in each region": _over(0.5, extra_scatter={}),
    "over 0.5 dex, energy scale of KM2A free by 5 %": _over(0.5, energy_scale=_SCALE | {"fraction": 0.05}),
    "by 10 %": _over(0.5, energy_scale=_SCALE | {"fraction": 0.10}),
    "by 20 %": _over(0.5, energy_scale=_SCALE | {"fraction": 0.20}),
}


def systematics_table(draws: int) -> list[str]:
    """Sample both hypotheses with each choice, and return the lines of the table."""
    lines = [
        "| systematics | ln Z (Min) | ln Z (Max) | ln B (Min : Max) | p (Min) | p (Max) |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for title, options in _SYSTEMATICS.items():
        evidences, fits = [], []
        for hypothesis in _SETS:
            posterior = cr.Posterior(hypothesis, data=list(_REGIONS), options=options)
            sampled = cr.sample(posterior, "importance", draws=draws, seed=1)
            if not sampled.converged:  # as a run does when the gates of importance sampling refuse
                print(f"{title}, {hypothesis}: by tempered particles", flush=True)
                sampled = cr.sample(posterior, "smc", seed=1)
            if not sampled.converged:
                raise SystemExit(f"{title}, {hypothesis}: not converged")
            evidences.append(sampled.evidence)
            check = check_predictions(posterior.inner, sampled.equal_samples(4000), np.random.default_rng(1))[-1]
            fits.append(min((check.posterior, check.posterior_runs), key=lambda one: one.value))
        low, high = evidences
        error = float(np.hypot(low.lnz_err, high.lnz_err))
        said = [str(fit).removeprefix("p = ").removeprefix("p ") for fit in fits]
        found = (low.lnz, high.lnz, low.lnz - high.lnz, error)
        line = f"| {title} | {_cells(found)} | {said[0]} | {said[1]} |"
        print(line, flush=True)
        lines.append(line)
    return lines


def _rows_of(atlas: Path) -> dict[tuple[tuple[str, str], ...], tuple[float, float, float, float]]:
    """Return ln Z of Min and of Max, ln B and its error for every combination of an atlas, by (axis, option)."""
    report = cr.open_atlas(atlas).report
    low, high = (report.evidences[name] for name in _HYPOTHESES)
    return {one: (low[one].lnz, high[one].lnz, *report.ln_b(_HYPOTHESES, one)) for one in low}


def _cells(found: tuple[float, float, float, float]) -> str:
    return f"{found[0]:.2f} | {found[1]:.2f} | {found[2]:.2f} ± {found[3]:.2f}"


def options_table(rows: Mapping[Any, tuple[float, float, float, float]]) -> list[str]:
    """Return a table of every option by itself."""
    choices = load_choices("standard")
    lines = [
        "| axis | option | ln Z Min | ln Z Max | ln B |",
        "|---|---|--:|--:|--:|",
        f"| | as shipped | {_cells(rows[()])} |",
    ]
    for axis in choices.axes:
        title = axis.title
        for option in axis.options:
            key = ((axis.name, option.name),)
            if key in rows:
                lines.append(f"| {title} | {option.title} | {_cells(rows[key])} |")
                title = ""
    return lines


_PHYSICS: Final = {
    "nothing (as shipped)": (),
    "cross-section (`cross_section`)": (("cross_section", "free"),),
    "gas by rings (`gas_rings`)": (("gas", "free"),),
    "gas by rings and cross-section (`...-free-physics` with `infrared`)": (("cross_section", "free"), ("gas", "free")),
    "ionised gas (`ionised_gas`)": (("gas", "ionised"),),
    "absorption on the CMB alone (without `infrared`)": (("absorption", "cmb"),),
    "$X_\\mathrm{CO}$ the same in all rings (20 %)": (("gas", "flat"),),
    "the same, one shift per region": (("systematics", "one_shift"), ("gas", "flat")),
    "the same, systematics independent per point": (("systematics", "independent"), ("gas", "flat")),
    "cross-section, one shift per region": (("systematics", "one_shift"), ("cross_section", "free")),
    "cross-section, systematics independent per point": (("systematics", "independent"), ("cross_section", "free")),
    "gas by rings, one shift per region": (("systematics", "one_shift"), ("gas", "free")),
}


def physics_table(rows: Mapping[Any, tuple[float, float, float, float]]) -> list[str]:
    """Return the table of physics that is free besides, by itself and with other systematics."""
    head = ["| free besides | ln Z (Min) | ln Z (Max) | ln B (Min : Max) |", "|---|--:|--:|--:|"]
    return head + [f"| {title} | {_cells(rows[key])} |" for title, key in _PHYSICS.items()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("results/choices"), help="folder (default: %(default)s)")
    parser.add_argument(
        "--atlas", type=Path, help="finished atlas of min_vs_max, or the run beside it; without it, systematics alone"
    )
    parser.add_argument("--no-sampling", action="store_true", help="tables of the atlas alone")
    parser.add_argument("--draws", type=int, default=8000, help="of each repetition (default: %(default)s)")
    given = parser.parse_args(arguments)
    rows = None if given.atlas is None else _rows_of(given.atlas)  # before minutes of sampling
    tables = {} if given.no_sampling else {"systematics": systematics_table(given.draws)}
    if rows is not None:
        tables |= {"options": options_table(rows), "physics": physics_table(rows)}
    given.output.mkdir(parents=True, exist_ok=True)
    for name, lines in tables.items():
        (given.output / f"{name}.inc").write_text("\n".join(lines) + "\n")
        print("\n".join(lines), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

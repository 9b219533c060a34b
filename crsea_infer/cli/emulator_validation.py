"""What ``crsea-infer emulator validate`` does: the emulator against the solver, and against the errors of data sets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from crsea_infer.emulator.response.response_sky import EmulatedSky
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.inference.likelihoods.likelihood import Likelihood
    from crsea_infer.support.arrays import Float64

from crsea_infer.analysis.emulator_error import check_emulator, shift_text

__all__ = ["validate_command"]

_PRIOR_SETS: Final = ("gamma_optimized_free", "min", "gas", "leptons")


def validate_command(arguments: argparse.Namespace) -> str:
    """Do ``crsea-infer emulator validate`` and return what it prints.

    Raises
    ------
    UserError
        When a file, data set or hypothesis cannot be used.
    """
    from crsea_infer.emulator.archive import archive_kind
    from crsea_infer.hypotheses.hypothesis import build_hypothesis, load_hypothesis
    from crsea_infer.inference.likelihoods.absent_tables import names_at_hand
    from crsea_infer.inference.likelihoods.likelihood import load_likelihood

    hypothesis = (
        load_hypothesis(arguments.hypothesis)
        if arguments.hypothesis
        else build_hypothesis("held-out", _PRIOR_SETS, title="prior draws of a validation")
    )
    names = list(dict.fromkeys(arguments.likelihood or names_at_hand()))
    likelihoods = [load_likelihood(name) for name in names]
    path: Path | None = arguments.emulator
    if path is None or archive_kind(path) == "response":
        return _validate_responses(arguments, likelihoods, hypothesis)
    return _validate_spectra(arguments, likelihoods, hypothesis)


def _validate_responses(
    arguments: argparse.Namespace, likelihoods: Sequence[Likelihood], hypothesis: Hypothesis
) -> str:
    from crsea_infer.emulator.held_out import HeldOutSky, solve_held_out
    from crsea_infer.emulator.response.response_sky import EmulatedSky
    from crsea_infer.emulator.response.store import read_emulator
    from crsea_infer.emulator.response_validation import validate
    from crsea_infer.emulator.validation_table import error_text
    from crsea_infer.support.progress import counter

    if arguments.grid is not None:
        raise UserError(
            f"--grid {arguments.grid} with an emulator of responses",
            valid="--grid for emulators of spectra; this one is compared with the solver",
            fix="leave --grid out",
        )
    emulator = read_emulator(arguments.emulator)
    settings = emulator.settings
    extra = _other_regions(likelihoods, settings.regions) if arguments.likelihood else ()
    wanted = replace(settings, regions=(*settings.regions, *extra))
    with counter("held-out points") as progress:
        held_out = solve_held_out(wanted, arguments.n, progress=progress)
    if settings.electrons is None:
        scales = {"inverse_compton_scale", "bremsstrahlung_scale"}
        parameters = tuple(parameter for parameter in hypothesis.parameters if parameter.name not in scales)
        hypothesis = replace(hypothesis, parameters=parameters)
    sky: EmulatedSky = EmulatedSky(emulator)
    stated = replace(emulator, metadata={"validation": validate(emulator, held_out).table()})
    check = check_emulator(
        EmulatedSky(stated),
        HeldOutSky(held_out, absorption=sky.absorption),
        held_out.parameters,
        likelihoods,
        hypothesis,
        skip_unknown=not arguments.likelihood,
    )
    hint = "--likelihood NAME has transport solved for a region that the emulator lacks" if check.skipped else ""
    return "\n\n".join(part for part in (error_text(stated.metadata["validation"]), shift_text(check), hint) if part)


def _other_regions(likelihoods: Sequence[Likelihood], known: Sequence[str]) -> tuple[str, ...]:
    """Return the regions that data sets need beside those known."""
    from crsea_infer.physics.regions import region_key

    keys = [region_key(r.region) for likelihood in likelihoods for r in likelihood.requests if r.region is not None]
    return tuple(dict.fromkeys(key for key in keys if key not in known))


def _validate_spectra(arguments: argparse.Namespace, likelihoods: Sequence[Likelihood], hypothesis: Hypothesis) -> str:
    from crsea_infer.emulator.held_out import held_out_spectra
    from crsea_infer.emulator.spectra.any_grid import models_inside
    from crsea_infer.emulator.spectra.spectra_emulator import read_spectra_emulator
    from crsea_infer.emulator.spectra.spectra_sky import SpectraSky
    from crsea_infer.emulator.spectra.training import held_out_errors, spectra_table
    from crsea_infer.emulator.validation_table import error_text

    emulator = read_spectra_emulator(arguments.emulator)
    table = emulator.metadata["validation"]
    left_out = ""
    if arguments.grid is not None:
        grid, n_outside = models_inside(emulator, arguments.grid)
        table = spectra_table(held_out_errors(emulator, grid), emulator)
        left_out = f"{n_outside} points of {arguments.grid} lie outside the box and were left out" if n_outside else ""
        points, logs = grid.points, np.log(grid.intensities)
    elif emulator.held_out is not None:
        points = emulator.held_out.points
        logs = emulator.log_intensities(_by_name(emulator, points)) - emulator.held_out.logs
    else:
        return error_text(table)
    check = check_emulator(
        SpectraSky(emulator),
        held_out_spectra(emulator, points, logs),
        _by_name(emulator, points),
        likelihoods,
        hypothesis,
        skip_unknown=not arguments.likelihood,
    )
    return "\n\n".join(part for part in (error_text(table), left_out, shift_text(check)) if part)


def _by_name(emulator: Any, points: Float64) -> dict[str, Float64]:
    return {parameter.name: points[:, i] for i, parameter in enumerate(emulator.parameters)}

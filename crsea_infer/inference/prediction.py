"""Intensities that a hypothesis predicts, for any request: at its published values, or at draws of its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from crsea_infer.emulator.sky_model import Request
from crsea_infer.emulator.sky_of_physics import sky_for
from crsea_infer.inference.parameter_checks import check_names
from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.emulator.sky_model import Messenger, SkyModel
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.support.arrays import Float64

__all__ = ["intensities", "parameter_values", "predict", "predict_profile", "request_for", "settable"]


def parameter_values(
    hypothesis: Hypothesis,
    changes: Mapping[str, float],
    box: Mapping[str, tuple[float, float]],
    optional: Sequence[str] = (),
) -> dict[str, Float64]:
    """Return the fiducial values of a hypothesis with some of them changed.

    Parameters
    ----------
    changes
        Values by name: of its parameters, or of others that the sky model uses when they are given.
    box
        Of the sky model.
    optional
        Names of those others.

    Raises
    ------
    UserError
        When a changed parameter does not exist, is not finite, or lies outside the box of the model.
    """
    values = {parameter.name: float(parameter.fiducial) for parameter in hypothesis.parameters}
    for name, value in changes.items():
        if name not in values and name not in optional:
            raise unknown_name("parameter", name, dict.fromkeys((*values, *optional)), where=f"{name} = {value:g}")
        if not np.isfinite(value):
            raise UserError(f"{name} = {value}", valid="a finite number")
        values[name] = float(value)
    for name, (low, high) in box.items():
        if name in values and not low <= values[name] <= high:
            raise UserError(
                f"{name} = {values[name]:g} is outside the box of the model",
                valid=f"{low:g} to {high:g}",
                fix=f"choose a value inside, for example {name} = {min(max(values[name], low), high):g}",
            )
    positive = [
        name
        for name in values
        if name.endswith(("_norm", "_scale", "_ratio")) or "_break_" in name or "_smoothness_" in name
    ]
    for name in positive:
        if not values[name] > 0:
            raise UserError(f"{name} = {values[name]:g}", valid="a value above 0")
    return {name: np.asarray(value) for name, value in values.items()}


def settable(hypothesis: Hypothesis, model: SkyModel, requests: Sequence[Request]) -> tuple[str, ...]:
    """Return the names of parameters that a hypothesis lacks and that the sky model uses when they are given.

    These are choices of physics, and the widths of the breaks of its local spectra.
    """
    optional = model.parameters(requests).optional
    breaks = (parameter.name for parameter in hypothesis.parameters if "_break_" in parameter.name)
    widths = (name.replace("_break_", "_smoothness_") for name in breaks)
    return (*optional.single, *(name for name in widths if name in optional))


def request_for(
    energies: Sequence[float], messenger: Messenger = "gamma", region: str | None = None, radius: float | None = None
) -> Request:
    """Return a request for gamma rays unless another messenger is asked for.

    Parameters
    ----------
    energies
        GeV (GeV per nucleon for helium).
    messenger, region, radius
        As in :class:`crsea_infer.emulator.sky_model.Request`, which checks them.
    """
    return Request(messenger, tuple(float(energy) for energy in energies), region, radius)


def intensities(
    model: SkyModel, requests: Sequence[Request], values: Mapping[str, Float64]
) -> list[dict[str, Float64]]:
    """Return the intensity of each request, in total and per component, each of shape [..., n_energies].

    Parameters
    ----------
    model
        The sky model.
    values
        Every parameter of a hypothesis by name [...].

    Returns
    -------
    list
        For each request "intensity" and one entry per component. Units are those of
        :class:`crsea_infer.emulator.sky_model.BoundModel`.
    """
    from crsea_infer.inference.unresolved_sources import with_unresolved_sources

    whole = with_unresolved_sources(model, list(values))
    return [
        {"intensity": np.asarray(sum(components.values())), **components}
        for components in whole.bind(requests).components(values)
    ]


def predict(
    hypothesis: Hypothesis,
    request: Request,
    model: SkyModel,
    changes: Mapping[str, float] | None = None,
) -> dict[str, Float64]:
    """Return what a hypothesis predicts for one request: "intensity" and components, each of shape [n_energies].

    Raises
    ------
    UserError
        When a parameter, region or energy is not one that the model knows.
    """
    model = sky_for(model, hypothesis)
    check_names(hypothesis, model, [request])
    values = parameter_values(hypothesis, changes or {}, model.box, settable(hypothesis, model, [request]))
    return intensities(model, [request], values)[0]


def predict_profile(
    hypothesis: Hypothesis,
    request: Request,
    model: SkyModel,
    axis: Literal["longitude", "latitude"],
    bins: int,
    changes: Mapping[str, float] | None = None,
) -> dict[str, Float64]:
    """Return the predicted intensity of equal steps of longitude or latitude, one row per step and energy.

    Parameters
    ----------
    hypothesis, model, changes
        As in :func:`predict`.
    request
        Its region is cut; the mask stays on every part.
    axis, bins
        Along which axis, into how many steps.

    Returns
    -------
    dict
        "<axis>_low_deg", "<axis>_high_deg", "energy_gev", "intensity" and one entry per component, each of shape
        [bins * n_energies]. Steps that the mask covers altogether have no intensity: NaN.
    """
    from crsea_infer.physics.regions import parse_region, split_region

    if request.region is None:
        raise UserError(
            f"a profile with the messenger {request.messenger}", valid="a profile for gamma rays and neutrinos"
        )
    energies = request.energies
    parts = split_region(parse_region(request.region), axis, bins)
    seen = [part for part in parts if part.solid_angle > 0]
    requests = [Request(request.messenger, energies, part.name) for part in seen]
    model = sky_for(model, hypothesis)
    check_names(hypothesis, model, requests)
    values = parameter_values(hypothesis, changes or {}, model.box, settable(hypothesis, model, requests))
    results = intensities(model, requests, values)
    by_name = {part.name: result for part, result in zip(seen, results, strict=True)}
    nothing = {name: np.full(len(energies), np.nan) for name in results[0]}
    columns: dict[str, list[Float64]] = {f"{axis}_low_deg": [], f"{axis}_high_deg": [], "energy_gev": []}
    for part in parts:
        low, high = part.longitude if axis == "longitude" else part.latitude
        row = {f"{axis}_low_deg": np.full(len(energies), low), f"{axis}_high_deg": np.full(len(energies), high)}
        row |= {"energy_gev": np.asarray(energies, dtype=float)} | by_name.get(part.name, nothing)
        for name, column in row.items():
            columns.setdefault(name, []).append(column)
    return {name: np.concatenate(column) for name, column in columns.items()}

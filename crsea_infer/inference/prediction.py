"""One prediction on the command line: a hypothesis, a place, a list of energies, a table.

Values are the fiducial (published) ones of the hypothesis unless set otherwise. The default comes from the emulator,
``exact`` from the transport solver.
"""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING, Literal

import numpy as np

from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.emulator.sky_model import Messenger, Request
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.support.arrays import Float64

__all__ = ["parameter_values", "predict", "predict_command", "predict_profile"]

_UNITS = {
    "gamma": "GeV^-1 cm^-2 s^-1 sr^-1",
    "neutrino": "GeV^-1 cm^-2 s^-1 sr^-1",
    "proton": "GeV^-1 m^-2 s^-1 sr^-1",
    "helium": "GeV^-1 m^-2 s^-1 sr^-1",
}
_WORDS = {
    "gamma": "gamma-ray intensity, mean of the region",
    "neutrino": "neutrino intensity (neutrinos plus antineutrinos; one flavour unless stated), mean of the region",
    "proton": "proton intensity against kinetic energy, unmodulated",
    "helium": "helium intensity per GeV/n against kinetic energy per nucleon, unmodulated",
}


def parameter_values(
    hypothesis: Hypothesis, changes: Mapping[str, float], box: Mapping[str, tuple[float, float]]
) -> dict[str, Float64]:
    """Return the fiducial values of a hypothesis with some of them changed.

    Raises
    ------
    UserError
        When a changed parameter does not exist, is not finite, or lies outside the box of the model.
    """
    values = {parameter.name: float(parameter.fiducial) for parameter in hypothesis.parameters}
    for name, value in changes.items():
        if name not in values:
            raise unknown_name("parameter", name, values, where=f"--set {name}={value:g}")
        if not np.isfinite(value):
            raise UserError(f"--set {name}={value}", valid="a finite number")
        values[name] = value
    for name, (low, high) in box.items():
        if name in values and not low <= values[name] <= high:
            raise UserError(
                f"{name} = {values[name]:g} is outside the box of the model",
                valid=f"{low:g} to {high:g}",
                fix=f"choose a value inside, for example --set {name}={min(max(values[name], low), high):g}",
            )
    positive = [name for name in values if name.endswith(("_norm", "_scale", "_ratio")) or "_break_" in name]
    for name in positive:
        if not values[name] > 0:
            raise UserError(f"--set {name}={values[name]:g}", valid="a value above 0")
    return {name: np.asarray(value) for name, value in values.items()}


def predict(
    hypothesis: Hypothesis,
    energies: Sequence[float],
    *,
    messenger: Messenger = "gamma",
    region: str | None = None,
    radius: float | None = None,
    changes: Mapping[str, float] | None = None,
    exact: bool = False,
    absorption: bool = True,
) -> dict[str, Float64]:
    """Return the predicted intensity at the given energies, in total and per component.

    Parameters
    ----------
    hypothesis
        Whose fiducial values are used.
    energies
        GeV (GeV per nucleon for helium).
    messenger
        "gamma", "neutrino", "proton" or "helium".
    region
        Sky region (gamma rays and neutrinos).
    radius
        Galactocentric radius in kpc (cosmic rays); None for the Sun.
    changes
        Values that differ from the fiducial ones.
    exact
        Use the transport solver rather than the emulator.
    absorption
        Whether gamma rays are absorbed on their way.

    Returns
    -------
    dict
        "intensity" and one entry per component, each of shape [n_energies].

    Raises
    ------
    UserError
        When a parameter, region or energy is not one that the model knows.
    """
    from crsea_infer.emulator.sky_model import Request

    on_sky = messenger in {"gamma", "neutrino"}
    if on_sky and region is None:
        raise UserError(f"no --region for {messenger} rays", fix="add for example --region lhaaso_inner")
    if on_sky and radius is not None:
        raise UserError(f"--radius with --messenger {messenger}", valid="--radius goes with proton or helium")
    if not on_sky and region is not None:
        raise UserError(f"--region with --messenger {messenger}", valid="--region goes with gamma or neutrino")
    request = Request(messenger, tuple(energies), region, radius)
    return _evaluate(hypothesis, [request], changes or {}, exact=exact, absorption=absorption)[0]


def predict_profile(
    hypothesis: Hypothesis,
    energies: Sequence[float],
    region: str,
    axis: Literal["longitude", "latitude"],
    bins: int,
    *,
    messenger: Messenger = "gamma",
    changes: Mapping[str, float] | None = None,
    exact: bool = False,
    absorption: bool = True,
) -> dict[str, Float64]:
    """Return the predicted intensity of equal steps of longitude or latitude, one row per step and energy.

    Parameters
    ----------
    hypothesis, energies, messenger, changes, exact, absorption
        As in :func:`predict`.
    region
        Sky region to cut; its mask stays on every part.
    axis, bins
        Along which axis, into how many steps.

    Returns
    -------
    dict
        "<axis>_low_deg", "<axis>_high_deg", "energy_gev", "intensity" and one entry per component, each of shape
        [bins * n_energies]. Steps that the mask covers altogether have no intensity: NaN.
    """
    from crsea_infer.emulator.sky_model import Request
    from crsea_infer.physics.regions import parse_region, split_region

    parts = split_region(parse_region(region), axis, bins)
    seen = [part for part in parts if part.solid_angle > 0]
    requests = [Request(messenger, tuple(energies), part.name) for part in seen]
    results = _evaluate(hypothesis, requests, changes or {}, exact=exact, absorption=absorption)
    by_name = {part.name: result for part, result in zip(seen, results, strict=True)}
    nothing = {name: np.full(len(energies), np.nan) for name in results[0]}
    columns: dict[str, list[Float64]] = {f"{axis}_low_deg": [], f"{axis}_high_deg": [], "energy_gev": []}
    for part in parts:
        low, high = part.longitude if axis == "longitude" else part.latitude
        row = {f"{axis}_low_deg": np.full(len(energies), low), f"{axis}_high_deg": np.full(len(energies), high)}
        row |= {"energy_gev": np.asarray(energies, dtype=float)} | by_name.get(part.name, nothing)
        for name, values in row.items():
            columns.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in columns.items()}


def _evaluate(
    hypothesis: Hypothesis, requests: Sequence[Request], changes: Mapping[str, float], *, exact: bool, absorption: bool
) -> list[dict[str, Float64]]:
    from crsea_infer.emulator import exact as exact_model
    from crsea_infer.emulator import load
    from crsea_infer.inference.posterior import check_names
    from crsea_infer.inference.unresolved_sources import with_unresolved_sources

    model = exact_model(absorption=absorption) if exact else load(absorption=absorption)
    check_names(hypothesis, model, requests)
    model = with_unresolved_sources(model, [parameter.name for parameter in hypothesis.parameters])
    values = parameter_values(hypothesis, changes, model.box)
    return [
        {"intensity": np.asarray(sum(components.values())), **components}
        for components in model.bind(requests).components(values)
    ]


def predict_command(
    hypothesis: str,
    region: str | None,
    energies: Sequence[float],
    messenger: Messenger,
    changes: Mapping[str, float],
    exact: bool,
    output_format: Literal["ecsv", "json"],
    radius: float | None,
    *,
    absorption: bool = True,
    all_flavours: bool = False,
    profile: tuple[Literal["longitude", "latitude"], int] | None = None,
) -> str:
    """Return the text that ``crsea-infer predict`` prints; the arguments are those of :func:`predict`."""
    from crsea_infer.hypotheses.hypothesis import load_hypothesis

    loaded = load_hypothesis(hypothesis)
    how = {"changes": changes, "exact": exact, "absorption": absorption}
    columns: dict[str, Float64]
    if profile is not None and region is not None:
        columns = predict_profile(loaded, energies, region, *profile, messenger=messenger, **how)  # type: ignore[arg-type]
    else:
        result = predict(loaded, energies, messenger=messenger, region=region, radius=radius, **how)  # type: ignore[arg-type]
        columns = {"energy_gev": np.asarray(energies), **result}
    if all_flavours:
        columns = {
            name: values if name == "energy_gev" or name.endswith("_deg") else 3.0 * values
            for name, values in columns.items()
        }
    if output_format == "json":
        # a step that the mask covers has no intensity: null, which JSON has, rather than NaN, which it has not
        return json.dumps(
            {
                name: [None if np.isnan(value) else value for value in values.tolist()]
                for name, values in columns.items()
            }
        )
    at = "the Sun" if radius is None else f"Galactocentric radius {radius:g} kpc"
    meta = {
        "hypothesis": loaded.name,
        "place": at if region is None else region,
        "messenger": f"{messenger}, all flavours" if all_flavours else messenger,
        "computed_by": "transport solver" if exact else "emulator",
    }
    return _ecsv(columns, messenger, meta)


def _ecsv(columns: Mapping[str, Float64], messenger: Messenger, meta: Mapping[str, str]) -> str:
    from astropy.table import Column, Table

    table = Table(meta=dict(meta))
    for name, values in columns.items():
        if name == "energy_gev":
            unit, description = "GeV", "energy (kinetic for cosmic rays, per nucleon for helium)"
        elif name.endswith("_deg"):
            unit, description = "deg", f"{name.split('_')[1]} edge of the step in Galactic {name.split('_')[0]}"
        else:
            unit = _UNITS[messenger].replace("^", "")
            description = _WORDS[messenger] if name == "intensity" else f"of which from {name}"
        table[name] = Column(values, unit=unit, description=description, format="%.6g")
    stream = StringIO()
    table.write(stream, format="ascii.ecsv")
    return stream.getvalue().rstrip("\n")

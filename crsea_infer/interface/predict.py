"""The intensity that a hypothesis predicts, as a table with units; the command line prints the same table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from astropy.table import QTable
    from astropy.units import Quantity

    from crsea_infer.emulator.sky_model import Messenger, SkyModel
    from crsea_infer.hypotheses.hypothesis import Hypothesis
    from crsea_infer.physics.regions import Region
    from crsea_infer.support.arrays import Float64

__all__ = ["demanding", "flux", "predict", "steps_of"]

_WORDS = {
    "gamma": "gamma-ray intensity, mean of the region",
    "neutrino": "neutrino intensity (neutrinos plus antineutrinos; one flavour unless stated), mean of the region",
    "proton": "proton intensity against kinetic energy, unmodulated",
    "helium": "helium intensity per GeV/n against kinetic energy per nucleon, unmodulated",
}
_AXES = ("longitude", "latitude")


def predict(
    hypothesis: str | Sequence[str] | Hypothesis,
    region: str | None = None,
    energies: Quantity | None = None,
    *,
    messenger: Messenger = "gamma",
    radius: Quantity | None = None,
    changes: Mapping[str, float] | None = None,
    profile: tuple[str, int] | None = None,
    all_flavours: bool = False,
    absorption: bool = True,
    exact: bool = False,
    emulator: str | Path | SkyModel | None = None,
    physics: Mapping[str, Any] | None = None,
) -> QTable:
    """Return the intensity that a hypothesis predicts at its published values, in total and per component.

    Parameters
    ----------
    hypothesis
        Name, list of prior sets, or object.
    region
        Sky region for gamma rays and neutrinos: a name or a box, such as "l=25..100,b=-5..5".
    energies
        Shape [n]; kinetic for cosmic rays, per nucleon for helium. Default: 10 GeV to 1 PeV, four per decade.
    messenger
        "gamma", "neutrino" (neutrinos plus antineutrinos), "proton" or "helium".
    radius
        Galactocentric radius, for protons and helium; None for the Sun.
    changes
        Parameters that differ from their published values.
    profile
        Axis ("longitude" or "latitude") and number of equal steps into which the region is cut.
    all_flavours
        Neutrinos of all flavours instead of one.
    absorption
        Whether gamma rays are absorbed on their way.
    exact
        Use the transport solver rather than the emulator.
    emulator
        Another sky model than that of the package: a file or an object.
    physics
        What is demanded of the sky model in place of what the hypothesis demands, with the keys of the table
        `[physics]` of a prior set: ``{"rim": 12.0}``.

    Returns
    -------
    QTable
        Columns `energy`, `intensity` and one per component (rows are steps times energies for a profile, with the
        edges of the steps); the solid angle of the region stands in the metadata.

    Raises
    ------
    UserError
        When something named does not exist, does not fit, or has the wrong unit.

    Examples
    --------
    >>> import crsea_infer as cr, astropy.units as u
    >>> table = cr.predict("base-min", region="l=25..100,b=-5..5", energies=[1, 10] * u.TeV)
    >>> table.colnames
    ['energy', 'intensity', 'HI', 'H2']
    >>> table["intensity"].unit.to_string()
    '1 / (GeV s sr cm2)'
    """
    from astropy import units as u
    from astropy.table import QTable

    from crsea_infer.interface.named_posterior import hypothesis_of
    from crsea_infer.interface.quantities import INTENSITY, request_in_units

    if energies is None:
        energies = u.Quantity(10.0 ** (1 + np.arange(21) / 4), "GeV")
    request = request_in_units(energies, messenger, region, radius)
    if all_flavours and messenger != "neutrino":
        raise UserError(f"all flavours of the messenger {messenger}", valid="all flavours of neutrinos")
    found = demanding(hypothesis_of(hypothesis), physics or {})
    model = _model(exact=exact, absorption=absorption, emulator=emulator)
    factor = 3.0 if all_flavours else 1.0
    meta: dict[str, Any] = {
        "hypothesis": found.name,
        "place": region or ("the Sun" if radius is None else f"Galactocentric radius {request.radius:g} kpc"),
        "messenger": f"{messenger}, all flavours" if all_flavours else messenger,
        "computed_by": "transport solver" if exact else "emulator",
    }
    if region is not None:
        from crsea_infer.physics.regions import parse_region

        meta["solid_angle_sr"] = float(parse_region(region).solid_angle)
    columns = _columns(found, request, model, changes or {}, profile)
    table = QTable(meta=meta)
    for name, values in columns.items():
        if name == "energy_gev":
            table["energy"] = u.Quantity(values, "GeV").to(u.Quantity(energies).unit)
            table["energy"].info.description = "energy (kinetic for cosmic rays, per nucleon for helium)"
        elif name.endswith("_deg"):
            axis, edge, _ = name.split("_")
            table[f"{axis}_{edge}"] = u.Quantity(values, "deg")
            table[f"{axis}_{edge}"].info.description = f"{edge} edge of the step in Galactic {axis}"
        else:
            table[name] = u.Quantity(factor * values, INTENSITY[messenger])
            table[name].info.format = ".4g"
            table[name].info.description = _WORDS[messenger] if name == "intensity" else f"of which from {name}"
    return table


def demanding(hypothesis: Hypothesis, physics: Mapping[str, Any]) -> Hypothesis:
    """Return the hypothesis with some physics in place of what it demands of the sky model."""
    import dataclasses

    from crsea_infer.content.toml_files import validate
    from crsea_infer.hypotheses.demanded_physics import PhysicsEntry

    if not physics:
        return hypothesis
    wanted = validate(PhysicsEntry, physics, "physics").demanded()
    return dataclasses.replace(hypothesis, physics=hypothesis.physics.then(wanted))


def steps_of(region: str | None, messenger: str, profile: tuple[str, int]) -> list[Region]:
    """Return the steps of a profile; see :func:`predict`.

    Raises
    ------
    UserError
        When the axis or the number of steps is none, or the messenger has no region.
    """
    from crsea_infer.physics.regions import parse_region, split_region

    axis, bins = profile
    if axis not in _AXES or isinstance(bins, bool) or not 1 <= bins <= 360:
        raise UserError(
            f"profile = {profile!r}", valid='("longitude", N) or ("latitude", N) with N from 1 to 360 steps'
        )
    if region is None:
        raise UserError(f"a profile with the messenger {messenger}", valid="a profile for gamma rays and neutrinos")
    return split_region(parse_region(region), axis, bins)  # type: ignore[arg-type]


def _columns(
    hypothesis: Hypothesis, request: Any, model: SkyModel, changes: Mapping[str, float], profile: tuple[str, int] | None
) -> dict[str, Float64]:
    from crsea_infer.inference import prediction

    if profile is None:
        found = prediction.predict(hypothesis, request, model, changes)
        return {"energy_gev": np.asarray(request.energies), **found}
    axis, bins = profile
    steps_of(request.region, request.messenger, profile)
    return prediction.predict_profile(hypothesis, request, model, axis, bins, changes)  # type: ignore[arg-type]


def _model(*, exact: bool, absorption: bool, emulator: str | Path | SkyModel | None) -> SkyModel:
    from pathlib import Path

    from crsea_infer import emulator as emulators
    from crsea_infer.interface.named_posterior import sky_model_of

    if emulator is not None and not isinstance(emulator, str | Path):
        return emulator
    if not exact and absorption:
        return sky_model_of(emulator)
    path = None if emulator is None else Path(emulator).expanduser()
    return emulators.exact(path, absorption=absorption) if exact else emulators.load(path, absorption=absorption)


def flux(hypothesis: str, energies: Quantity, region: str = "full_sky", **options: Any) -> Quantity:
    """Return the flux of a whole region: mean intensity times solid angle, per GeV, cm2 and s.

    Parameters
    ----------
    hypothesis
        Name, as in ``crsea-infer list hypotheses``.
    energies
        Shape [n].
    region
        Sky region; the default is the whole sky.
    **options
        Passed on to :func:`crsea_infer.predict`.

    Examples
    --------
    >>> import crsea_infer as cr, astropy.units as u
    >>> cr.flux("base-min", [10] * u.TeV, "tibet_inner").unit.to_string()
    '1 / (GeV s cm2)'
    """
    from astropy import units as u

    from crsea_infer.physics.regions import parse_region

    mean = predict(hypothesis, energies=energies, region=region, **options)["intensity"]
    return u.Quantity(mean * (parse_region(region).solid_angle * u.sr)).to("GeV-1 cm-2 s-1")

"""The norm of a sky template, compared in expected events of each band of sky and energy.

:mod:`crsea_infer.inference.likelihoods.template_normalisation` compares a prediction with a template through the flux
of the whole sky and one effective area, averaged over the template. Here the sky is cut into regions r, such as bands
of declination, each with its own effective area A_r and with the share s_r that the template has there. Events of the
hypothesis and of the template at norm 1, in bin e of energy, are

    N_re = live time x Omega_r x integral of I_r(E) A_r(E) dE,
    T_re = live time x s_r x integral of T(E) A_r(E) dE,

I_r being the predicted mean intensity of the region, and the predicted norm is n = sum N_re / sum T_re. The curve
ln L(n) is that of the published fit. Where the emission lies on the sky then counts as far as the detector sees one
part of it better than another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Self

import numpy as np
from pydantic import Field

from crsea_infer.content.measurements import Column, read_table
from crsea_infer.content.toml_files import validate
from crsea_infer.emulator.sky_model import Request
from crsea_infer.inference.likelihoods.extra_components import power_law_between
from crsea_infer.inference.likelihoods.likelihood import CommonEntry, LikelihoodFolder
from crsea_infer.inference.likelihoods.template_normalisation import SPECTRUM, TemplateNormalisation
from crsea_infer.physics.interpolation import interpolation_matrix
from crsea_infer.support.arrays import Array, Float64, array_namespace
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import file_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crsea_infer.content.measurements import MeasurementTable

__all__ = ["TemplateCounts"]

_BINS: Final = 4
_NODES: Final = 8
_YEAR: Final = 365.25 * 86400.0
_SHARES: Final = (
    Column("sin_declination_min", "", required=False),
    Column("sin_declination_max", "", required=False),
    Column("solid_angle", "sr", "positive"),
    Column("template_share", "", "non-negative"),
)


class _CountsEntry(CommonEntry):
    """The norm of one template, in events of several regions.

    Attributes
    ----------
    messenger
        What was measured; neutrinos per flavour.
    regions
        Parts of the sky, each a name or a box with a mask; together the sky of the template.
    areas
        The ECSV table of effective areas: `energy`, and `area_1`, `area_2`, ... in the order of `regions`.
    shares
        The ECSV table of the regions, in the same order: `solid_angle`, and `template_share` of the template's flux.
    fit
        The ECSV table of its norm and test statistic, in one row.
    spectrum
        The ECSV table of its flux at norm 1.
    live_time
        Of the detector, years.
    """

    messenger: Literal["gamma", "neutrino"]
    regions: list[str] = Field(min_length=1)
    areas: str
    shares: str
    fit: str
    spectrum: str
    live_time: float = Field(gt=0.0, le=1000.0)


@dataclass(frozen=True, eq=False)
class TemplateCounts(TemplateNormalisation):
    """The fit of one sky template, with the events of regions and bins of energy.

    Attributes
    ----------
    response
        [n_regions, n_energies, n_bins]: turns intensities of a region at the requested energies into events of bins.
    at_norm_one
        Events of the template at norm 1 [n_regions, n_bins].
    edges
        Of the bins of energy, GeV [n_bins + 1].
    """

    Settings: ClassVar[type[CommonEntry]] = _CountsEntry

    response: Float64 = field(default_factory=lambda: np.zeros((0, 0, 0)))
    at_norm_one: Float64 = field(default_factory=lambda: np.zeros((0, 0)))
    edges: Float64 = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def read(cls, folder: LikelihoodFolder) -> Self:
        """Read a data set's folder.

        Raises
        ------
        UserError
            When `likelihood.toml` or a table is not valid, or regions, areas and shares do not belong together.
        """
        entry = validate(_CountsEntry, folder.settings, folder.where)
        home, n = folder.path.parent, len(entry.regions)
        areas = read_table(
            home / entry.areas,
            [Column("energy", "GeV", "positive"), *(Column(f"area_{k + 1}", "cm2", "positive") for k in range(n))],
        )
        bands = read_table(home / entry.shares, _SHARES)
        shares, solid_angles = (bands.columns[name] for name in ("template_share", "solid_angle"))
        if len(shares) != n or not math.isclose(float(shares.sum()), 1.0, abs_tol=1e-3):
            raise UserError(
                f"{home / entry.shares}: {len(shares)} shares that add up to {shares.sum():.4g}, for {n} regions",
                valid="one share for each region, which add up to 1",
            )
        whole = TemplateNormalisation.read(_whole(folder, entry))
        spectrum = read_table(home / entry.spectrum, SPECTRUM)
        low, high = (float(whole.template.table.columns[f"energy_{end}"][0]) for end in ("min", "max"))
        grid = areas.columns["energy"]
        if len(grid) < 2 or np.any(np.diff(grid) <= 0) or grid[0] > low or grid[-1] < high:
            raise UserError(
                f"{areas.path}: its energies run from {grid[0]:g} to {grid[-1]:g} GeV",
                valid=f"rising energies over {low:g} to {high:g} GeV",
            )
        edges = np.geomspace(low, high, _BINS + 1)
        energies, response, at_one = _events(edges, spectrum, areas, n)
        seconds = entry.live_time * _YEAR
        tables = (entry.areas, entry.shares, entry.fit, entry.spectrum)
        asked = tuple(energies.tolist())
        return replace(  # of a dataclass, whose class stays that of the first argument
            cls(**{name: getattr(whole, name) for name in [one.name for one in fields(whole)]}),
            settings={**entry.model_dump(), "tables_sha256": {name: file_digest(home / name) for name in tables}},
            requests=tuple(Request(entry.messenger, asked, region) for region in entry.regions),
            response=seconds * solid_angles[:, None, None] * response,
            at_norm_one=seconds * shares[:, None] * at_one,
            edges=edges,
        )

    def counts(self, predictions: tuple[Array, ...]) -> Array:
        """Return the expected events [..., n_regions, n_bins] of intensities [..., n_energies], one for each region."""
        xp = array_namespace(*predictions)
        parts = [xp.matmul(one, xp.asarray(response)) for one, response in zip(predictions, self.response, strict=True)]
        return xp.stack(parts, axis=-2)

    def binned_prediction(
        self,
        predictions: tuple[Array, ...],
        nuisances: Mapping[str, Array] | None = None,  # noqa: ARG002
    ) -> Array:
        """Return the predicted norm [..., 1]: events of all regions and bins over those of the template at norm 1."""
        xp = array_namespace(*predictions)
        return xp.sum(self.counts(predictions), axis=(-2, -1))[..., None] / float(self.at_norm_one.sum())


def _whole(folder: LikelihoodFolder, entry: _CountsEntry) -> LikelihoodFolder:
    """Return the same fit as that of one sky, which knows how to read it."""
    kept = {key: value for key, value in folder.settings.items() if key in CommonEntry.model_fields}
    own = {
        "kind": "template-normalisation",
        "messenger": entry.messenger,
        "region": "full_sky",
        "templates": {"fitted": {"fit": entry.fit, "spectrum": entry.spectrum}},
    }
    return replace(folder, settings=kept | own)


def _events(
    edges: Float64, spectrum: MeasurementTable, areas: MeasurementTable, n_regions: int
) -> tuple[Float64, Float64, Float64]:
    """Return energies [n_energies], events per intensity and events of the template's whole flux, for each region.

    Intensity x E^2.7 is interpolated by a polynomial in ln E, and integrated exactly against whatever the areas do.
    Events are per second, per steradian [n_regions, n_energies, n_bins], and per second [n_regions, n_bins].
    """
    half, centre = 0.5 * math.log(edges[-1] / edges[0]), 0.5 * math.log(edges[-1] * edges[0])
    nodes = centre + half * np.polynomial.legendre.leggauss(_NODES)[0]
    at: Float64 = np.exp(nodes)
    response = np.zeros((n_regions, _NODES, len(edges) - 1))
    template = np.zeros((n_regions, len(edges) - 1))
    for k, (low, high) in enumerate(pairwise(edges)):
        fine = np.linspace(math.log(low), math.log(high), 1001)
        energy = np.exp(fine)
        step = np.full(fine.size, fine[1] - fine[0])
        step[[0, -1]] *= 0.5
        flux = power_law_between(energy, spectrum.columns["energy"], spectrum.columns["flux"])
        basis = interpolation_matrix(nodes, fine)
        for r in range(n_regions):
            area = power_law_between(energy, areas.columns["energy"], areas.columns[f"area_{r + 1}"])
            measure = area * energy * step
            response[r, :, k] = (measure * energy**-2.7) @ basis * at**2.7
            template[r, k] = np.sum(measure * flux)
    return at, response, template

"""Errors that move the expected counts of many bins together: the effective area, its tilt, the gas behind a region.

Each is a factor exp(eta w) with eta ~ N(0, 1), a nuisance, and a relative width w of each point. Data sets that give
such a nuisance the same name share it: one effective area made all counts of an instrument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crsea_infer.hypotheses.distributions import normal
from crsea_infer.hypotheses.prior_sets import Parameter
from crsea_infer.inference.likelihoods.extra_components import tex

if TYPE_CHECKING:
    from crsea_infer.inference.likelihoods.counts_entries import CountsEntry
    from crsea_infer.support.arrays import Float64

__all__ = ["scale", "scales_of"]


def scale(name: str, label: str, description: str, source: str, data_set: str) -> Parameter:
    """Return the nuisance of a scale, in standard deviations."""
    return Parameter(
        name=name,
        distribution=normal(0.0, 1.0),
        fiducial=0.0,
        label=r"\eta_" + tex(label),
        description=description,
        source=source,
        prior_set=data_set,
    )


def scales_of(
    entry: CountsEntry, data_set: str, source: str, energy_min: Float64, energy_max: Float64
) -> tuple[tuple[Parameter, ...], Float64]:
    """Return the tilt of the exposure and the errors of the regions with their widths [n_scales, n_data].

    Parameters
    ----------
    entry
        Keys of the data set.
    data_set, source
        Its name, and where it comes from.
    energy_min, energy_max
        Bins of the points [n_data], GeV: those of the first region, then of the second, and so on.
    """
    n_data, n_regions = len(energy_min), len(entry.regions)
    made: list[Parameter] = []
    widths: list[Float64] = []
    if entry.exposure_tilt:
        name = entry.exposure_tilt_name or f"{data_set}_tilt"
        text = f"tilt of the effective area of {entry.label} with energy, in standard deviations"
        made.append(scale(name, entry.exposure_tilt_name or f"{entry.label} tilt", text, source, data_set))
        middle = np.sqrt(energy_min * energy_max)
        widths.append(entry.exposure_tilt * np.log10(middle / entry.exposure_tilt_pivot))
    if entry.region_error:
        region = np.repeat(np.arange(n_regions), n_data // n_regions)
        for k in range(n_regions):
            text = f"region {k + 1} of {entry.label} relative to the others, in standard deviations"
            made.append(scale(f"{data_set}_region_{k + 1}", f"{entry.label} {k + 1}", text, source, data_set))
            widths.append(np.where(region == k, entry.region_error, 0.0))
    return tuple(made), np.array(widths).reshape(len(widths), n_data)

"""What a forecast found, as tables: forecast.ecsv and forecast.json, and every data set in forecast_data_sets.ecsv.

The first has a row for each instrument, exposure and ordered pair of hypotheses (truth, other). JSON holds the same
numbers, as an object of lists under the names of the columns, and what was assumed of each instrument.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.analysis.forecast_statistics import LEVELS, Outlook, outlook, pair_deviation
from crsea_infer.inference.evidence import DECISIVE
from crsea_infer.inference.samplers.peak_evidence import WAYS
from crsea_infer.report.layout.ecsv import Column, write_table
from crsea_infer.support.files import atomic_write
from crsea_infer.support.output_names import FORECAST_FILES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.plan.forecast_file import Forecast, Instrument
    from crsea_infer.support.arrays import Float64

__all__ = ["ForecastReport", "forecast_lines", "write_forecast_tables"]

_QUANTILES = tuple(f"ln_b_{round(100 * level)}" for level in LEVELS)
_COLUMNS = {
    "instrument": Column("instrument", str),
    "exposure": Column("exposure, relative to what the instrument's unit says"),
    "truth": Column("hypothesis under which data were simulated", str),
    "other": Column("hypothesis against which it was compared", str),
    "n_data_sets": Column("data sets simulated", int),
    "n_refused": Column("data sets for which an evidence was refused", int),
    **{
        name: Column(f"{round(100 * level)} % quantile of ln B(truth : other)")
        for name, level in zip(_QUANTILES, LEVELS, strict=True)
    },
    "decisive": Column(f"data sets with ln B(truth : other) > {DECISIVE:g}, very strong evidence", int),
    "decisive_share": Column("decisive / data sets with a Bayes factor"),
    "decisive_low": Column("lower end of its central 68 % interval, refused data sets taken as not decisive"),
    "decisive_high": Column("upper end of its central 68 % interval, refused data sets taken as decisive"),
    "wrong_sign": Column("data sets with ln B(truth : other) < 0", int),
    "misled": Column(f"data sets with ln B(truth : other) < -{DECISIVE:g}", int),
    "mean_inverse": Column("mean of B(other : truth), which is 1 for a calibrated Bayes factor"),
    "mean_inverse_err": Column("its error"),
    "mean_inverse_effective": Column("how many data sets carry it: of a few, neither it nor its error means anything"),
    "deviation": Column("probabilities of both truths less what is true, in standard deviations; nan: all are decided"),
    "statistical": Column("median statistical error relative to the data, of the data set that has the smallest"),
    "systematic_floor": Column("median systematic error relative to the data, of that data set"),
    "solid_angle": Column("of all regions of the instrument together", float, "sr"),
    "cpu_s": Column("processor time of the data sets of this truth", float, "s"),
}
_DATA_SET_COLUMNS = {
    "instrument": Column("instrument", str),
    "exposure": Column("exposure"),
    "truth": Column("hypothesis under which the data were simulated", str),
    "number": Column("of the data set", int),
    "hypothesis": Column("hypothesis whose evidence is given", str),
    "lnz": Column("natural log of the evidence, given that the truth lies where the sky model holds; nan when refused"),
    "lnz_err": Column("one-sigma error of lnz"),
    "way": Column(f"how it was found: {'; '.join(WAYS)}; refused", str),
}


@dataclass(frozen=True, eq=False)
class ForecastReport:
    """A forecast with all that a report says of it.

    Attributes
    ----------
    forecast
        What was asked.
    rows
        [instrument, exposure, truth, data set, hypothesis, 3]: ln Z, its error and the way; see
        :mod:`crsea_infer.analysis.forecast_points`.
    log_kept
        [instrument, hypothesis]: ln of the share of the prior that can be a truth.
    cpu_s
        [instrument, exposure, truth].
    identity, versions
        Of the sky model and the libraries.
    """

    forecast: Forecast
    rows: Float64
    log_kept: Float64
    cpu_s: Float64
    identity: Mapping[str, str]
    versions: Mapping[str, str]

    @cached_property
    def lnz(self) -> Float64:
        """[instrument, exposure, truth, data set, hypothesis]: ln Z given that the truth is kept; nan where refused."""
        lnz = np.where(self.rows[..., 2] >= 0, self.rows[..., 0], np.nan)
        return np.asarray(lnz - self.log_kept[:, None, None, None, :])

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Ordered pairs of hypotheses: (truth, other)."""
        return list(permutations(range(len(self.forecast.hypotheses)), 2))

    def ln_b(self, instrument: int, exposure: int, truth: int, other: int) -> Float64:
        """Return ln B(truth : other) of the data sets [n] simulated under the truth."""
        lnz = self.lnz[instrument, exposure, truth]
        return np.asarray(lnz[:, truth] - lnz[:, other])

    def outlook(self, instrument: int, exposure: int, truth: int, other: int) -> Outlook:
        """Return what these data sets say."""
        return outlook(self.ln_b(instrument, exposure, truth, other))

    def ways(self) -> dict[str, int]:
        """Return how many evidences were found in each way, and how many were refused."""
        numbers = self.rows[..., 2].astype(np.int64).ravel()
        found = {name: int(np.sum(numbers == way)) for way, name in enumerate(WAYS)}
        return {**found, "refused": int(np.sum(numbers < 0))}


def write_forecast_tables(directory: Path, report: ForecastReport) -> None:
    """Write the tables."""
    rows = _rows(report)
    meta = {
        "title": report.forecast.title,
        "forecast": report.forecast.name,
        "decisive": f"ln B > {DECISIVE:g}",
        **{f"instrument_{one.name}": _words(one) for one in report.forecast.instruments},
        **report.identity,
    }
    write_table(directory / FORECAST_FILES[0], _COLUMNS, rows, meta)
    content = {
        "form": 1,
        **meta,
        "instruments": {one.name: _assumed(one) for one in report.forecast.instruments},
        "evidences_by_way": report.ways(),
        "units": {name: column.unit for name, column in _COLUMNS.items() if column.unit},
        **{name: [_plain(row[name]) for row in rows] for name in _COLUMNS},
    }
    atomic_write(directory / FORECAST_FILES[1], json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))
    write_table(directory / FORECAST_FILES[2], _DATA_SET_COLUMNS, _data_set_rows(report), meta)


def _words(one: Instrument) -> str:
    return f"{one.title}; x 1: {one.unit}; {one.basis}"


def _assumed(one: Instrument) -> dict[str, Any]:
    return {
        "title": one.title,
        "basis": one.basis,
        "unit": one.unit,
        "data_sets": [likelihood.name for likelihood in one.run.likelihoods],
        "solid_angle_sr": _plain(one.solid_angle),
        "systematic_scale": one.systematic_scale,
        "systematic_floor": one.systematic_floor,
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: what is not finite as null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _rows(report: ForecastReport) -> list[dict[str, Any]]:
    forecast, names = report.forecast, report.forecast.hypotheses
    rows = []
    for i, instrument in enumerate(forecast.instruments):
        for j, exposure in enumerate(forecast.exposures):
            budget = min(instrument.budget(exposure), key=lambda one: one.statistical)
            for truth, other in report.pairs:
                found = report.outlook(i, j, truth, other)
                rows.append(
                    {
                        "instrument": instrument.name,
                        "exposure": exposure,
                        "truth": names[truth],
                        "other": names[other],
                        "n_data_sets": found.n,
                        "n_refused": found.refused,
                        **dict(zip(_QUANTILES, found.quantiles, strict=True)),
                        "decisive": found.decisive,
                        "decisive_share": found.probability,
                        "decisive_low": found.low,
                        "decisive_high": found.high,
                        "wrong_sign": found.wrong,
                        "misled": found.misled,
                        "mean_inverse": found.inverse,
                        "mean_inverse_err": found.inverse_err,
                        "mean_inverse_effective": found.inverse_effective,
                        "deviation": pair_deviation(report.ln_b(i, j, truth, other), -report.ln_b(i, j, other, truth)),
                        "statistical": budget.statistical,
                        "systematic_floor": budget.systematic,
                        "solid_angle": instrument.solid_angle,
                        "cpu_s": float(report.cpu_s[i, j, truth]),
                    }
                )
    return rows


def _data_set_rows(report: ForecastReport) -> list[dict[str, Any]]:
    forecast, names = report.forecast, report.forecast.hypotheses
    shape = report.rows.shape[:5]
    return [
        {
            "instrument": forecast.instruments[i].name,
            "exposure": forecast.exposures[j],
            "truth": names[truth],
            "number": number,
            "hypothesis": names[index],
            "lnz": report.lnz[i, j, truth, number, index],
            "lnz_err": report.rows[i, j, truth, number, index, 1] if way >= 0 else math.nan,
            "way": WAYS[way] if way >= 0 else "refused",
        }
        for i, j, truth, number, index in np.ndindex(*shape)
        for way in (int(report.rows[i, j, truth, number, index, 2]),)
    ]


def forecast_lines(report: ForecastReport) -> list[str]:
    """Return the findings in lines: the probability of a decisive verdict, by instrument and exposure."""
    forecast, names = report.forecast, report.forecast.hypotheses
    lines = []
    for truth, other in report.pairs:
        lines.append(f"Probability of ln B > {DECISIVE:g} for {names[truth]} over {names[other]}, if it is true:")
        for i, instrument in enumerate(forecast.instruments):
            told = []
            for j, exposure in enumerate(forecast.exposures):
                found = report.outlook(i, j, truth, other)
                told.append(f"x {exposure:g}: {100 * found.probability:.0f} %".replace("nan %", "none"))
            lines.append(f"  {instrument.title}: {', '.join(told)}")
    ways = report.ways()
    total = sum(ways.values())
    told = [f"{count} by {way}" for way, count in ways.items() if count and way != "refused"]
    lines.append(f"{total} evidences: {', '.join(told)}; {ways['refused']} refused.")
    lines += [f"{one.name}, x 1: {one.unit}. {one.basis}" for one in forecast.instruments]
    return lines

"""Samples of a finished run, in files of other packages: getdist, anesthetic, bilby, or CSV.

Every sample keeps its weight and ln L. Nested sampling (dynesty, jax-nested) keeps its live points as well: a birth
contour, which anesthetic asks for, is then any that gives the same number of live points at each death: volumes and
evidences depend on nothing else. Other samplers have weights or equal weights, and no birth contour.
Formats: chains of getdist.readthedocs.io (weight, -ln posterior, parameters; .paramnames, .ranges), PolyChord's files
for anesthetic (_dead-birth.txt: parameters, ln L, birth ln L), Result as JSON of bilby.readthedocs.io.
"""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.files import atomic_write, make_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from crsea_infer.hypotheses.distributions import Distribution
    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.inference.samplers.sampler import SamplerResult
    from crsea_infer.support.arrays import Float64

__all__ = ["FORMATS", "birth_contours", "export_samples"]


def export_samples(
    result: SamplerResult, parameters: Sequence[Parameter], kind: str, folder: Path, root: str
) -> list[Path]:
    """Write the samples of one sampler for another package.

    Parameters
    ----------
    result
        Samples, ln L, weights, and live points of nested sampling.
    parameters
        The parameters, in the order of its columns.
    kind
        One of :data:`FORMATS`.
    folder
        Where to; made when it is not there.
    root
        What file names begin with.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    UserError
        When the format is not known, or the samples are not all finite.
    """
    if kind not in FORMATS:
        raise unknown_name("format", kind, FORMATS)
    if not np.all(np.isfinite(result.samples)):
        raise UserError(f"samples of {result.sampler} that are not finite", valid="finite parameters")
    make_directory(folder)
    files = FORMATS[kind](result, parameters, root)
    for name, text in files.items():
        atomic_write(folder / name, text)
    return [folder / name for name in files]


def birth_contours(log_likelihood: Float64, live: Float64) -> Float64:
    """Return birth contours [n] that give the numbers of live points [n] at deaths in order of ln L [n].

    The k-th point that is born is taken for the k-th that dies: each is older than its own ln L, and which of the live
    points dies changes no volume.
    """
    first = round(float(live[0]))
    born = np.rint(np.diff(live)).astype(int) + 1
    births = np.concatenate([np.full(first, -np.inf), np.repeat(log_likelihood[:-1], np.maximum(born, 0))])
    if len(births) < len(log_likelihood):
        births = np.append(births, np.full(len(log_likelihood) - len(births), log_likelihood[-1]))
    return births[: len(log_likelihood)]


def _csv(result: SamplerResult, parameters: Sequence[Parameter], root: str) -> dict[str, str]:
    columns = {one.name: result.samples[:, index] for index, one in enumerate(parameters)}
    columns |= {"log_likelihood": result.log_likelihood, "weight": result.weights}
    if result.live is not None:
        columns["live_points"] = result.live
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(np.stack(list(columns.values()), axis=-1).tolist())
    return {f"{root}.csv": stream.getvalue()}


def _getdist(result: SamplerResult, parameters: Sequence[Parameter], root: str) -> dict[str, str]:
    from crsea_infer.hypotheses.distributions import Product

    log_prior = np.asarray(Product(tuple(one.distribution for one in parameters)).log_pdf(result.samples))
    kept = result.weights > 0.0
    columns = [result.weights[:, None], -(result.log_likelihood + log_prior)[:, None], result.samples]
    ranges = [f"{one.name} {_bound(one.distribution.lower)} {_bound(one.distribution.upper)}" for one in parameters]
    return {
        f"{root}.txt": _rows(np.concatenate(columns, axis=1)[kept]),
        **_names(parameters, root),
        f"{root}.ranges": "\n".join(ranges) + "\n",
    }


def _anesthetic(result: SamplerResult, parameters: Sequence[Parameter], root: str) -> dict[str, str]:
    if result.live is None:
        return _getdist(result, parameters, root)
    births = birth_contours(result.log_likelihood, result.live)
    columns = [result.samples, result.log_likelihood[:, None], births[:, None]]
    return {f"{root}_dead-birth.txt": _rows(np.concatenate(columns, axis=1)), **_names(parameters, root)}


def _bilby(result: SamplerResult, parameters: Sequence[Parameter], root: str) -> dict[str, str]:
    from crsea_infer.hypotheses.distributions import Product

    n = min(20_000, max(1, int(1.0 / np.sum(result.weights**2))))
    chosen = result.resampled(n, np.random.default_rng(1))
    log_prior = np.asarray(Product(tuple(one.distribution for one in parameters)).log_pdf(result.samples))

    def frame(rows: Any) -> dict[str, list[float]]:
        columns = {one.name: result.samples[rows, index].tolist() for index, one in enumerate(parameters)}
        return columns | {
            "log_likelihood": result.log_likelihood[rows].tolist(),
            "log_prior": log_prior[rows].tolist(),
        }

    whole = slice(None)
    nested = None if result.live is None else frame(whole) | {"weights": result.weights.tolist()}
    lnz, error = (math.nan, math.nan) if result.evidence is None else (result.evidence.lnz, result.evidence.lnz_err)
    stored: Mapping[str, Any] = {
        "label": root,
        "outdir": ".",
        "sampler": result.sampler,
        "search_parameter_keys": [one.name for one in parameters],
        "fixed_parameter_keys": [],
        "constraint_parameter_keys": [],
        "parameter_labels": [f"${one.label}$" for one in parameters],
        "parameter_labels_with_unit": [_with_unit(one) for one in parameters],
        "priors": {
            "__prior_dict__": True,
            "__module__": "bilby.core.prior",
            "__name__": "PriorDict",
            **{one.name: _bilby_prior(one) for one in parameters},
        },
        "posterior": {"__dataframe__": True, "content": frame(chosen)},
        "nested_samples": None if nested is None else {"__dataframe__": True, "content": nested},
        "log_evidence": lnz,
        "log_evidence_err": error,
        "log_noise_evidence": math.nan,
        "log_bayes_factor": math.nan,
        "num_likelihood_evaluations": result.n_calls,
        "sampling_time": result.wall_s,
        "meta_data": {"evidence_method": "" if result.evidence is None else result.evidence.method},
    }
    return {f"{root}_result.json": json.dumps(stored)}


def _bilby_prior(parameter: Parameter) -> dict[str, Any]:
    """Return a prior of ours as one of bilby's."""
    own = parameter.distribution
    kind, arguments = _BILBY[own.kind](own) if own.kind in _BILBY else ("Uniform", _interval(own))
    label = f"${parameter.label}$"
    return {
        "__prior__": True,
        "__module__": "bilby.core.prior.analytical",
        "__name__": kind,
        "kwargs": {"name": parameter.name, "latex_label": label, "unit": parameter.unit or None, **arguments},
    }


def _interval(own: Distribution) -> dict[str, float]:
    return {"minimum": own.lower, "maximum": own.upper}


def _normal(own: Distribution) -> tuple[str, dict[str, float]]:
    bounded = math.isfinite(own.lower) or math.isfinite(own.upper)
    centre = {"mu": own.location, "sigma": own.scale}
    return ("TruncatedGaussian", centre | _interval(own)) if bounded else ("Gaussian", centre)


_BILBY: Final[Mapping[str, Callable[[Distribution], tuple[str, dict[str, float]]]]] = {
    "uniform": lambda own: ("Uniform", _interval(own)),
    "log_uniform": lambda own: ("LogUniform", _interval(own)),
    "normal": _normal,
    # bilby has none with bounds: those of ours cut off little, and what was sampled is in the samples
    "log_normal": lambda own: ("LogNormal", {"mu": own.location, "sigma": own.scale}),
    "fixed": lambda own: ("DeltaFunction", {"peak": own.lower}),
}


def _with_unit(parameter: Parameter) -> str:
    return f"${parameter.label}$ [{parameter.unit}]" if parameter.unit else f"${parameter.label}$"


def _names(parameters: Sequence[Parameter], root: str) -> dict[str, str]:
    return {f"{root}.paramnames": "".join(f"{one.name}\t{one.label}\n" for one in parameters)}


def _bound(value: float) -> str:
    return f"{value!r}" if math.isfinite(value) else "N"


def _rows(table: Float64) -> str:
    stream = io.StringIO()
    np.savetxt(stream, table, fmt="%.17g")
    return stream.getvalue()


FORMATS: Final[Mapping[str, Callable[[SamplerResult, Sequence[Parameter], str], dict[str, str]]]] = {
    "getdist": _getdist,
    "anesthetic": _anesthetic,
    "bilby": _bilby,
    "csv": _csv,
}
"""What writes each format."""

"""Where the mask cuts: Base against gamma-optimized transport by profiles along the plane, with and without a mask.

    python benchmarks/profile_evidence.py [--draws N]

prints ln B (Base : gamma-optimized) of each kind of data, for Min local spectra, and chi2 of the two published models
against the longitude profile of LHAASO-KM2A for several sizes of the error of gas. Base and gamma-optimized differ most
toward the inner Galaxy and where the gas is thickest, which is where the mask of LHAASO takes sources and sky away.

Where the data say little about single parameters ln Z is simply the logarithm of the mean of L over draws from the
prior; where fewer than 200 of these count, the sampler `importance` is asked.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from published_curves import fiducial

import crsea_infer as cr
from crsea_infer import emulator
from crsea_infer.hypotheses.hypothesis import build_hypothesis
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.posterior import posterior_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_BLOCK: Final = 1000
_FEWEST: Final = 200
_TRANSPORT: Final = {"Base": "base", "gamma-optimized": "gamma_optimized"}
_WITHOUT: Final = {"gas_shape": {"fraction": 0.0}}
_USED: Final = {side: {"use_prediction_errors": [f"gas_shape_{side}"]} for side in ("inner", "outer")}
_DATA: Final[Sequence[tuple[str, Mapping[str, Mapping[str, Any]], tuple[str, ...]]]] = (
    ("KM2A longitude profile, masked, shape", {"lhaaso_km2a_longitude": {}}, ()),
    ("the same, gas exact", {"lhaaso_km2a_longitude": _WITHOUT}, ()),
    (
        "Fermi-LAT spectra of both regions, masked",
        {f"fermi_lat_masked_{side}": used for side, used in _USED.items()},
        ("leptons",),
    ),
    ("Fermi-LAT longitude profile, no mask", {"fermi_lat_longitude": {}}, ("leptons",)),
    ("the same, gas exact", {"fermi_lat_longitude": _WITHOUT}, ("leptons",)),
)


def evidence(
    transport: str, data: Mapping[str, Mapping[str, Any]], extra: Sequence[str], draws: int
) -> tuple[float, float, float]:
    """Return ln Z of one transport with Min local spectra, its error, and the effective number of draws."""
    hypothesis = build_hypothesis(transport.replace("_", "-"), [transport, "min", "gas", *extra])
    likelihoods = [load_likelihood(name, options) for name, options in data.items()]
    posterior = posterior_for(hypothesis, likelihoods, emulator.load())
    rng = np.random.default_rng(1)
    found = []
    for _ in range(max(draws // _BLOCK, 1)):
        theta = posterior.prior_transform(rng.random((_BLOCK, len(posterior.names))))
        found.append(np.asarray(posterior.log_likelihood(theta)))
    log_l = np.concatenate(found)
    log_l = np.where(np.isfinite(log_l), log_l, -np.inf)
    weights = np.exp(log_l - log_l.max())
    n_effective = float(weights.sum() ** 2 / np.sum(weights**2))
    if n_effective < _FEWEST:
        found_by_sampler = cr.sample(posterior, "importance", seed=1).evidence
        return found_by_sampler.lnz, found_by_sampler.lnz_err, n_effective
    error = float(weights.std() / weights.mean() / np.sqrt(weights.size))
    return float(log_l.max() + np.log(weights.mean())), error, n_effective


def chi2_lines() -> list[str]:
    """Return chi2 of the longitude profile of KM2A, with the norm that makes it least, line by line."""
    lines = ["| gas error per 10 deg | Base | gamma-optimized |", "|---|---|---|"]
    for fraction in (0.0, 0.1, 0.2, 0.3):
        likelihood = load_likelihood("lhaaso_km2a_longitude", {"gas_shape": {"fraction": fraction}})
        bound = emulator.load().bind(list(likelihood.requests))
        found = []
        for transport in ("base-min", "gamma-optimized-min"):
            predictions = bound(fiducial(transport))
            found.append(f"{float(np.asarray(likelihood.chi2_profiled(predictions))):.1f}")
        lines.append(f"| {fraction:.0%} | " + " | ".join(found) + " |")
    return lines


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=40000, help="draws from the prior for each evidence")
    draws: int = parser.parse_args().draws
    print("\n".join(chi2_lines()), end="\n\n", flush=True)
    print("| data | ln Z (Base) | ln Z (gamma-optimized) | ln B (Base : gamma-optimized) | draws that count |")
    print("|---|---|---|---|---|", flush=True)
    for title, data, extra in _DATA:
        base, optimized = (evidence(transport, data, extra, draws) for transport in _TRANSPORT.values())
        factor = f"{base[0] - optimized[0]:+.2f} ± {np.hypot(base[1], optimized[1]):.2f}"
        effective = f"{base[2]:.0f}, {optimized[2]:.0f}"
        print(f"| {title} | {base[0]:.2f} | {optimized[0]:.2f} | {factor} | {effective} |", flush=True)


if __name__ == "__main__":
    main()

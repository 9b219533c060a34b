"""Published statements as conditions on numbers: a registry that a study is held against.

Each claim says which number it is about, what would be true if it were not (its null), within which limits the number
must lie and why there, so that whoever disagrees with a limit sees what moves. A claim about two hypotheses that the
data cannot tell apart has no power, whatever its number; that is a verdict too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from crsea_infer.content.toml_files import Entry
from crsea_infer.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crsea_infer.plan.run_file import RunFile

__all__ = ["Claim", "Quantity", "check_claim"]

Quantity = Literal[
    "reduced_chi2_published",
    "reduced_chi2_best_fit",
    "chi2_sigma",
    "ln_b",
    "p_value",
    "excess_sigma",
    "index_difference_sigma",
    "flux_ratio",
    "component_share",
]

_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "chi2_sigma": ("against",),
    "ln_b": ("against",),
    "excess_sigma": ("likelihood",),
    "index_difference_sigma": ("likelihood", "other_likelihood"),
    "flux_ratio": ("region", "energy"),
    "component_share": ("region", "energy", "component"),
}
"""Keys without which a quantity is not one."""

_FREE: Final = 1e299
"""Limits beyond this are none."""


class Claim(Entry):
    """A published statement, as a condition on a number of the study.

    `quantity` of `hypothesis` must lie within `at_least` and `at_most`, or its size below `size_at_most`:

    * `reduced_chi2_published`, `reduced_chi2_best_fit`: chi2 per point of a data set or of all, over that of `against`;
    * `chi2_sigma`: root of the difference of chi2 at published parameters from that of `against`;
    * `ln_b`: over `against`; `p_value`: the smaller posterior-predictive one, of all data;
    * `excess_sigma`: by how much a data set lies above the prediction at published parameters;
    * `index_difference_sigma`: measured difference of two spectral indices, in its errors;
    * `flux_ratio`: intensity in `region` over that of `against` or of `other_region`, or the ratio of both ratios;
    * `component_share`: of one component in the intensity.

    Attributes
    ----------
    statement, source
        What was stated, and where.
    null, why
        What would be true if it were not, and why the limit lies where it does.
    quantity
        The number that it is about.
    combination, hypothesis
        Of the study.
    against
        The second hypothesis.
    likelihood, other_likelihood
        Data sets, for chi2 (default: all of the combination), excess and indices.
    region, other_region
        Sky regions, for fluxes and shares.
    energy
        In GeV.
    component
        HI, H2, IC or bremsstrahlung.
    at_least, at_most, size_at_most
        Bounds of the number, and of its size.
    """

    statement: str
    source: str
    null: str = ""
    why: str = ""
    quantity: Quantity
    combination: str
    hypothesis: str
    against: str | None = None
    likelihood: str | None = None
    other_likelihood: str | None = None
    region: str | None = None
    other_region: str | None = None
    energy: float | None = None
    component: str | None = None
    at_least: float = -float("1e300")
    at_most: float = float("1e300")
    size_at_most: float = float("1e300")

    @property
    def condition(self) -> str:
        """The condition in words."""
        parts = []
        if self.at_least > -_FREE:
            parts.append(f"at least {self.at_least:g}")
        if self.at_most < _FREE:
            parts.append(f"at most {self.at_most:g}")
        if self.size_at_most < _FREE:
            parts.append(f"within ±{self.size_at_most:g}")
        return " and ".join(parts)

    def holds(self, value: float) -> bool:
        """Return whether a number meets the condition."""
        return self.at_least <= value <= self.at_most and abs(value) <= self.size_at_most

    def is_clear(self, value: float, error: float) -> bool:
        """Return whether a number with its error (one sigma) is on the same side of all limits to two sigma."""
        return self.holds(value - 2.0 * error) == self.holds(value) == self.holds(value + 2.0 * error)

    @property
    def hypotheses(self) -> tuple[str, ...]:
        """Those that it names."""
        return (self.hypothesis,) if self.against is None else (self.hypothesis, self.against)

    @property
    def likelihoods(self) -> tuple[str, ...]:
        """Data sets that it names."""
        return tuple(name for name in (self.likelihood, self.other_likelihood) if name is not None)

    def is_about(self, run: RunFile) -> bool:
        """Return whether a combination has everything that the claim names."""
        there = {one.name for one in run.hypotheses} | {one.name for one in run.likelihoods}
        return there.issuperset((*self.hypotheses, *self.likelihoods))


def check_claim(claim: Claim, runs: Mapping[str, RunFile], where: str) -> None:
    """Refuse a claim that lacks what its quantity needs, or names what its combination does not have.

    Raises
    ------
    UserError
        Naming the first such key.
    """
    _refuse_unknown("combination", [claim.combination], list(runs), where)
    run = runs[claim.combination]
    _refuse_unknown("hypothesis", claim.hypotheses, [one.name for one in run.hypotheses], where)
    _refuse_unknown("likelihood", claim.likelihoods, [one.name for one in run.likelihoods], where)
    for key in _NEEDS.get(claim.quantity, ()):
        if getattr(claim, key) is None:
            raise UserError(f"{where}: {claim.quantity} without {key}", fix=f"add {key} = ...")
    if claim.quantity == "flux_ratio" and claim.against is None and claim.other_region is None:
        raise UserError(f"{where}: flux_ratio of one hypothesis in one region", fix="add against or other_region")
    if not claim.condition:
        raise UserError(f"{where}: has no condition", fix="add at_least, at_most or size_at_most")


def _refuse_unknown(kind: str, names: Sequence[str], known: Sequence[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise unknown_name(kind, name, known, where=where)

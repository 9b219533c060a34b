"""What every likelihood can do, and how a data set's folder becomes one.

A data set is a folder with a `likelihood.toml` and its tables. The file names the *kind* of measurement, which is a
Python class: a built-in one ("flux-points"), one that another package announces under the entry point group
`crsea_infer.likelihoods`, or, where the user allows it, one in a file beside it ("ratio.py:Ratio"). Everything else in
the file belongs to the class. So a new data set of a known kind needs no Python, and a new kind needs one class with
the methods of :class:`Likelihood`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from pydantic import Field

from crsea_infer.content import finding
from crsea_infer.content.labels import check_label, check_symbol
from crsea_infer.content.toml_files import Entry, read_toml
from crsea_infer.inference.likelihoods.absent_tables import check_at_hand
from crsea_infer.inference.likelihoods.likelihood_kinds import LIKELIHOOD_KINDS, class_of_kind
from crsea_infer.physics.regions import parse_region
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import absolute
from crsea_infer.support.names import check_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from crsea_infer.content.measurements import Provenance
    from crsea_infer.emulator.sky_model import Request
    from crsea_infer.hypotheses.prior_sets import Parameter
    from crsea_infer.support.arrays import Array, Float64

__all__ = [
    "CommonEntry",
    "DataColumn",
    "DataSet",
    "FollowsMorphology",
    "Likelihood",
    "LikelihoodFolder",
    "SpectralSlope",
    "kinds_of_likelihood",
    "load_likelihood",
    "with_regions",
]


@runtime_checkable
class Likelihood(Protocol):
    """A data set with its statistics.

    Predictions are what a bound sky model returns for `requests`: one array [..., n_energies] per request. Nuisances
    are a mapping from the names of `nuisances` to arrays [...]. Leading batch axes broadcast. All methods on
    predictions are pure and follow the array API of their input.
    """

    @property
    def name(self) -> str:
        """How run files and results call it."""

    @property
    def title(self) -> str:
        """What it is, in a line."""

    @property
    def label(self) -> str:
        """A short name for plots."""

    @property
    def region(self) -> str | None:
        """The sky region, if it has one."""

    @property
    def citations(self) -> tuple[str, ...]:
        """To cite, each as :mod:`crsea_infer.content.bibliography` has it: "arXiv:2305.05372", or a BibTeX entry."""

    @property
    def provenance(self) -> Provenance:
        """Where the numbers come from."""

    @property
    def nuisances(self) -> tuple[Parameter, ...]:
        """Parameters of the measurement itself, with their priors."""

    @property
    def requests(self) -> tuple[Request, ...]:
        """What it needs from the sky model."""

    @property
    def n_data(self) -> int:
        """Number of data points."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """All keys of its file as used, and the hash of its tables: what makes it this likelihood."""

    def log_likelihood(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return ln p(data | predictions, nuisances) [...], normalised over the data."""

    def log_likelihood_pointwise(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return ln p of each data point [..., n_data]; they sum to :meth:`log_likelihood`."""

    def chi2(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return chi2 [...] at these nuisances, their own pull included."""

    def chi2_profiled(self, predictions: tuple[Array, ...]) -> Array:
        """Return chi2 [...] at the nuisances that make it least."""

    def binned_prediction(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array] | None = None) -> Array:
        """Return the prediction as the data points see it [..., n_data].

        What the nuisances add or scale (norms of extra components) is in it, at their published values when none are
        given; systematic shifts are not, so that the prediction may be drawn beside the data.
        """

    def pulls(self, predictions: tuple[Array, ...], nuisances: Mapping[str, Array]) -> Array:
        """Return (data - prediction) / error [..., n_data]."""

    def simulate(
        self, rng: np.random.Generator, predictions: tuple[Float64, ...], nuisances: Mapping[str, float]
    ) -> Self:
        """Return the same likelihood with data drawn from the prediction."""

    def with_model_error(self, relative_error: float) -> Self:
        """Return the same likelihood with the sky model's own relative error in its error budget."""


_MEMBERS = tuple(name for name in vars(Likelihood) if not name.startswith("_"))


@runtime_checkable
class FollowsMorphology(Protocol):
    """A likelihood whose data were taken with sky templates, of which a hypothesis has one."""

    def with_morphology(self, morphology: str | None, hypothesis: str) -> Likelihood:
        """Return the same likelihood for the template of that morphology; raise UserError when there is none."""


SpectralSlope = Annotated[float, Field(ge=-10.0, le=10.0)]
"""An index G of E^-G in a `likelihood.toml`: as wide as anything measured, and within what a number can hold."""


class CommonEntry(Entry):
    """The keys that every `likelihood.toml` has, and `observation` and `photons`, which it may have.

    Attributes
    ----------
    kind
        The kind of measurement.
    title
        What was measured, in a line.
    label
        Words for legends, with LaTeX between dollar signs.
    citations
        To cite: arXiv identifiers such as "arXiv:2305.05372", "doi:" with a DOI, or BibTeX entries.
    observation
        Data sets that name the same observation are the same events seen twice, and are refused side by side.
    photons
        Data sets that name the same photons are parts of the events of one instrument, and are refused side by side
        where their regions and their energies overlap.
    absent
        For folders without their tables: which table to put there, in words.
    """

    kind: str
    title: str
    label: str
    citations: list[str]
    observation: str | None = None
    photons: str | None = None
    absent: str | None = None


@dataclass(frozen=True, eq=False)
class DataColumn:
    """Numbers that belong to the points of a data set.

    Attributes
    ----------
    values
        [n_data].
    unit
        As astropy writes it; "" for a pure number.
    description
        What they are.
    """

    values: Float64
    unit: str
    description: str


@dataclass(frozen=True, eq=False)
class DataSet:
    """What every built-in kind of likelihood knows of itself; see :class:`Likelihood`.

    `column_units` has the unit and the description of each attribute that holds one number per data point; "values"
    are the data. A kind may name the model of its `likelihood.toml` as `Settings`, from which the JSON schema for
    editors is made. One whose `simulate` takes predictions [..., n_energies] and nuisances [...], and then has data
    [..., n_data] that its other methods hold against predictions of that batch, says so by `simulates_batches`.
    """

    column_units: ClassVar[Mapping[str, tuple[str, str]]] = {}
    Settings: ClassVar[type[CommonEntry]] = CommonEntry
    simulates_batches: ClassVar[bool] = False

    name: str
    title: str
    label: str
    region: str | None
    citations: tuple[str, ...]
    provenance: Provenance
    settings: Mapping[str, Any]
    requests: tuple[Request, ...]

    @property
    def columns(self) -> dict[str, DataColumn]:
        """The data ("values") and what else is known of each point, with units: enough to draw them."""
        return {
            name: DataColumn(np.asarray(getattr(self, name), dtype=np.float64), unit, description)
            for name, (unit, description) in self.column_units.items()
        }


@dataclass(frozen=True)
class LikelihoodFolder:
    """A data set's folder, before its class reads it.

    Attributes
    ----------
    name
        Name of the folder, or of the link to it by which it was found.
    path
        The `likelihood.toml`.
    settings
        Its keys, with a run file's options in place of the file's own. A region under `region` or `regions` that has a
        mask file says where the mask lies, and has the hash of its content.
    where
        Opens messages about the settings.
    """

    name: str
    path: Path
    settings: Mapping[str, Any]
    where: str


def load_likelihood(
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    options_where: str = "",
    where: str = "",
    base: Path | None = None,
) -> Likelihood:
    """Find a data set by name or path, and read it.

    Parameters
    ----------
    options
        Keys that take the place of those in `likelihood.toml`.
    options_where
        File and table in which the options stood.
    where, base
        For messages and relative paths; see :func:`crsea_infer.content.finding.find`.

    Raises
    ------
    UserError
        When there is no such data set or kind, its numbers are not at hand, or the file or its tables are not valid.
    """
    path = finding.find("likelihoods", name, where=where, base=base)
    folder_name = finding.likelihood_name(name, base)
    check_name(folder_name, str(path), "data set")
    settings = {
        **_located(read_toml(path), path.parent, str(path)),
        **_located(_absolute_mask(options or {}, base), base, options_where),
    }
    kind = settings.get("kind")
    if not isinstance(kind, str):
        raise UserError(f"{path}: the key 'kind' is missing or not text", valid=", ".join(LIKELIHOOD_KINDS.places))
    check_at_hand(path, settings)
    folder = LikelihoodFolder(folder_name, path, settings, f"{path} with {options_where}" if options else str(path))
    likelihood: Likelihood = class_of_kind(kind, path).read(folder)
    missing = [name for name in _MEMBERS if not (hasattr(type(likelihood), name) or hasattr(likelihood, name))]
    if missing:
        raise UserError(
            f"{path}: kind = {kind!r} lacks {', '.join(missing)}", valid=f"a class with {', '.join(_MEMBERS)}"
        )
    check_label(likelihood.label, where=folder.where)
    _check_nuisances(likelihood, folder.where)
    for nuisance in likelihood.nuisances:
        check_symbol(nuisance.label, nuisance.unit, where=f"{folder.where}: nuisance {nuisance.name}")
    return likelihood


def _located(settings: Mapping[str, Any], base: Path | None, where: str) -> dict[str, Any]:
    """Return settings whose regions, if they have mask files, say where these lie and what they hold.

    A relative path counts from `base`, the folder of the file that names it.
    """

    def locate(text: str) -> str:
        if "mask" not in text:
            return text  # whoever reads it says what is wrong with it
        try:
            return parse_region(text, base).name
        except UserError as error:
            raise UserError(f"{where}: {error.given}", valid=error.valid, fix=error.fix) from error

    return with_regions(settings, locate)


def with_regions(settings: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Return settings in which the texts under `region` and `regions` are changed; what is no text stays."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(item) for item in value]
        return change(value) if isinstance(value, str) else value

    return {key: changed(value) if key in {"region", "regions"} else value for key, value in settings.items()}


def _absolute_mask(options: Mapping[str, Any], base: Path | None) -> Mapping[str, Any]:
    """Return options whose `mask` is an absolute path: it counts from the run file, not from the data set's folder."""
    mask = options.get("mask")
    return {**options, "mask": str(absolute(mask, base))} if isinstance(mask, str) else options


def _check_nuisances(likelihood: Likelihood, where: str) -> None:
    """Refuse nuisances whose names nothing can carry, and two of the same name, which would be one parameter."""
    names = [nuisance.name for nuisance in likelihood.nuisances]
    for name in names:
        check_name(name, where, "nuisance")
        if names.count(name) > 1:
            raise UserError(
                f"{where}: two nuisances are called {name!r}",
                valid="a name for each; only data sets share nuisances by their names",
                fix="choose another name",
            )


def kinds_of_likelihood() -> dict[str, type[CommonEntry] | None]:
    """Return the kinds that have a short name, with the models of their settings; None where a kind names none."""
    found: dict[str, type[CommonEntry] | None] = {}
    for kind in LIKELIHOOD_KINDS.places:
        try:
            settings = getattr(LIKELIHOOD_KINDS.load(kind), "Settings", None)
        except UserError:  # said when a data set of that kind is read
            settings = None
        is_model = isinstance(settings, type) and issubclass(settings, CommonEntry) and settings is not CommonEntry
        found[kind] = settings if is_model else None
    return found

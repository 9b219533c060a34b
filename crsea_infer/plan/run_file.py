"""Run files: hypotheses x data sets x samplers, in one TOML file.

A run file says what to compare with what, and nothing about how the machine does it. Reading one resolves everything it
names (prior sets, tables, options), so that whatever is wrong is said before any computing, and so that a run can be
recognised later by its content rather than by its name.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crsea_infer.content import finding
from crsea_infer.content.toml_files import read_toml, validate
from crsea_infer.emulator.source import SKY_MODELS, SkyModelSource
from crsea_infer.hypotheses.hypothesis import Hypothesis, available_hypotheses, build_hypothesis, load_hypothesis
from crsea_infer.inference.likelihoods.likelihood import Likelihood, load_likelihood, with_regions
from crsea_infer.physics.regions import content_of_region, region_key
from crsea_infer.plan.run_entries import (
    EXACT_SAMPLES,
    FIT_REPLICATES,
    LARGEST_EXACT,
    SENSITIVITY_FACTORS,
    RunEntry,
    RunHypothesisEntry,
)
from crsea_infer.plan.subsets import ALL, Subsets, read_subsets
from crsea_infer.plan.variant_tables import read_variants, refuse_bad_list
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.files import absolute, check_regular, digest
from crsea_infer.support.limits import LARGEST_SEED
from crsea_infer.support.user_code import code_digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crsea_infer.hypotheses.variants import Variant
    from crsea_infer.inference.samplers.options import SamplerOptions

__all__ = ["RunFile", "load_run", "run_from"]


@dataclass(frozen=True, eq=False)
class RunFile:
    """A run file that was read, checked and resolved.

    Attributes
    ----------
    name
        Its name without ".toml"; the output goes to a folder of that name unless another is asked for.
    path
        The file.
    hypotheses, likelihoods
        What is compared, and with what.
    subsets
        Which of the likelihoods are training sets, and the groups between which tension is sought.
    exact_samples
        Posterior samples of each hypothesis that are checked with the transport solver; 0 for none.
    fit_replicates
        Data sets that are drawn from each hypothesis, to see whether it describes the measured ones; 0 for none.
    sensitivity_parameters, sensitivity_factors
        Parameters whose prior widths are varied afterwards, and the factors on them; no parameters for none.
    seed
        Of all random numbers of the run.
    samplers
        Name of each sampler -> its options.
    emulator
        File of the emulator, a sky model by its name, or None for the emulator that comes with the package.
    variants
        Physics choices with each of which every hypothesis is sampled; none for the physics of the sky model alone.
    beside
        Files of runs whose Bayes factors are shown beside; no part of what determines the results.
    given
        The keys it was resolved from, for what changes some of them.
    """

    name: str
    path: Path
    title: str
    description: str
    hypotheses: tuple[Hypothesis, ...]
    likelihoods: tuple[Likelihood, ...]
    seed: int
    samplers: Mapping[str, SamplerOptions]
    emulator: Path | SkyModelSource | None
    subsets: Subsets
    exact_samples: int = EXACT_SAMPLES
    fit_replicates: int = FIT_REPLICATES
    sensitivity_parameters: tuple[str, ...] = ()
    sensitivity_factors: tuple[float, ...] = SENSITIVITY_FACTORS
    variants: tuple[Variant, ...] = ()
    beside: tuple[Path, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)

    def samplings(self, hypothesis: str) -> dict[str, tuple[Likelihood, ...]]:
        """Return the data of each sampling of a hypothesis, as :meth:`Subsets.samplings` names them."""
        known = {likelihood.name: likelihood for likelihood in self.likelihoods}
        return {
            data: tuple(known[name] for name in names) for data, names in self.subsets.samplings(hypothesis).items()
        }

    def likelihoods_of(self, hypothesis: str) -> tuple[Likelihood, ...]:
        """Return all data that a hypothesis meets: those predicted, and its training set."""
        return self.samplings(hypothesis)[ALL]

    def resolved(self) -> dict[str, Any]:
        """Return all that determines the results, as plain values that TOML and JSON can hold.

        The sky model is not part of it: it has its own fingerprint.
        """
        return {
            **self.subsets.content(),
            **({"variants": {one.name: one.content() for one in self.variants}} if self.variants else {}),
            "seed": self.seed,
            "hypotheses": {hypothesis.name: _hypothesis_content(hypothesis) for hypothesis in self.hypotheses},
            "likelihoods": {likelihood.name: _likelihood_content(likelihood) for likelihood in self.likelihoods},
            "samplers": {name: _plain(options.model_dump()) for name, options in self.samplers.items()},
        }

    def fingerprint(self) -> str:
        """Return a hash of :meth:`resolved`: equal for runs that give equal numbers, whatever they are called."""
        return digest(self.resolved())


def load_run(name: str | Path) -> RunFile:
    """Find a run file by name or path, read it and resolve what it names.

    Paths inside a run file count from the folder of that file.

    Raises
    ------
    UserError
        On anything that is absent, unknown, misspelt, given twice or out of range, with file and key.
    """
    path = finding.find("runs", str(name))
    given = read_toml(path)
    if "combinations" in given:
        among = given["combinations"]
        names = f" ({', '.join(map(str, among))})" if isinstance(among, dict) and among else ""
        raise UserError(
            f"{path}: is a study of several runs, not a run",
            valid="a run file, without [combinations]",
            fix=f"write the combination that you want{names} as a run file of its own",
        )
    return run_from(path, path.stem, given)


def run_from(path: Path, name: str, given: Mapping[str, Any]) -> RunFile:
    """Resolve the content of a run file that was read already; raises as :func:`load_run`.

    Parameters
    ----------
    path
        Where the content comes from: for messages and relative paths.
    name
        Of the run.
    given
        The keys of a run file.
    """
    entry = validate(RunEntry, given, str(path))
    if not 0 <= entry.seed <= LARGEST_SEED:
        raise UserError(f"{path}: seed = {entry.seed}", valid=f"a whole number from 0 to {LARGEST_SEED}")
    if entry.exact_check.samples and not 100 <= entry.exact_check.samples <= LARGEST_EXACT:
        raise UserError(
            f"{path}: exact_check.samples = {entry.exact_check.samples}",
            valid=f"0 (no check), or a whole number from 100 to {LARGEST_EXACT}",
        )
    likelihoods = _likelihoods(path, entry)
    spelt_out = _spelt_out(path, entry)
    hypotheses = _hypotheses(path, entry, spelt_out)
    samplers = _samplers(path, entry)
    return RunFile(
        name=name,
        path=path,
        title=entry.title,
        description=entry.description,
        hypotheses=hypotheses,
        likelihoods=likelihoods,
        seed=entry.seed,
        samplers=samplers,
        emulator=_emulator(path, entry),
        subsets=read_subsets(
            path,
            [likelihood.name for likelihood in likelihoods],
            [hypothesis.name for hypothesis in hypotheses],
            list(samplers),
            train_on=entry.train_on,
            own={one.name: one.train_on for one in spelt_out if one.train_on is not None},
            tension=entry.tension,
        ),
        exact_samples=entry.exact_check.samples,
        fit_replicates=_fit_replicates(path, entry),
        sensitivity_parameters=_sensitivity_parameters(path, entry, hypotheses, likelihoods),
        sensitivity_factors=_sensitivity_factors(path, entry),
        variants=read_variants(path, entry, list(samplers)),
        beside=tuple(finding.find("runs", one, where=f"{path}: beside", base=path.parent) for one in entry.beside),
        given=given,
    )


def _fit_replicates(path: Path, entry: RunEntry) -> int:
    given = entry.goodness_of_fit.replicates
    if given and not 1000 <= given <= LARGEST_EXACT:
        raise UserError(
            f"{path}: goodness_of_fit.replicates = {given}",
            valid=f"0 (none), or a whole number from 1000 to {LARGEST_EXACT}",
        )
    return given


def _sensitivity_parameters(
    path: Path, entry: RunEntry, hypotheses: tuple[Hypothesis, ...], likelihoods: tuple[Likelihood, ...]
) -> tuple[str, ...]:
    given = entry.prior_sensitivity.parameters
    known = dict.fromkeys(parameter.name for hypothesis in hypotheses for parameter in hypothesis.free)
    known |= dict.fromkeys(nuisance.name for likelihood in likelihoods for nuisance in likelihood.nuisances)
    if given is None:
        return tuple(known)
    for name in given:
        if name not in known:
            raise unknown_name("sampled parameter", name, known, where=f"{path}: prior_sensitivity.parameters")
    return tuple(dict.fromkeys(given))


def _sensitivity_factors(path: Path, entry: RunEntry) -> tuple[float, ...]:
    given = entry.prior_sensitivity.factors
    if not given or not all(1e-3 <= factor <= 1e3 for factor in given):
        raise UserError(
            f"{path}: prior_sensitivity.factors = {given}", valid="factors on prior widths, from 0.001 to 1000"
        )
    return tuple(sorted({*given, 1.0}))


def _spelt_out(path: Path, entry: RunEntry) -> list[RunHypothesisEntry]:
    """Return the tables [[hypotheses]] of a run file, if it has its hypotheses in that form."""
    return [
        validate(RunHypothesisEntry, table, f"{path}: [[hypotheses]] number {number}")
        for number, table in enumerate(entry.hypotheses, start=1)
        if isinstance(table, dict)
    ]


def _hypotheses(path: Path, entry: RunEntry, spelt_out: list[RunHypothesisEntry]) -> tuple[Hypothesis, ...]:
    where = f"{path}: hypotheses"
    names = [one.name for one in spelt_out] or [str(name) for name in entry.hypotheses]
    refuse_bad_list(where, names, "hypothesis")
    if spelt_out:
        return tuple(
            build_hypothesis(one.name, one.prior_sets, title=one.title, where=f"{where}, {one.name}", base=path.parent)
            for one in spelt_out
        )
    if isinstance(entry.hypotheses, dict):
        known = available_hypotheses()  # a table of prior sets under the name of one of these is a variation of it
        titles = {name: known[name][0] if name in known else "" for name in names}
        return tuple(
            build_hypothesis(name, prior_sets, title=titles[name], where=f"{where}.{name}", base=path.parent)
            for name, prior_sets in entry.hypotheses.items()
        )
    return tuple(load_hypothesis(name, where=where) for name in names)


def _likelihoods(path: Path, entry: RunEntry) -> tuple[Likelihood, ...]:
    where = f"{path}: likelihoods"
    refuse_bad_list(where, entry.likelihoods, "likelihood")
    called = {name: finding.likelihood_name(name, path.parent) for name in entry.likelihoods}
    for name in entry.options:
        if name not in called.values():
            raise unknown_name("likelihood", name, called.values(), where=f"{path}: options")
    likelihoods = tuple(
        load_likelihood(
            name,
            entry.options.get(called[name]),
            options_where=f"[options.{called[name]}] of {path}",
            where=where,
            base=path.parent,
        )
        for name in entry.likelihoods
    )
    refuse_bad_list(where, [likelihood.name for likelihood in likelihoods], "likelihood")
    return likelihoods


def _samplers(path: Path, entry: RunEntry) -> dict[str, SamplerOptions]:
    from crsea_infer.inference.samplers.options import options_from
    from crsea_infer.inference.samplers.registry import sampler_class, sampler_names

    if not entry.samplers:
        raise UserError(
            f"{path}: has no sampler",
            valid=", ".join(sorted(sampler_names())),
            fix="add a table, such as [samplers.dynesty]",
        )
    return {
        name: options_from(sampler_class(name, f"{path}: samplers").Options, name, given, str(path))
        for name, given in entry.samplers.items()
    }


def _emulator(path: Path, entry: RunEntry) -> Path | SkyModelSource | None:
    given = entry.emulator
    if given is None:
        return None
    if given.path is None and given.kind is None:
        raise UserError(
            f"{path}: emulator: neither path nor kind is given",
            valid="path = an emulator file, or kind = the name of a sky model",
            fix="remove [emulator] to use the one that comes with the package",
        )
    emulator = None if given.path is None else absolute(given.path, path.parent)
    if emulator is not None:
        check_regular(emulator)
    if given.kind is not None:
        SKY_MODELS.load(given.kind, f"{path}: emulator.kind")
        return SkyModelSource(given.kind, emulator, given.options)
    if given.options:
        raise UserError(f"{path}: emulator.options without emulator.kind", fix="remove it, or name the sky model")
    if emulator is not None and not emulator.is_file():
        raise UserError(
            f"{path}: emulator.path: there is no file {emulator}",
            valid="an emulator made by 'crsea-infer emulator train'",
            fix="correct the path, or remove [emulator] to use the one that comes with the package",
        )
    return emulator


def _hypothesis_content(hypothesis: Hypothesis) -> dict[str, Any]:
    morphology = {"morphology": hypothesis.morphology} if hypothesis.morphology else {}
    physics = {"physics": hypothesis.physics.given} if hypothesis.physics else {}
    tables = {"tables": dict(hypothesis.tables)} if hypothesis.tables else {}
    return {
        **morphology,
        **physics,
        **tables,
        "prior_sets": list(hypothesis.prior_sets),
        "parameters": {
            parameter.name: {
                "fiducial": parameter.fiducial,
                "prior": parameter.distribution.describe(),
                **{
                    key: value
                    for key, value in dataclasses.asdict(parameter.distribution).items()
                    if key != "weights" and (key == "kind" or abs(value) != float("inf"))
                },
            }
            for parameter in hypothesis.parameters
        },
    }


def _likelihood_content(likelihood: Likelihood) -> dict[str, Any]:
    words = {"title", "label", "citations"}
    found = {key: _plain(value) for key, value in likelihood.settings.items() if value is not None and key not in words}
    code = code_digest(type(likelihood))
    own_code = {} if code is None else {"code_sha256": code}
    return {**with_regions(found, content_of_region), **_masks(likelihood), **own_code}  # wherever the masks lie


def _masks(likelihood: Likelihood) -> dict[str, list[str]]:
    """Return the content of every mask file through which a data set of whatever kind is predicted."""
    names = {request.region for request in likelihood.requests if request.region is not None}
    keys = {name if "#sha256-" in name else region_key(name) for name in names if "mask" in name}
    masked = sorted(content_of_region(key) for key in keys if "#sha256-" in key)
    return {"masked_regions": masked} if masked else {}


def _plain(value: Any) -> Any:
    """Return mappings and sequences as dicts and lists, without None, which TOML cannot hold."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value

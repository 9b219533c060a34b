"""Which of a run's data each sampling sees: all of them, a training set, or a group.

The likelihoods of a run are its data. Those that some hypothesis names under `train_on` are training sets: they are no
part of what is predicted, and count only for the hypotheses that name them. So all hypotheses predict the same data D,
whatever they were trained on, and their conditional evidences ln Z(D | T) = ln Z(D, T) - ln Z(T) compare by
construction. `tension` divides the data into groups, each of which is sampled alone as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crsea_infer.content.finding import likelihood_name
from crsea_infer.inference.samplers.registry import gives_conditional, sampler_class
from crsea_infer.support.errors import UserError, unknown_name
from crsea_infer.support.names import check_name, refuse_alike

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["ALL", "CONDITIONAL", "TRAINING", "Subsets", "read_subsets"]

ALL, TRAINING, CONDITIONAL = "all", "training", "conditional"
"""What an evidence is of: all data of a hypothesis, its training set, the former given the latter."""


@dataclass(frozen=True)
class Subsets:
    """How the data of a run are divided.

    Attributes
    ----------
    likelihoods
        Names of all likelihoods, in order.
    training
        Hypothesis -> names of its training set; hypotheses without one are absent.
    groups
        Group -> names, for the tension between groups; empty for none.
    """

    likelihoods: tuple[str, ...]
    training: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def train_on(self) -> tuple[str, ...]:
        """Names of all likelihoods that some hypothesis is trained on."""
        trained = {name for names in self.training.values() for name in names}
        return tuple(name for name in self.likelihoods if name in trained)

    @property
    def predicted(self) -> tuple[str, ...]:
        """Names of the likelihoods D whose evidences compare: all that are nobody's training set."""
        trained = self.train_on
        return tuple(name for name in self.likelihoods if name not in trained)

    def samplings(self, hypothesis: str) -> dict[str, tuple[str, ...]]:
        """Return the likelihoods of each sampling of a hypothesis: ALL first, then TRAINING or the groups, if any."""
        trained = self.training.get(hypothesis, ())
        wanted = {ALL: {*self.predicted, *trained}}
        if trained:
            wanted[TRAINING] = set(trained)
        wanted |= {group: set(names) for group, names in self.groups.items()}
        return {data: tuple(name for name in self.likelihoods if name in names) for data, names in wanted.items()}

    def content(self) -> dict[str, dict[str, list[str]]]:
        """Return what determines them, as plain values; empty when nothing is divided."""
        parts = {"train_on": self.training, "tension": self.groups}
        return {key: {name: list(names) for name, names in value.items()} for key, value in parts.items() if value}


def read_subsets(
    path: Path,
    likelihoods: Sequence[str],
    hypotheses: Sequence[str],
    samplers: Sequence[str],
    *,
    train_on: Sequence[str] = (),
    own: Mapping[str, Sequence[str]] | None = None,
    tension: bool | Mapping[str, Sequence[str]] = False,
) -> Subsets:
    """Check what a run file says of training sets and groups.

    Parameters
    ----------
    train_on
        Training set of every hypothesis that has none of its own.
    own
        Hypothesis -> its own training set; an empty one for none.
    tension
        Group -> likelihoods; True for each likelihood by itself.

    Raises
    ------
    UserError
        When a name is unknown or given twice, nothing is left to be predicted, a training set is of no use, groups do
        not divide the data, or no sampler gives an evidence.
    """
    groups = _groups(path, tension, likelihoods)
    subsets = Subsets(tuple(likelihoods), _training(path, likelihoods, hypotheses, train_on, own or {}), groups)
    if not (subsets.training or subsets.groups):
        return subsets
    key = "train_on" if subsets.training else "tension"
    able = [
        name
        for name in samplers
        if sampler_class(name).gives_evidence or (subsets.training and gives_conditional(name))
    ]
    if not able:
        raise UserError(
            f"{path}: {key} with {', '.join(samplers)} alone, which gives no evidence",
            valid="a sampler that gives an evidence",
            fix=f"add {'[samplers.bridge], ' if subsets.training else ''}[samplers.dynesty] or [samplers.importance]",
        )
    if not subsets.predicted:
        raise UserError(
            f"{path}: train_on: the training sets name all the likelihoods, so that none is left to be predicted",
            valid="some of them",
            fix="leave out those that are to be predicted",
        )
    if subsets.training and subsets.groups:
        raise UserError(
            f"{path}: train_on and tension in one run",
            valid="one of them: tension is between all data of a run, of which a training set is no part",
            fix="make two run files",
        )
    return subsets


def _training(
    path: Path,
    likelihoods: Sequence[str],
    hypotheses: Sequence[str],
    train_on: Sequence[str],
    own: Mapping[str, Sequence[str]],
) -> dict[str, tuple[str, ...]]:
    common = _chosen(path, "train_on", train_on, likelihoods)
    if common and all(name in own for name in hypotheses):
        raise UserError(
            f"{path}: train_on is of no use, because every hypothesis has its own",
            valid="train_on for all hypotheses, or train_on under [[hypotheses]]",
            fix="remove one of them",
        )
    training = {
        name: _chosen(path, f"hypotheses, {name}: train_on", own[name], likelihoods) if name in own else common
        for name in hypotheses
    }
    return {name: names for name, names in training.items() if names}


def _groups(
    path: Path, tension: bool | Mapping[str, Sequence[str]], likelihoods: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    if tension is False:
        return {}
    where = f"{path}: tension"
    given = {name: (name,) for name in likelihoods} if tension is True else dict(tension)
    groups = {name: _chosen(path, f"tension.{name}", names, likelihoods) for name, names in given.items()}
    for name in groups:
        check_name(name, where, "group", dict.fromkeys((ALL, TRAINING, CONDITIONAL), "tables call other data so"))
    refuse_alike(groups, where, "group")
    members = sorted(name for names in groups.values() for name in names)
    if len(groups) < 2 or not all(groups.values()) or members != sorted(likelihoods):
        raise UserError(
            f"{where}: the groups do not divide the likelihoods",
            valid="at least two groups that together hold each likelihood once",
            fix=f"divide {', '.join(likelihoods)} into groups; tension = true makes each of them a group",
        )
    return groups


def _chosen(path: Path, key: str, given: Sequence[str], likelihoods: Sequence[str]) -> tuple[str, ...]:
    """Return the likelihoods that are named, in the order of the run."""
    where = f"{path}: {key}"
    names = [likelihood_name(name, path.parent) for name in given]
    for name in names:
        if name not in likelihoods:
            raise unknown_name("likelihood", name, likelihoods, where=where, fix="name it under 'likelihoods' too")
    if len(set(names)) < len(names):
        raise UserError(f"{where}: a likelihood is given twice", valid="each likelihood once")
    return tuple(name for name in likelihoods if name in names)

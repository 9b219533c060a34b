"""Checkpoints: what a killed run needs to go on as if nothing had happened.

A checkpoint is one HDF5 file of plain arrays, written whole (write, flush, rename) at most every few seconds. Inside
stands the identity of what it belongs to: the resolved run, the data, the sky model, the version of the package, the
seed and the sampler with its options; and a SHA-256 of all that it says. A file of something else, or one in which a
single bit has changed, is refused with the reason; it is never overwritten silently. A lock on the output directory
(:mod:`crsea_infer.support.locks`) keeps two runs out of each other's files.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from crsea_infer.support.array_files import first_words, json_object, open_hdf5, refusing
from crsea_infer.support.array_schema import TEXT, signature
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import atomic_write, check_regular
from crsea_infer.support.locks import lock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["Checkpoint", "differences", "lock", "read_arrays", "write_arrays"]

_FORMAT = 2
_FIX = "start again with --fresh (what is there is replaced), or choose another directory with --output"
_WORDS = {
    "run": "the run file (hypotheses, likelihoods or samplers)",
    "data": "the data tables",
    "model": "the sky model",
    "version": "the version of crsea_infer",
    "seed": "the seed",
    "task": "the sampler or its options",
    "order": "the order of hypotheses, prior sets or data sets",
    "parameters": "the order of the parameters, which is that of prior sets and data sets",
}


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Say in words in what two identities differ; an empty string when they agree."""
    parts = [
        f"{_WORDS.get(key, key)}: there {found.get(key)}, here {wanted.get(key)}"
        for key in sorted({*found, *wanted})
        if found.get(key) != wanted.get(key)
    ]
    return "; ".join(parts)


def write_arrays(path: Path, identity: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write arrays, and one entry "plain" of anything JSON can hold, to an HDF5 file, whole or not at all.

    The file is made in memory first: on a full disk the HDF5 library fails half-way, and again when the process ends.
    """
    import h5py

    with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
        file.attrs["format"] = _FORMAT
        file.attrs["identity"] = json.dumps(dict(identity), sort_keys=True)
        file.attrs["plain"] = json.dumps(arrays.get("plain", {}))
        found = {name: np.asarray(value) for name, value in arrays.items() if name != "plain"}
        for name, array in found.items():
            file.create_dataset(name, data=array)
        file.attrs["sha256"] = signature([file.attrs["identity"], file.attrs["plain"]], found)
        file.flush()
        image = file.id.get_file_image()
    atomic_write(path, image)


def read_arrays(path: Path, identity: Mapping[str, Any] | None) -> dict[str, Any]:
    """Read what :func:`write_arrays` wrote; whatever it belongs to where `identity` is None.

    Raises
    ------
    UserError
        When the file is damaged or belongs to something else; the message says which.
    """
    check_regular(path)
    with refusing(
        f"the checkpoint {path} is damaged or truncated", valid="a file written by crsea-infer run", fix=_FIX
    ):
        found, arrays = _content(path)
    reason = "" if identity is None else differences(found, identity)
    if identity is not None and reason:
        only_order = {**found, "parameters": None} == {**identity, "parameters": None}
        raise UserError(
            f"the checkpoint {path} belongs to something else: {reason}",
            valid="a checkpoint of this run",
            fix=f"put them back in the order that stands there until it is finished, or {_FIX}" if only_order else _FIX,
        )
    return arrays


def _content(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return identity and arrays of a file; whatever is wrong with it is an error of some kind."""
    with open_hdf5(path) as file:
        version = file.attribute("format")
        if not isinstance(version, np.integer) or int(version) != _FORMAT:
            raise UserError(
                f"the checkpoint {path} belongs to something else: file format {first_words(version)}, here {_FORMAT}",
                valid="a checkpoint of this run",
                fix=_FIX,
            )
        identity, plain = file.text("identity"), file.text("plain")
        total = sum(header.n_bytes for header in file.headers.values())
        if total > file.limit:
            raise ValueError(f"its arrays would take {total / 2**30:.3g} GiB")
        odd = [name for name, header in file.headers.items() if header.type[0] not in "fiub" or header.type == TEXT]
        if odd:
            raise ValueError(f"{first_words(odd[0])} is no array of numbers")
        arrays: dict[str, Any] = {name: file.array(name)[()] for name in file.headers}
        if signature([identity, plain], arrays) != file.text("sha256"):
            raise ValueError("its content is not what was written")
    if "plain" in arrays:
        raise ValueError("it holds 'plain' twice")
    # NaN may stand among the numbers that a sampler tells of itself
    return json_object(identity), {**arrays, "plain": json_object(plain, constants=True)}


class Checkpoint:
    """The file in which one sampler keeps what it has done so far.

    Parameters
    ----------
    path
        Where; None keeps nothing.
    identity
        What it belongs to; plain strings and numbers.
    interval
        Least time between two writes of :meth:`offer`, in seconds.
    clock
        For tests.
    """

    def __init__(
        self,
        path: Path | None,
        identity: Mapping[str, Any] | None = None,
        interval: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self.identity = dict(identity or {})
        self._interval = interval
        self._clock = clock
        self._last = clock()

    def load(self) -> dict[str, Any]:
        """Return what was kept; an empty dictionary when there is nothing yet.

        Raises
        ------
        UserError
            When the file is damaged or belongs to something else.
        """
        if self.path is None or not self.path.exists():
            return {}
        return read_arrays(self.path, self.identity)

    def save(self, arrays: Mapping[str, Any]) -> None:
        """Write now."""
        if self.path is not None:
            write_arrays(self.path, self.identity, arrays)
        self._last = self._clock()

    def offer(self, arrays: Callable[[], Mapping[str, Any]]) -> bool:
        """Write if the last write is long enough ago; return whether it was."""
        if self._clock() - self._last < self._interval:
            return False
        self.save(arrays())
        return True

"""A piece of work as bytes, and what comes of it: how processes of this package hand work to each other.

Bytes go through a pipe, or over the network to the workers of one's own dask cluster, and never to a disk. Functions
and classes travel by name; those of a script or a notebook, which no other process can import, travel whole where
cloudpickle is installed (it comes with dask). The text of the user's own files that were allowed travels along.
"""

from __future__ import annotations

import importlib
import importlib.util
import pickle
import traceback
from collections.abc import Callable
from typing import Any, Final

from crsea_infer.support.errors import UserError
from crsea_infer.support.user_code import code_of_user, take_code
from crsea_infer.support.version import __version__

__all__ = ["Tell", "Work", "as_user_error", "pack", "perform", "unpacked", "user_error_of"]

Tell = Callable[[float, str], None]
"""Takes how far a piece of work is: a fraction and a few words."""

Work = Callable[[Any, Tell], Any]
"""A function of a module, called as ``work(task, tell)``."""

_DEVICE_FULL: Final = "RESOURCE_EXHAUSTED"
"""What JAX's errors say when the memory of a device is used up."""


def _dumps(content: Any) -> bytes:
    if importlib.util.find_spec("cloudpickle") is None:
        return pickle.dumps(content)
    packer: Any = importlib.import_module("cloudpickle")  # optional, so imported by name
    packed: bytes = packer.dumps(content)
    return packed


def pack(work: Work, task: Any) -> bytes:
    """Return a call of a function on a task as bytes."""
    return pickle.dumps((__version__, code_of_user(), _dumps((work, task))))


def unpacked(value: bytes) -> Any:
    """Return what a piece of work that was done gave."""
    return pickle.loads(value)  # noqa: S301 - from a process of our own


def perform(packed: bytes, tell: Tell) -> tuple[Any, ...]:
    """Do a piece of work.

    Parameters
    ----------
    packed
        What :func:`pack` made.
    tell
        Called by the work with its progress.

    Returns
    -------
    tuple
        ``("done", bytes)`` for :func:`unpacked`, ``("user error", given, valid, fix)`` for :func:`user_error_of`, or
        ``("bug", traceback)``. Nothing is raised but what is no ``Exception``.
    """
    try:
        version, code, content = pickle.loads(packed)  # noqa: S301 - from a process of our own
        if version != __version__:
            raise UserError(  # noqa: TRY301
                f"a worker has crsea_infer {__version__}, and the command crsea_infer {version}",
                valid="the same version of crsea_infer on every worker",
            )
        take_code(code)
        work, task = _found(content)
        return ("done", _dumps(work(task, tell)))
    except Exception as error:  # noqa: BLE001 - whatever it is, whoever asked for the work shows it
        known = as_user_error(error)
        if known is None:
            return ("bug", traceback.format_exc())
        return ("user error", known.given, known.valid, known.fix)


def _found(content: bytes) -> tuple[Work, Any]:
    """Return function and task.

    Raises
    ------
    UserError
        When this process cannot import what they are made of.
    """
    try:
        work, task = pickle.loads(content)  # noqa: S301 - from a process of our own
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"a worker process cannot load what it shall work on: {error}",
            valid="functions and classes of modules that are installed, or found through PYTHONPATH",
            fix="put them into such a module; those of a script or notebook itself need pip install cloudpickle",
        ) from error
    return work, task


def as_user_error(error: BaseException) -> UserError | None:
    """Return what a user can act on in an error; None when it is a bug."""
    if isinstance(error, UserError):
        return error
    if isinstance(error, MemoryError):
        return UserError(
            f"not enough memory ({error})",
            fix="lower the options of the sampler that say how many points it keeps, or use a machine with more memory",
        )
    if _DEVICE_FULL in str(error):
        return UserError(
            f"not enough memory on the device of JAX ({str(error).splitlines()[0]})",
            fix="lower jax-nested.live_points, nuts.chains or smc.particles, end what else uses the device, or set "
            "JAX_PLATFORMS=cpu",
        )
    return None


def user_error_of(outcome: tuple[Any, ...], name: str) -> UserError:
    """Return the error that a piece of work called `name` ended with."""
    _, given, valid, fix = outcome
    return UserError(f"{name}: {given}", valid=valid, fix=fix)

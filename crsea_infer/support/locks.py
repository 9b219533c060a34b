"""Locks on output directories: two runs stay out of each other's files.

The lock is one of the operating system, on the file ``.lock`` of the directory: it ends with the process, however that
ends. Some network disks have no such locks. There a file says who is at work: ``.lock.held``, made in a way that fails
when it is there already, and removed at the end. It outlives a process that is killed: that of a dead process of this
machine is replaced, one of another machine is named, with what to do.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["lock"]

_NO_LOCKS: Final = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL})
_ELSEWHERE: Final = "choose another directory with --output"
_TRIES: Final = 3


@contextmanager
def lock(directory: Path) -> Iterator[None]:
    """Hold the output directory for this process.

    Raises
    ------
    UserError
        When another run holds it, or it cannot be written to.
    """
    import fcntl

    with os.fdopen(_opened(directory), "ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:  # the latter on network disks
            raise _taken(directory) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise UserError(
                    f"{directory} cannot be locked: {error.strerror}", valid="a disk with locks", fix=_ELSEWHERE
                ) from error
        else:
            _refuse_held(directory)  # by a machine that has no locks on the same disk
            yield
            return
    with _held(directory):
        yield


def _opened(directory: Path) -> int:
    """Return the descriptor of the lock file, made if it is absent."""
    path = directory / ".lock"
    # O_APPEND: the directory may turn out to be somebody else's, and so its .lock; O_NONBLOCK: a pipe must not hang
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if not path.exists() or path.is_file():
            raise UserError(
                f"cannot write in {directory}: {error.strerror}",
                valid="a directory that you may write to",
                fix=_ELSEWHERE,
            ) from error
    else:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
    raise UserError(
        f"{path}: is no file, so that {directory} cannot be locked",
        valid="a directory in which .lock is a file, or is absent",
        fix=f"remove it, or {_ELSEWHERE}",
    )


def _taken(directory: Path, who: str = "") -> UserError:
    return UserError(
        f"another run is at work in {directory}{who}",
        valid="one run per output directory at a time",
        fix=f"wait until it ends, or {_ELSEWHERE}",
    )


def _refuse_held(directory: Path) -> None:
    """Refuse a directory in which a file says that a living process is at work; remove that of a dead one."""
    path = directory / ".lock.held"
    there = _holder(path)
    if there is not None:
        _remove_dead(directory, path, there)


@contextmanager
def _held(directory: Path) -> Iterator[None]:
    """Hold a directory by a file that says who holds it, where the file system has no locks."""
    path = directory / ".lock.held"
    own = {"host": socket.gethostname(), "process": os.getpid(), "token": secrets.token_hex(8)}
    for _ in range(_TRIES):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            _refuse_held(directory)
            continue
        except OSError as error:
            raise UserError(
                f"cannot write in {directory}: {error.strerror}",
                valid="a directory that you may write to",
                fix=_ELSEWHERE,
            ) from error
        break
    else:
        raise _taken(directory)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(own, stream)
    try:
        yield
    finally:
        if _holder(path) == own:  # not one that another run put in its place after this one was taken for dead
            path.unlink(missing_ok=True)


def _holder(path: Path) -> dict[str, Any] | None:
    """Return who a file says is at work; None when it is absent, and nothing about whom when it is damaged."""
    try:
        content = json.loads(path.read_bytes()) if path.is_file() else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        return {}
    return content if content is None or isinstance(content, dict) else {}


def _remove_dead(directory: Path, path: Path, there: dict[str, Any]) -> None:
    """Remove the file of a process of this machine that has ended; refuse every other.

    The file is renamed first: of two runs that find it, one does so.
    """
    host, process = there.get("host"), there.get("process")
    if host == socket.gethostname() and isinstance(process, int) and process > 0 and not _lives(process):
        taken = path.with_name(f".lock.dead-{secrets.token_hex(4)}")
        try:
            path.rename(taken)
        except FileNotFoundError:
            return
        if _holder(taken) == there:
            taken.unlink(missing_ok=True)
            return
        taken.rename(path)  # another run had replaced it in between
        raise _taken(directory)
    words = f" (process {process} of {host})" if host and process else ""
    raise UserError(
        f"another run is at work in {directory}{words}, or was killed there: this disk has no locks, so that the file "
        f"{path.name} stands for one",
        valid="one run per output directory at a time",
        fix=f"wait until it ends, or {_ELSEWHERE}; if it is no longer running, delete {path}",
    )


def _lives(process: int) -> bool:
    """Tell whether a process of this machine is running."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's, or no number of a process
        return True
    return True

"""Python files of the user's own, executed only where the user says so.

A folder of data that somebody sends may name a Python file, and a Python file can do whatever the user can. So nothing
is executed unless the command has `--allow-code`, or the environment variable CRSEA_INFER_ALLOW_CODE is 1: never
because a file says so. What is executed is the text of that one file, compiled anew: neither its folder nor what lies
in a `__pycache__` beside it is searched. Worker processes and the workers of a cluster are sent the text with their
work.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from contextlib import contextmanager
from importlib.abc import ExecutionLoader
from importlib.util import spec_from_loader
from typing import TYPE_CHECKING, Any, Final

from crsea_infer.support.errors import UserError
from crsea_infer.support.files import check_regular, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from pathlib import Path
    from types import ModuleType

__all__ = ["ALLOWED_BY", "allowing_code", "code_digest", "code_is_allowed", "code_of_user", "load_class", "take_code"]

ALLOWED_BY: Final = "CRSEA_INFER_ALLOW_CODE"
"""The environment variable that allows code when it is 1."""

_PREFIX: Final = "crsea_infer_code_"

Code = tuple[str, str]
"""The file that code stood in, and its text."""


class _Text(ExecutionLoader):
    """Loads a module from text; the file is only what tracebacks call it."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text = file, text

    def get_source(self, fullname: str) -> str:  # noqa: ARG002 -- it has one module
        """Return the text."""
        return self.text

    def get_filename(self, fullname: str) -> str:  # noqa: ARG002
        """Return the file."""
        return self.file

    def is_package(self, fullname: str) -> bool:  # noqa: ARG002
        """Tell that no module is below this one."""
        return False


class _Known:
    """Finds the code that this process was allowed, by its name, and nothing else."""

    def __init__(self) -> None:
        self.code: dict[str, Code] = {}

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what a module of that name is loaded by; None unless it is code of the user's."""
        return spec_from_loader(name, _Text(*self.code[name])) if name in self.code else None


_KNOWN: Final = _Known()


def code_is_allowed() -> bool:
    """Tell whether the user allowed Python files of data sets to be executed."""
    return os.environ.get(ALLOWED_BY) == "1"


@contextmanager
def allowing_code(allow: bool = True) -> Iterator[None]:
    """Allow code for a while, here and in the processes that are started meanwhile; does nothing when not `allow`."""
    before = os.environ.get(ALLOWED_BY)
    if allow:
        os.environ[ALLOWED_BY] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(ALLOWED_BY, None)
        else:
            os.environ[ALLOWED_BY] = before


def load_class(file: Path, name: str, where: str) -> Any:
    """Execute a Python file, if that is allowed, and return a class of it.

    Parameters
    ----------
    file
        The file.
    name
        Of the class.
    where
        Opens messages: what names it.

    Raises
    ------
    UserError
        When code is not allowed, there is no such file, it does not load, or has no such class.
    """
    check_regular(file)
    if not file.is_file():
        raise UserError(f"{where}: there is no file {file}", valid="a Python file beside likelihood.toml")
    if not code_is_allowed():
        raise UserError(
            f"{where} would execute the Python file {file}",
            valid="a file that you wrote or read: it can do whatever you can",
            fix=f"add --allow-code to the command, or set {ALLOWED_BY}=1",
        )
    text = read_text(file)
    path = str(file.resolve())
    module_name = _PREFIX + hashlib.sha256(f"{path}\n{text}".encode()).hexdigest()[:16]
    take_code({module_name: (path, text)})
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (Exception, SystemExit) as error:
        said = str(error).replace(f"module {module_name!r}", f"{file.name!r}")
        raise UserError(
            f"{where} cannot be loaded: {type(error).__name__}: {said}",
            valid="a Python file without errors that has the class; what it imports must be installed",
        ) from error
    if not isinstance(found, type):
        raise UserError(f"{where} is no class", valid=f"the name of a class in {file}")
    return found


def code_of_user() -> Mapping[str, Code]:
    """Return the code that was loaded here, by the names of its modules: for :func:`take_code` in another process."""
    return dict(_KNOWN.code)


def take_code(code: Mapping[str, Code]) -> None:
    """Let modules of these names be found from now on; each is executed when something asks for it."""
    _KNOWN.code.update(code)
    if code and _KNOWN not in sys.meta_path:
        sys.meta_path.insert(0, _KNOWN)


def code_digest(thing: type) -> str | None:
    """Return a hash of the text that a class was loaded from; None when it is no code of the user's."""
    code = _KNOWN.code.get(thing.__module__)
    return None if code is None else hashlib.sha256(code[1].encode()).hexdigest()

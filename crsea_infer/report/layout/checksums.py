"""files.sha256: what the files made from a run's results were when they were written.

A file that was damaged or changed since is then made again rather than taken for good, and one that the run file no
longer asks for is removed. The form is that of sha256sum, so `sha256sum -c files.sha256` checks a copy of the folder.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from crsea_infer.support.files import atomic_write
from crsea_infer.support.output_names import CHECKSUMS

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

__all__ = ["FILE", "Checksums"]

FILE = CHECKSUMS
_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")
_OURS = {".ecsv", ".nc", ".pdf", ".png"}


class Checksums:
    """The checksums kept in a run's directory; none where the file is absent, and no line that cannot be one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, str] = {}
        path = directory / FILE
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
        for line in lines:
            match = _LINE.fullmatch(line)
            if match and _is_inside(match[2]):
                self._known[match[2]] = match[1]

    @property
    def names(self) -> tuple[str, ...]:
        """The files that have one, relative to the directory."""
        return tuple(self._known)

    def is_whole(self, name: str) -> bool:
        """Return whether a file is there, and as it was written."""
        path = self._directory / name
        return name in self._known and path.is_file() and _sha256(path) == self._known[name]

    def is_changed(self, name: str) -> bool:
        """Return whether a file is there, and known to have been different when it was written."""
        return name in self._known and (self._directory / name).is_file() and not self.is_whole(name)

    def keep(self, names: Collection[str]) -> None:
        """Take the checksums of files that were just written."""
        self._known |= {name: _sha256(self._directory / name) for name in names if (self._directory / name).is_file()}
        self._write()

    def forget_all_but(self, names: Collection[str]) -> None:
        """Remove files that the run no longer has, unless somebody changed them, and their checksums."""
        stale = [name for name in self._known if name not in names]
        for name in stale:
            if self.is_whole(name):
                (self._directory / name).unlink()
            del self._known[name]
        if stale:
            self._write()

    def _write(self) -> None:
        atomic_write(self._directory / FILE, "".join(f"{digest}  {name}\n" for name, digest in self._known.items()))


def _is_inside(name: str) -> bool:
    """Return whether a name can be that of a product: files of others are never touched, whatever the file says."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and path.suffix in _OURS


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

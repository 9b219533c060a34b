"""Trained sky regions that are kept: a region that the emulator lacks is solved once, not every time it is asked for.

Each region has an entry of its own for nuclei and, once they were asked for, one for electrons: a file in the format of
all emulators, named by a hash of everything that its numbers follow from (settings of the grid, edges of the region and
content of its mask, code and tables of the physics). So an entry is never out of date: whatever changes has another
name. An entry that is damaged, of other content or of other shape is ignored and made again; a folder that cannot be
read or written only means that nothing is kept there. Entries lie in the user's cache directory, which the environment
variable CRSEA_INFER_CACHE names in place of the system's usual one, and those of a run beside its run.toml too.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from crsea_infer import physics
from crsea_infer.emulator.archive import read_archive, write_archive
from crsea_infer.emulator.response import chebyshev, region_training
from crsea_infer.emulator.response.chosen_settings import choices_of
from crsea_infer.emulator.response.region_training import Particles, RegionFit, basis_shape, train_regions
from crsea_infer.grids import response_grid as grid
from crsea_infer.grids.description import RegionHeader
from crsea_infer.physics.healpix_mask import read_mask
from crsea_infer.physics.masks import disc_scale
from crsea_infer.physics.regions import parse_region
from crsea_infer.support.array_schema import ArraySpec
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import arrays_digest, digest, is_leftover
from crsea_infer.support.output_names import SKY_REGION_FILE, SKY_REGIONS
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crsea_infer.emulator.archive import Layout
    from crsea_infer.grids.response_grid import GridSettings

__all__ = [
    "ENVIRONMENT_VARIABLE",
    "EntryKey",
    "Particles",
    "RegionCache",
    "clear",
    "code_and_tables",
    "entries",
    "entry_key",
    "entry_name",
    "user_folder",
    "write_entry",
]

ENVIRONMENT_VARIABLE: Final = "CRSEA_INFER_CACHE"
"""Names the cache directory of the package, in place of the one that the system has for such."""

_KIND: Final = "sky region"
_FORMAT: Final = 1


@dataclass(frozen=True)
class EntryKey:
    """What one entry is, and what it must look like.

    Attributes
    ----------
    content
        Everything that its numbers follow from, of plain JSON types.
    n_terms
        Length of its coefficients.
    shape
        Of its basis, behind the rank.
    region
        What the region was called; no part of the content, since a mask may lie anywhere.
    physics
        In what its physics differs from what the package has of itself, in words; the content has all of it.
    """

    content: Mapping[str, Any]
    n_terms: int
    shape: tuple[int, ...]
    region: str
    physics: str = ""

    @property
    def hash(self) -> str:
        """Hash of the content."""
        text = json.dumps(self.content, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def user_folder() -> Path | None:
    """Return the folder of entries in the user's cache directory; None when there is no such directory."""
    given = os.environ.get(ENVIRONMENT_VARIABLE, "").strip()
    if given:
        return Path(given).expanduser().absolute() / SKY_REGIONS
    import platformdirs

    usual = platformdirs.user_cache_path("crsea_infer", appauthor=False)
    # relative when there is no home, or a variable that should name a place does not
    return usual / SKY_REGIONS if usual.is_absolute() else None


def entry_key(settings: GridSettings, particles: Particles, name: str) -> EntryKey:
    """Return the key of a region.

    Parameters
    ----------
    settings
        Physics and design. What acts on spectra alone, and the regions of the grid, are no part of the key.
    particles
        Nuclei, their groups of gas, or electrons.
    name
        Name or box of the region.

    Raises
    ------
    UserError
        When the region or its mask cannot be read.
    """
    # taken away is what is known not to matter, so that a setting that comes new matters
    content = asdict(settings)
    for other in ("regions", "cross_section", "nuclear_enhancement", _ELSEWHERE[particles]):
        del content[other]
    content["line_of_sight"]["heights"] = settings.line_of_sight.heights.tolist()
    region = parse_region(name)
    mask = region.mask
    if mask is not None and disc_scale(mask) is None:  # whose discs are a table of the package
        read = read_mask(Path(mask), region.mask_sha256)
        mask = digest([arrays_digest({"kept": read.kept}), asdict(read.sky)])
    return EntryKey(
        content={
            "format": _FORMAT,
            "version": __version__,
            "code": code_and_tables(),
            "particles": particles,
            "settings": content,
            "region": {"longitude": region.longitude, "latitude": region.latitude, "mask": mask},
        },
        n_terms=int(np.prod([axis.n_nodes for axis in settings.axes])),
        shape=basis_shape(settings, particles),
        region=name,
        physics=choices_of(settings).words(),
    )


_ELSEWHERE: Final[Mapping[Particles, str]] = {
    "nuclei": "electrons",
    "gas groups": "electrons",
    "electrons": "n_rigidity",
}
"""What acts on the other particles alone."""


@cache
def code_and_tables() -> str:
    """Return a hash of the code and the tables that decide what the sky receives."""
    home = Path(physics.__file__).parent
    tables = [path for path in (home / "data").rglob("*") if path.is_file() and not path.name.startswith(".")]
    modules = [Path(str(module.__file__)) for module in (chebyshev, region_training, grid)]
    found = hashlib.sha256()
    for path in (*sorted(home.rglob("*.py")), *sorted(tables), *modules):
        found.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:32]


def entry_name(key: EntryKey) -> str:
    """Return the file name of an entry."""
    return f"region-{key.hash}.npz"


def write_entry(folder: Path, key: EntryKey, fit: RegionFit) -> None:
    """Write an entry, whole or not at all; a folder that cannot be written is left as it is."""
    arrays = {"coefficients": fit.coefficients, "basis": fit.basis}
    header = {
        "key": key.hash,
        "region": key.region,
        "physics": key.physics,
        "particles": key.content["particles"],
        "n_terms": key.n_terms,
        "shape": list(key.shape),
    }
    with suppress(OSError, UserError):
        folder.mkdir(parents=True, exist_ok=True)
        write_archive(folder / entry_name(key), _KIND, header, arrays)


def _layout(_: str, header: RegionHeader) -> Layout:
    """Return what an entry with that header must hold."""
    sizes = {"term": header.n_terms} | {f"axis_{number}": size for number, size in enumerate(header.shape)}
    axes = tuple(f"axis_{number}" for number in range(len(header.shape)))
    return {"coefficients": ArraySpec(("term", "rank"), ("f8",)), "basis": ArraySpec(("rank", *axes), ("f8",))}, sizes


def _read_entry(folder: Path, key: EntryKey) -> RegionFit | None:
    """Read an entry; None when it is absent, damaged, or not what its name says."""
    try:
        header, arrays = read_archive(folder / entry_name(key), {_KIND: RegionHeader}, _layout)
    except (OSError, UserError):
        return None
    right = header["key"] == key.hash and (header["n_terms"], tuple(header["shape"])) == (key.n_terms, key.shape)
    return RegionFit(arrays["coefficients"], arrays["basis"]) if right else None


class RegionCache:
    """Trained regions, in memory and in folders.

    Parameters
    ----------
    folders
        Where entries are looked for, the first before the others, and where every one is kept.
    reads
        Where they are looked for too.
    """

    def __init__(self, folders: Iterable[Path], reads: Iterable[Path] = ()) -> None:
        self._folders = list(folders)
        self._reads = list(reads)
        self._known: dict[str, tuple[EntryKey, RegionFit]] = {}

    @classmethod
    def of_user(cls, *reads: Path) -> Self:
        """Return that of the user's cache directory, if there is one, which looks into other folders too."""
        folder = user_folder()
        return cls(() if folder is None else (folder,), reads)

    def keep_in(self, folder: Path) -> None:
        """Keep in one more folder what is known, and what will be."""
        if folder not in self._folders:
            self._folders.append(folder)
        for key, fit in self._known.values():
            self._keep(key, fit)

    def fits(self, settings: GridSettings, particles: Particles, names: Sequence[str]) -> dict[str, RegionFit]:
        """Return regions, trained now where nobody has done so before.

        Parameters
        ----------
        settings
            Physics and design.
        particles
            Whose emission.
        names
            Names or boxes of the regions.

        Raises
        ------
        UserError
            As :func:`crsea_infer.emulator.response.region_training.train_regions`.
        """
        keys = {name: entry_key(settings, particles, name) for name in names}
        found = {name: self._read(key) for name, key in keys.items()}
        missing = [name for name, fit in found.items() if fit is None]
        trained = train_regions(settings, particles, tuple(missing)) if missing else {}
        fits = {name: trained[name] if fit is None else fit for name, fit in found.items()}
        for name, fit in fits.items():
            self._take(keys[name], fit, again=name in trained)
        return fits

    def lacked(self, settings: GridSettings, particles: Particles, names: Sequence[str]) -> list[str]:
        """Return those of some regions that nobody has trained; parameters as of :meth:`fits`."""
        return [name for name in names if self._read(entry_key(settings, particles, name)) is None]

    def add(self, settings: GridSettings, particles: Particles, fits: Mapping[str, RegionFit]) -> None:
        """Keep regions that were trained elsewhere, with these settings; parameters as of :meth:`fits`."""
        for name, fit in fits.items():
            self._take(entry_key(settings, particles, name), fit, again=True)

    def _take(self, key: EntryKey, fit: RegionFit, *, again: bool) -> None:
        self._known[key.hash] = key, fit
        self._keep(key, fit, again=again)

    def _read(self, key: EntryKey) -> RegionFit | None:
        if key.hash in self._known:
            return self._known[key.hash][1]
        places = (*self._folders, *self._reads)
        return next((fit for folder in places if (fit := _read_entry(folder, key)) is not None), None)

    def _keep(self, key: EntryKey, fit: RegionFit, *, again: bool = False) -> None:
        """Write an entry where it is absent; `again` where it is there too, being damaged."""
        for folder in self._folders:
            if again or not _is_there(folder / entry_name(key)):
                write_entry(folder, key, fit)


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


@dataclass(frozen=True)
class Entry:
    """An entry as people want to see it.

    Attributes
    ----------
    path
        Its file.
    size
        Of the file, bytes.
    region
        What the region was called.
    particles
        "nuclei", "gas groups" or "electrons".
    physics
        In what its physics differs from what the package has of itself, in words; empty for nothing.
    """

    path: Path
    size: int
    region: str
    particles: str
    physics: str


def entries(folder: Path) -> list[Entry]:
    """Return the entries of a folder; those that cannot be read have no region."""
    found = []
    for path in _files(folder, leftovers=False):
        if path.name.startswith("sky-"):  # of maps, whose arrays are large: their names say enough
            with suppress(OSError):
                found.append(Entry(path, path.stat().st_size, "whole sky, for maps", path.name.split("-")[1], ""))
            continue
        try:
            header, _ = read_archive(path, {_KIND: RegionHeader}, _layout)
            size = path.stat().st_size
        except (OSError, UserError):
            header, size = {}, 0
        said = [str(header.get(name, otherwise)) for name, otherwise in _SAID.items()]
        found.append(Entry(path, size, *said))
    return sorted(found, key=lambda entry: (entry.physics, entry.region, entry.particles))


_SAID: Final[Mapping[str, str]] = {"region": "unreadable", "particles": "", "physics": ""}
"""What an entry says of itself for people, and what is said where it says nothing."""


def clear(folder: Path) -> int:
    """Remove the entries of a folder, and nothing else, and return how many there were.

    Raises
    ------
    UserError
        When one cannot be removed.
    """
    removed = 0
    for path in _files(folder, leftovers=True):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(
                f"cannot remove {path}: {error.strerror or error}", valid="a directory that you may write to"
            ) from error
        removed += not is_leftover(path)
    return removed


def _files(folder: Path, *, leftovers: bool) -> list[Path]:
    """Return the files of entries, with what processes killed while writing them left."""
    try:
        there = [path for path in folder.iterdir() if path.is_file()]
    except OSError:
        return []
    return [path for path in there if SKY_REGION_FILE.fullmatch(path.name) or (leftovers and is_leftover(path))]

"""Fast stand-ins for the transport solver, trained on grids, with their error known and written inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.emulator.response.region_cache import RegionCache
    from crsea_infer.emulator.sky_model import SkyModel
    from crsea_infer.emulator.source import SkyModelSource

__all__ = ["exact", "load"]


def _is_of_spectra(path: Path) -> bool:
    from crsea_infer.emulator.archive import archive_kind
    from crsea_infer.emulator.spectra.spectra_emulator import SPECTRA_KINDS

    return archive_kind(path) in SPECTRA_KINDS


def load(
    source: Path | SkyModelSource | None = None, *, absorption: bool = True, regions: RegionCache | None = None
) -> SkyModel:
    """Return a sky model.

    Parameters
    ----------
    source
        An emulator file, or a model by its name; None for the emulator that is shipped with the package.
    absorption
        Whether gamma rays are absorbed on their way, in a model of responses.
    regions
        Where sky regions that the emulator lacks are kept; default: the user's cache directory.

    Raises
    ------
    UserError
        When the file is missing or damaged, or the model cannot be loaded.
    """
    from crsea_infer.emulator.source import SkyModelSource

    if isinstance(source, SkyModelSource):
        return source.read()
    path = source
    from crsea_infer.emulator.response.response_sky import EmulatedSky
    from crsea_infer.emulator.response.store import read_emulator

    if path is not None and _is_of_spectra(path):
        from crsea_infer.emulator.spectra.spectra_emulator import read_spectra_emulator
        from crsea_infer.emulator.spectra.spectra_sky import SpectraSky

        return SpectraSky(read_spectra_emulator(path))
    return EmulatedSky(read_emulator(path), absorption=absorption, regions=regions)


def exact(path: Path | None = None, *, absorption: bool = True) -> SkyModel:
    """Return the sky model backed by the solver, with the settings of an emulator file (default: the shipped one)."""
    from crsea_infer.emulator.response.response_sky import ExactSky
    from crsea_infer.emulator.response.store import read_emulator

    if path is not None and _is_of_spectra(path):
        from crsea_infer.support.errors import UserError

        raise UserError(
            f"{path} was trained on spectra of another code, which this package cannot run",
            valid="an emulator of responses",
            fix="leave --exact out",
        )
    return ExactSky(read_emulator(path).settings, absorption=absorption)

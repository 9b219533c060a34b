"""Response grids: the responses of sky regions on a tensor of Chebyshev nodes in the transport parameters.

A grid is an xarray Dataset on disk (netCDF-4): its coordinates are the design points with units, its one variable the
responses, and its attributes say everything that went in (code version, physics choices, gas table, hash).
"""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import numpy as np

from crsea_infer.grids.description import Settings, described
from crsea_infer.grids.shared_geometry import solver_with_geometry
from crsea_infer.physics.analytic_gas import GasModel, gas_columns, gas_provenance
from crsea_infer.physics.electrons import ElectronSettings
from crsea_infer.physics.geometry import COMPONENTS, N_ABSORPTION_NODES, LineOfSight, absorption_nodes
from crsea_infer.physics.leptons import LEPTON_COMPONENTS, LEPTON_ENERGIES, LeptonSolver, lepton_heights
from crsea_infer.physics.region_response import GroupSolver, ResponseSolver, rigidity_nodes
from crsea_infer.physics.regions import REGIONS, Region, parse_region, region_key
from crsea_infer.physics.transport import DELTA_SLOPES, HALO_HEIGHTS, TransportSettings
from crsea_infer.support.array_files import json_object, open_hdf5, refusing
from crsea_infer.support.array_schema import TEXT, ArraySpec, check_headers, check_numbers, signature
from crsea_infer.support.errors import UserError
from crsea_infer.support.files import digest, write_dataset
from crsea_infer.support.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import xarray as xr

    from crsea_infer.support.arrays import Float64

__all__ = [
    "DEFAULT_AXES",
    "DEFAULT_REGIONS",
    "Axis",
    "GridSettings",
    "build_grid",
    "grid_dataset",
    "read_grid",
    "write_grid",
]


@dataclass(frozen=True)
class Axis:
    """One transport parameter of a grid: a range and its Chebyshev (Gauss) nodes.

    Attributes
    ----------
    name, unit
        Name of the parameter as in prior sets, and its unit.
    lower, upper
        Range that the nodes cover and within which interpolation holds.
    n_nodes
        Number of nodes; polynomials up to degree n_nodes - 1 are reproduced.
    scale
        "linear", or "log" for nodes in the logarithm.
    """

    name: str
    lower: float
    upper: float
    n_nodes: int
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"

    @property
    def nodes(self) -> Float64:
        """Nodes in the parameter itself, ascending, shape [n_nodes]."""
        unit = -np.cos(np.pi * (np.arange(self.n_nodes) + 0.5) / self.n_nodes)
        low, high = (self.lower, self.upper) if self.scale == "linear" else (np.log(self.lower), np.log(self.upper))
        mapped = (low + high) / 2 + (high - low) / 2 * unit
        return np.asarray(mapped if self.scale == "linear" else np.exp(mapped))


DEFAULT_AXES: Final = (
    Axis("delta_slope", 0.0, 0.1, 20, "1/kpc"),
    Axis("halo_height", 2.0, 12.0, 14, "kpc", "log"),
)
DEFAULT_REGIONS: Final = tuple(REGIONS)
_FIX: Final = "build the grid again with: crsea-infer grid build"
NucleiSolver = TypeVar("NucleiSolver", ResponseSolver, GroupSolver)
CrossSection = Literal["kelner-aharonian", "aafrag"]


@dataclass(frozen=True)
class GridSettings:
    """Everything that determines a response grid.

    Attributes
    ----------
    regions
        Names or boxes of the sky regions.
    axes
        Transport parameters and their nodes.
    n_rigidity
        Number of Chebyshev nodes in the logarithm of rigidity.
    transport, line_of_sight
        Physics choices and numerics of the two stages.
    cross_section
        "kelner-aharonian" or "aafrag", where a hypothesis does not mix them.
    nuclear_enhancement
        Factor on pion-decay emission for nuclei heavier than helium in the beam. The published maps have none (1.0);
        1.05 to 1.15 is usual (Kachelriess, Moskalenko and Ostapchenko 2014, ApJ 789, 136).
    electrons
        Physics of the electrons; None leaves their gamma rays out.
    gas_model
        "rings" (columns of HI and CO in rings) or "analytic" (:mod:`crsea_infer.physics.analytic_gas`).
    """

    regions: tuple[str, ...] = DEFAULT_REGIONS
    axes: tuple[Axis, ...] = DEFAULT_AXES
    n_rigidity: int = 16
    transport: TransportSettings = field(default_factory=TransportSettings)
    line_of_sight: LineOfSight = field(default_factory=LineOfSight)
    cross_section: CrossSection = "kelner-aharonian"
    nuclear_enhancement: float = 1.0
    electrons: ElectronSettings | None = field(default_factory=ElectronSettings)
    gas_model: GasModel = "rings"

    def __post_init__(self) -> None:
        """Refuse axes that the numerics are not made for; say of regions with a mask file what the file holds.

        Raises
        ------
        UserError
            When an axis is missing, unknown, or beyond what the numerics are made for.
        """
        _check_axes(self.axes)
        # grids of different masks are different grids
        named = tuple(region_key(name) if "mask" in name and "#sha256-" not in name else name for name in self.regions)
        object.__setattr__(self, "regions", named)

    @property
    def rigidities(self) -> Float64:
        """Nodes of rigidity, GV."""
        return rigidity_nodes(self.n_rigidity)

    def solver(self, regions: Sequence[Region] | None = None) -> ResponseSolver:
        """Return the transport solver seen through the regions of the grid, or through others."""
        return self._seen_through(ResponseSolver, regions)

    def group_solver(self, regions: Sequence[Region] | None = None) -> GroupSolver:
        """Return the same solver for each group of gas."""
        return self._seen_through(GroupSolver, regions)

    def _seen_through(self, kind: type[NucleiSolver], regions: Sequence[Region] | None) -> NucleiSolver:
        chosen = self._chosen(regions)

        def make() -> NucleiSolver:
            return kind.for_regions(
                chosen,
                rigidities=self.rigidities,
                transport=self.transport,
                line_of_sight=self.line_of_sight,
                gas=gas_columns(self.gas_model),
            )

        found: NucleiSolver = solver_with_geometry(kind.__name__, self.as_json(), chosen, make)
        return replace(found, transport=self.transport)

    def _chosen(self, regions: Sequence[Region] | None) -> list[Region]:
        return [parse_region(name) for name in self.regions] if regions is None else list(regions)

    @property
    def highest_halo(self) -> float:
        """The largest halo height of the grid, kpc."""
        return next(axis.upper for axis in self.axes if axis.name == "halo_height")

    def lepton_solver(self, regions: Sequence[Region] | None = None) -> LeptonSolver | None:
        """Return the transport of electrons seen through the regions, or None when the grid leaves them out."""
        electrons = self.electrons
        if electrons is None:
            return None
        chosen = self._chosen(regions)

        def make() -> LeptonSolver:
            return LeptonSolver.for_regions(
                chosen,
                transport=self.transport,
                line_of_sight=self.line_of_sight,
                gas=gas_columns(self.gas_model),
                settings=electrons,
                highest=self.highest_halo,
            )

        found: LeptonSolver = solver_with_geometry("electrons", self.as_json(), chosen, make)
        return replace(found, electrons=replace(found.electrons, transport=self.transport))

    def as_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON types, for provenance and hashes."""
        settings = asdict(self)
        settings["line_of_sight"]["heights"] = self.line_of_sight.heights.tolist()
        settings["gas"] = gas_provenance(self.gas_model)
        # numerics that are no choice, but that decide the numbers as choices do
        heights = None if self.electrons is None else lepton_heights(self.highest_halo).tolist()
        settings["lepton_heights"] = heights
        # a grid that leaves a choice as it was is what it was without the choice
        if self.transport.saturation_radius is None:
            del settings["transport"]["saturation_radius"]
        if self.gas_model == "rings":
            del settings["gas_model"]
        if self.electrons is not None and self.electrons.radiation_field == "discs":
            del settings["electrons"]["radiation_field"]
        return settings

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> GridSettings:
        """Read back what :meth:`as_json` wrote."""
        sight = dict(content["line_of_sight"])
        sight["heights"] = np.asarray(sight["heights"], dtype=float)
        sight["x_co"] = tuple(sight["x_co"])
        return cls(
            regions=tuple(content["regions"]),
            axes=tuple(Axis(**axis) for axis in content["axes"]),
            n_rigidity=int(content["n_rigidity"]),
            transport=TransportSettings(**content["transport"]),
            line_of_sight=LineOfSight(**sight),
            cross_section=content["cross_section"],
            nuclear_enhancement=float(content["nuclear_enhancement"]),
            electrons=None if content["electrons"] is None else ElectronSettings(**content["electrons"]),
            gas_model=content.get("gas_model", "rings"),
        )


def _check_axes(axes: Sequence[Axis]) -> None:
    """Refuse axes other than the two transport parameters, or beyond what the numerics are made for."""
    limits = {"delta_slope": DELTA_SLOPES, "halo_height": HALO_HEIGHTS}
    names = [axis.name for axis in axes]
    if sorted(names) != sorted(limits):
        raise UserError(f"a grid in {', '.join(names) or 'nothing'}", valid=f"one axis each of {', '.join(limits)}")
    for axis in axes:
        low, high = limits[axis.name]
        if not low <= axis.lower < axis.upper <= high:
            raise UserError(
                f"{axis.name} from {axis.lower:g} to {axis.upper:g} {axis.unit}".rstrip(),
                valid=f"a range, the lower end first, within {low:g} to {high:g} {axis.unit}".rstrip(),
            )
        if axis.n_nodes < 1:
            raise UserError(f"{axis.n_nodes} nodes of {axis.name}", valid="one node at least")


def build_grid(settings: GridSettings, progress: Callable[[int, int], None] | None = None) -> xr.Dataset:
    """Solve transport at every design point and return the grid.

    Parameters
    ----------
    settings
        What to compute.
    progress
        Called with the number of points done and the total after each point.
    """
    solver, lepton_solver = settings.solver(), settings.lepton_solver()
    points = list(itertools.product(*(axis.nodes for axis in settings.axes)))
    names = [axis.name for axis in settings.axes]
    responses = np.empty((len(points), *solver.weights.shape[:3], settings.n_rigidity))
    leptons = np.empty((len(points), len(settings.regions), len(LEPTON_COMPONENTS), LEPTON_ENERGIES.size))
    for i, point in enumerate(points):
        parameters = dict(zip(names, point, strict=True))
        here = float(parameters["delta_slope"]), float(parameters["halo_height"])
        responses[i] = solver(*here)
        if lepton_solver is not None:
            leptons[i] = lepton_solver(*here)
        if progress is not None:
            progress(i + 1, len(points))
    return grid_dataset(settings, np.array(points), responses, leptons if lepton_solver is not None else None)


def grid_dataset(settings: GridSettings, design: Float64, responses: Float64, leptons: Float64 | None) -> xr.Dataset:
    """Put a grid together, with everything that says what it is.

    Parameters
    ----------
    settings
        What was computed.
    design
        Values of the parameters, in the order of the axes, shape [point, axis].
    responses
        cm^-2, shape [point, region, component, absorption, rigidity].
    leptons
        Intensities of the gamma rays of electrons, shape [point, region, lepton component, lepton energy], or None.
    """
    import xarray as xr

    content = settings.as_json()
    extra: dict[str, Any] = {}
    if leptons is not None:
        extra["leptons"] = (
            ("point", "region", "lepton_component", "lepton_energy"),
            leptons,
            {"units": "GeV-1 cm-2 s-1 sr-1", "long_name": "intensity of the gamma rays of electrons"},
        )
    grid = xr.Dataset(
        {
            **extra,
            "response": (
                ("point", "region", "component", "absorption", "rigidity"),
                responses,
                {
                    "units": "cm-2",
                    "long_name": "effective gas column: mean column weighted by the cosmic-ray density relative to "
                    "the Sun, attenuated",
                },
            ),
        },
        coords={
            **{
                axis.name: ("point", design[:, i], {"units": axis.unit, "lower": axis.lower, "upper": axis.upper})
                for i, axis in enumerate(settings.axes)
            },
            "region": list(settings.regions),
            "component": list(COMPONENTS),
            "lepton_component": list(LEPTON_COMPONENTS),
            "lepton_energy": ("lepton_energy", LEPTON_ENERGIES, {"units": "GeV"}),
            "absorption": ("absorption", absorption_nodes(), {"units": "1/kpc"}),
            "rigidity": ("rigidity", settings.rigidities, {"units": "GV"}),
        },
        attrs={
            "kind": "response",
            "settings": json.dumps(content, sort_keys=True),
            "hash": digest(content),
            "crsea_infer_version": __version__,
        },
    )
    return grid.assign_attrs(sha256=_signature(grid))


def write_grid(grid: xr.Dataset, path: Path) -> None:
    """Write a grid to a netCDF-4 file, whole or not at all."""
    write_dataset(grid, path)


def _layout(settings: Settings) -> tuple[dict[str, ArraySpec], dict[str, int]]:
    """Return what a grid of these settings holds, and the sizes that they state."""
    sizes = {
        "point": math.prod(axis.n_nodes for axis in settings.axes),
        "region": len(settings.regions),
        "component": len(COMPONENTS),
        "absorption": N_ABSORPTION_NODES,
        "rigidity": settings.n_rigidity,
        "lepton_component": len(LEPTON_COMPONENTS),
        "lepton_energy": LEPTON_ENERGIES.size,
    }
    schema: dict[str, ArraySpec] = {
        "response": ArraySpec(("point", "region", "component", "absorption", "rigidity")),
        **{axis.name: ArraySpec(("point",)) for axis in settings.axes},
        **{name: ArraySpec((name,)) for name in ("absorption", "rigidity", "lepton_energy")},
        **{name: ArraySpec((name,), (TEXT,)) for name in ("region", "component", "lepton_component")},
    }
    if settings.electrons is not None:
        schema["leptons"] = ArraySpec(("point", "region", "lepton_component", "lepton_energy"))
    return schema, sizes


def _signature(grid: xr.Dataset) -> str:
    """Return the SHA-256 of settings and of all numbers."""
    return signature([grid.attrs["settings"]], {str(name): array.values for name, array in grid.variables.items()})


def read_grid(path: Path) -> xr.Dataset:
    """Read a response grid.

    Raises
    ------
    UserError
        When the file is missing, unreadable, no response grid of this package, or was changed since it was written.
    """
    if not path.is_file():
        raise UserError(f"there is no grid file {path}", fix="make one with: crsea-infer grid build --output FILE")
    with refusing(f"{path} is not a readable netCDF-4 file", fix=_FIX), open_hdf5(path) as file:
        if file.attribute("kind") != "response":
            raise UserError(
                f"{path} is not a response grid of crsea_infer", valid="a file written by: crsea-infer grid build"
            )
        attributes = {name: file.text(name) for name in ("kind", "settings", "hash", "sha256", "crsea_infer_version")}
        content = json_object(attributes["settings"])
        stated = described(Settings, content, f"{path}: settings", _FIX)
        schema, sizes = _layout(stated)
        check_headers(file.headers, schema, sizes, where=str(path), fix=_FIX, limit=file.limit)
        found = {name: file.array(name) for name in file.headers}
        arrays = check_numbers(found, schema, where=str(path), fix=_FIX)
    settings = GridSettings.from_json(stated.model_dump())
    design = np.stack([arrays[axis.name] for axis in settings.axes], axis=-1)
    grid = grid_dataset(settings, design, arrays["response"], arrays.get("leptons"))
    # coordinates and design are those of the settings; whatever was exchanged, edited or moved shows in the signature
    for name in ("region", "component", "lepton_component", "lepton_energy", "absorption", "rigidity"):
        if not np.array_equal(grid[name].values, arrays[name]):
            raise UserError(f"{path}: {name} is not that of its settings", fix=_FIX)
    if digest(content) != attributes["hash"] or signature([attributes["settings"]], arrays) != attributes["sha256"]:
        raise UserError(f"{path} was changed: it does not hold what its signature says", fix=_FIX)
    return grid.assign_attrs(attributes)

"""The state of nautilus: its own HDF5 file as bytes, and what that file must be before nautilus reads it.

nautilus reads back what it wrote without asking, attributes of networks included, which it sets one by one. So every
array and attribute of the file is checked here by name, type, shape and number: bounds, networks and ellipsoids for
being of their kind, and the points with their ln L for being those of the likelihood.
"""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from crsea_infer.inference.samplers.states import START_AGAIN, Calls, Kept, Seconds, StateEntry, kept_state
from crsea_infer.support.array_files import first_words, open_hdf5, refusing
from crsea_infer.support.array_schema import AnyArray, ArrayHeader, ArraySpec, check_headers, check_numbers
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from crsea_infer.inference.target import Target
    from crsea_infer.support.array_files import HierarchicalFile
    from crsea_infer.support.checkpoint import Checkpoint

__all__ = ["NautilusWork", "kept_sampler", "kept_work", "state_bytes"]

_STATE: Final = {"nautilus": ArraySpec(("byte",), ("u1",), "any")}

_BOUND: Final = r"bound_\d+(/neural_bound_\d+)?(/outer_bound)?(/bound_\d+)?(/(cube|ellipsoid|emulator))?"
_ARRAYS: Final = (
    (r"sampler/points_\w+", ArraySpec(("point", "d"), numbers="not negative", may_be_empty=True)),
    (r"sampler/log_l_\w+", ArraySpec(("point",), numbers="log", may_be_empty=True)),
    (r"sampler/shell_t", ArraySpec(("point",), ("i8",), may_be_empty=True)),
    (rf"{_BOUND}/points(_bound_\d+)?", ArraySpec(("point", "d"), may_be_empty=True)),
    (rf"{_BOUND}/coefs_\d+_\d+", ArraySpec(("before", "after"))),
    (rf"{_BOUND}/intercepts_\d+_\d+", ArraySpec(("after",))),
    (rf"{_BOUND}/(mean|scale)", ArraySpec(("d",))),
    (rf"{_BOUND}/dim_cube", ArraySpec(("d",), ("b1",), "any")),
)
_NUMBER, _TEXT = r"[iufb]", "U"
# attributes of groups: name, kind of value, number of its dimensions
_ATTRIBUTES: Final = (
    (r"(n_\w+|has_\w+|pass_\w+|vectorized|explored|_discard_exploration|unit)", _NUMBER, 0),
    (r"(enlarge_per_dim|split_threshold|score_predict_min)", _NUMBER, 0),
    (r"(shell_\w+|log_v_all|c)", _NUMBER, 1),
    (r"(A|B|B_inv)", _NUMBER, 2),
    (r"rng_(has_uint32|uinteger)", _NUMBER, 0),
    (r"(rng_state|rng_inc|type|bound_class)", _TEXT, 0),  # whose words are those of _WORDS
    (r"neural_network_\w+", rf"({_NUMBER}|{_TEXT})", (0, 1)),
)
_WORDS: Final = {
    "type": r"UnitCube|NautilusBound|MultiEllipsoid|Ellipsoid|UnitCubeEllipsoidMixture",
    "bound_class": r"Ellipsoid|UnitCubeEllipsoidMixture",
    "rng_state": r"[0-9]{1,40}",
    "rng_inc": r"[0-9]{1,40}",
}
_NETWORK: Final = (
    r"(_no_improvement_count|alpha|best_loss_|beta_1|beta_2|best_validation_score_|early_stopping|epsilon|loss_|max_fun|max_iter"
    r"|learning_rate_init|momentum|n_features_in_|n_iter_|n_iter_no_change|n_layers_|n_outputs_|nesterovs_momentum"
    r"|power_t|random_state|shuffle|t_|tol|validation_fraction|verbose|warm_start|batch_size)_\d+"
)
_NETWORK_LISTS: Final = r"(hidden_layer_sizes|loss_curve_|validation_scores_)_\d+"
_NETWORK_WORDS: Final = {
    "activation": "relu",
    "batch_size": "auto",
    "learning_rate": "constant",
    "loss": "squared_error",
    "out_activation_": "identity",
    "solver": "adam",
}
_PER_SHELL: Final = ("shell_n", "shell_n_sample", "shell_n_eff", "shell_log_l_min", "shell_log_l", "shell_log_v")


class NautilusWork(StateEntry):
    """What stands beside the file of nautilus."""

    wall_s: Seconds
    n_calls: Calls


def state_bytes(sampler: Any) -> np.typing.NDArray[np.uint8]:
    """Return nautilus' own file as bytes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "state.h5"
        sampler.write(path)
        return np.frombuffer(path.read_bytes(), dtype=np.uint8)


def kept_work(checkpoint: Checkpoint) -> Kept[NautilusWork] | None:
    """Return what a checkpoint holds; the file of nautilus is not looked into yet."""
    return kept_state(checkpoint, NautilusWork, _STATE, {})


def kept_sampler(kept: Kept[NautilusWork], make: Callable[[Path], Any], target: Target, n_cube: int) -> Any:
    """Return the sampler as it was.

    Parameters
    ----------
    kept
        Of :func:`kept_work`.
    make
        Makes a sampler from a file of nautilus.
    target
        What is sampled.
    n_cube
        Dimensions of nautilus' cube.

    Raises
    ------
    UserError
        When the file is none that nautilus writes of this target.
    """
    with (
        TemporaryDirectory() as folder,
        refusing(f"{kept.where} holds no state of nautilus", valid="what nautilus wrote", fix=START_AGAIN),
    ):
        path = Path(folder) / "state.h5"
        path.write_bytes(kept.arrays["nautilus"].tobytes())
        with open_hdf5(path) as file:
            _check_file(file, n_cube)
        sampler = make(path)
        _check_shells(sampler)
    sampler.filepath = None
    points, values = np.concatenate(sampler.points), np.concatenate(sampler.log_l)
    if len(points):
        kept.hold_against(target, points[:, : len(target.names)], values)
    return sampler


def _check_file(file: HierarchicalFile, n_cube: int) -> None:
    """Check every array and attribute by its place and name.

    Raises
    ------
    ValueError
        With what is wrong.
    """
    if sum(header.n_bytes for header in file.headers.values()) > file.limit:
        raise ValueError("its arrays would take more memory than a file of this size holds")
    for path, header in file.headers.items():
        found = next((spec for pattern, spec in _ARRAYS if re.fullmatch(pattern, path)), None)
        if found is None:
            raise ValueError(f"it holds an array {first_words(path)}")
        _check_array(file, path, header, found, n_cube)
    for path, attributes in file.group_attributes().items():
        if path != "sampler" and not re.fullmatch(_BOUND, path):
            raise ValueError(f"it holds a group {first_words(path)}")
        for name, value in attributes.items():
            _check_attribute(f"{path}/{name}", name, value, network=path.endswith("/emulator"))
        if "n_dim" in attributes and path.count("/") == 0 and attributes["n_dim"] != n_cube:
            raise ValueError(f"{path} has {attributes['n_dim']} dimensions, not {n_cube}")
        if "c" in attributes:
            _check_ellipsoid(path, attributes)


def _check_array(file: HierarchicalFile, path: str, header: ArrayHeader, spec: ArraySpec, n_cube: int) -> None:
    try:
        check_headers({path: header}, {path: spec}, {"d": n_cube}, where="", fix="", limit=file.limit)
        array: AnyArray = check_numbers({path: file.array(path)}, {path: spec}, where="", fix="")[path]
    except UserError as error:
        raise ValueError(error.given.lstrip(": ")) from error
    if path.startswith("sampler/points") and array.size and array.max() > 1.0:
        raise ValueError(f"{path} lies outside the unit cube")


def _check_attribute(place: str, name: str, value: Any, *, network: bool) -> None:
    array = np.asarray(value)
    good = False
    if network and array.dtype.kind == "U":
        good = _NETWORK_WORDS.get(name.rpartition("_")[0]) == str(value)
    elif network and re.fullmatch(_NETWORK_LISTS, name):
        good = array.dtype.kind in "if" and array.ndim == 1
    elif network and re.fullmatch(_NETWORK, name):
        good = array.dtype.kind in "ifb" and array.ndim == 0
    else:
        for pattern, kind, n in _ATTRIBUTES:
            if re.fullmatch(pattern, name) and re.fullmatch(kind, array.dtype.kind):
                good = array.ndim in (n if isinstance(n, tuple) else (n,))
                break
        if name in _WORDS:
            good = good and re.fullmatch(_WORDS[name], str(value)) is not None
    if good and array.dtype.kind in "if" and not name.startswith("shell_") and not network:
        good = bool(np.isfinite(array).all())
    if good and name.startswith("n_") and array.dtype.kind in "if":
        good = bool(np.all(array >= 0))
    if not good:
        raise ValueError(f"{first_words(place)} is {first_words(value)[:40]}")


def _check_ellipsoid(path: str, attributes: dict[str, Any]) -> None:
    n = len(attributes["c"])
    if any(np.asarray(attributes.get(name)).shape != (n, n) for name in ("A", "B", "B_inv")):
        raise ValueError(f"the ellipsoid {path} has matrices of other sizes")
    a, b, inverse = (np.asarray(attributes[name]) for name in ("A", "B", "B_inv"))
    scale = np.abs(b).sum(axis=1).max() * np.abs(inverse).sum(axis=1).max()
    if not np.allclose(b @ inverse, np.eye(n), atol=1e-8 * scale):
        raise ValueError(f"the matrices of the ellipsoid {path} do not belong together")
    size = np.abs(a).max()
    if not np.allclose(inverse.T @ inverse, a, rtol=1e-5, atol=1e-5 * size):
        raise ValueError(f"the matrices of the ellipsoid {path} do not belong together")


def _check_shells(sampler: Any) -> None:
    """Check that what nautilus tells of its shells is what it has of them."""
    n_shells = len(sampler.points)
    if n_shells == 0 or any(len(getattr(sampler, name)) != n_shells for name in _PER_SHELL):
        raise ValueError("its shells are not as many everywhere")
    sizes = [len(points) for points in sampler.points]
    counted = all(0 <= n <= size for n, size in zip(sampler.shell_n, sizes, strict=True))  # without those of exploring
    if sizes != [len(values) for values in sampler.log_l] or not counted:
        raise ValueError("its points are not as many as their likelihoods")
    if sampler.n_like < sum(sizes) or len({len(sampler.points_t), len(sampler.log_l_t), len(sampler.shell_t)}) > 1:
        raise ValueError("its points are not as many as were evaluated")

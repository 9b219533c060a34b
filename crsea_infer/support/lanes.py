"""Which worker processes may touch the device of JAX (a GPU or TPU), and which compute on cores.

A process that uses a device takes most of its memory for itself. Where there is one, a single process owns it and does
one piece of work after the other, while other processes compute beside it and do not see it. The parent asks what is
there without touching it.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CORES", "DEVICE", "Lanes", "device_present"]

CORES: Final = "cores"
"""The lane of work that needs no device."""

DEVICE: Final = "device"
"""The lane of work for the device."""

_PLATFORMS: Final = ("JAX_PLATFORMS", "JAX_PLATFORM_NAME")
_NODES: Final = ("dev/nvidiactl", "dev/kfd", "dev/dxg", "dev/accel0", "dev/vfio/0")
"""What drivers of NVIDIA, AMD, NVIDIA under Windows, and of TPUs make."""


@dataclass(frozen=True)
class Lanes:
    """How a machine is shared out.

    Attributes
    ----------
    device
        Whether there is a device; without one, all lanes are alike.
    """

    device: bool = False

    def most(self, lane: str, n: int) -> int:
        """Return how many of `n` processes a lane may take at once."""
        return 1 if self.device and lane == DEVICE else n

    def environment(self, lane: str) -> Mapping[str, str]:
        """Return the variables of the processes of a lane."""
        if not self.device:
            return {}
        if lane == DEVICE:
            # memory as it is needed: whatever else runs on the device keeps its own; and its compiler says in a
            # hundred lines what becomes one message
            quiet = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_CPP_MIN_LOG_LEVEL": "3"}
            return {name: os.environ.get(name, value) for name, value in quiet.items()}
        return {"JAX_PLATFORMS": "cpu"}


def device_present(root: Path = Path("/")) -> bool:
    """Tell whether JAX would find a device, without touching one.

    Parameters
    ----------
    root
        Where ``dev`` is, for tests.
    """
    for name in _PLATFORMS:
        asked = [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]
        if asked:
            return asked != ["cpu"]
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in {"", "-1"}:
        return False
    return any((root / node).exists() for node in _NODES) and _has_plugin()


def _has_plugin() -> bool:
    """Tell whether JAX can use anything but cores."""
    if importlib.util.find_spec("libtpu") is not None:
        return True
    return bool(list(entry_points(group="jax_plugins")))

"""Folders that all processes of a session of tests have in common: what takes long is made once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def common_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """Return a folder of that name, which goes with the session."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    return folder

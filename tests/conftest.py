"""Fixtures shared by all tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # makes quick_run importable, wherever the tests are run from


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of measured and published numbers beside the repository; tests that need it skip without it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder of measured numbers is not beside this repository")
    return folder

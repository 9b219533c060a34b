"""Makes the problems with known answers importable, wherever the tests are run from, and compiles once per session."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True, scope="session")
def _compile_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every run of a JAX sampler compiles anew; within these tests, the same programs come from disk."""
    import jax
    from common_folder import common_folder

    jax.config.update("jax_compilation_cache_dir", str(common_folder(tmp_path_factory, "jax")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)

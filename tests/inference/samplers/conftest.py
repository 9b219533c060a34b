"""Makes the problems with known answers importable, wherever the tests are run from, and compiles once per session."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True, scope="module")
def _compile_little(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every run of a JAX sampler compiles anew; within these tests, the same programs come from disk.

    Programs of small problems take far longer to optimise than they run, so they are not optimised.
    """
    import jax
    from common_folder import common_folder

    jax.config.update("jax_compilation_cache_dir", str(common_folder(tmp_path_factory, "jax")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(autouse=True, scope="session")
def _trace_once() -> Iterator[None]:
    """Let runs on the same linear Gaussian share what JAX made of it: most tests here run several of them."""
    from elementary_problems import LinearGaussian

    from crsea_infer.inference.samplers import jax_nested, jax_tracing, nuts

    traced: dict[Any, Any] = {}

    def traced_once(counted: Any, sampler: str, probit: Any) -> Any:
        target = counted.target
        if type(target) is not LinearGaussian:
            return jax_tracing.traced_log_likelihood(counted, sampler, probit)
        key = (sampler, target.design.shape, target.design.tobytes(), target.data.tobytes())
        if key not in traced:
            traced[key] = jax_tracing.traced_log_likelihood(counted, sampler, probit)
        return traced[key]

    with pytest.MonkeyPatch.context() as patch:
        for module in (jax_nested, nuts):
            functions: Callable[..., Any] = module._functions
            patch.setattr(module, "traced_log_likelihood", traced_once)
            patch.setattr(module, "_functions", lru_cache(maxsize=4)(functions))
        yield

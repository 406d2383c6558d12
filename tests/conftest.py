"""What every test shares: hypothesis without a deadline (the first call of a kernel compiles it), and a tiny Cityscapes set."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.golden.generated_set import write_set

if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):  # several processes share the cores: torch is not imported yet
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

settings.register_profile("segbench", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("segbench")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked ``gpu`` are skipped where there is no CUDA device, but in Triton's interpreter, which takes its place for the kernel."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked or os.environ.get("TRITON_INTERPRET") == "1":
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="this torch finds no CUDA device"))


@pytest.fixture(autouse=True)
def own_path() -> Iterator[None]:
    """What a ``file.py`` of a test may import lies beside it; for the next test ``datasets`` is a package again, and no folder of tests."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture
def cityscapes_set(tmp_path: Path) -> Path:
    """A generated set in the official layout: ``gtFine/val`` and ``results``; one of its own for every test, so that it may be damaged."""
    return write_set(tmp_path / "set", seed=1, images=3, size=(32, 48))


@pytest.fixture(scope="session")
def small_minicity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four scenes of minicity's val split, with their photographs, in the official layout. Shared: leave it as it is."""
    from segbench.datasets.minicity import _write_scene

    root = tmp_path_factory.mktemp("small_minicity")
    for index in (0, 20, 40, 59):
        _write_scene(root, "val", index)
    return root

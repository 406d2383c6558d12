"""Surface Dice beside MONAI 1.6.1: equal by its edge pixels, and near to what it takes from surface-distance. ``pytest -m oracle``."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from segbench.kernels.surface_counting import count_surfaces
from segbench.metrics.surface import Surfaces
from tests.metrics.test_boundary_iou import blobs
from tests.oracle.official import NoOracle, environment

pytestmark = pytest.mark.oracle

RUNNER = Path(__file__).with_name("run_surface.py")
PLAIN = np.arange(256, dtype=np.uint8)
TOLERANCES = (0, 1, 1.5, 3)


def pairs() -> dict[str, NDArray[np.uint8]]:
    """Masks with blobs, noise, and nothing; also at the edges of the image."""
    found, rng = {}, np.random.default_rng(0)
    for at in range(60):
        shape = (int(rng.integers(4, 60)), int(rng.integers(4, 60)))
        target = blobs(rng, shape, 2, at % 9)
        pred = np.where(rng.random(shape) < 0.02, 1 - target, np.roll(target, at % 4, at % 2)).astype(np.uint8)
        found[f"{at}"] = np.stack([target, pred * (at % 11 > 0)])
    found["none"] = np.zeros((2, 9, 9), np.uint8)
    return found


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    try:
        python = environment("monai-1.6.1", (), ("monai==1.6.1",))
    except NoOracle as reason:
        pytest.skip(f"MONAI cannot be installed: {reason}")
    folder = tmp_path_factory.mktemp("surface")
    np.savez(folder / "given.npz", **pairs())
    variables = os.environ | {"PYTHONPATH": sysconfig.get_paths()["purelib"]}  # torch and SciPy are those of the tests
    command = [python, "-W", "ignore", RUNNER, folder / "given.npz", folder / "found.npz"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / "found.npz") as found:
        return {name: float(found[name].item()) for name in found.files}


def ours(target: NDArray[np.uint8], pred: NDArray[np.uint8]) -> Surfaces:
    return Surfaces.of_image(count_surfaces(target, pred, PLAIN, PLAIN, 2, TOLERANCES), TOLERANCES)


def test_surface_dice_is_that_of_edge_pixels(theirs: dict[str, float]) -> None:
    for name, (target, pred) in pairs().items():
        counted = ours(target, pred)
        for at, tolerance in enumerate(TOLERANCES):
            own = counted.of_images[1, at, 0] if counted.images[1] else np.nan
            assert own == pytest.approx(theirs[f"{name}|{tolerance:g}|False"], abs=1e-6, nan_ok=True), (name, tolerance)


def test_elements_between_pixels_are_another_definition(theirs: dict[str, float]) -> None:
    apart = []
    for name, (target, pred) in pairs().items():
        for at, tolerance in enumerate(TOLERANCES):
            other = theirs[f"{name}|{tolerance:g}|True"]
            apart += [] if np.isnan(other) else [ours(target, pred).of_images[1, at, 0] - other]
    assert 0.005 < np.abs(apart).mean() < 0.2

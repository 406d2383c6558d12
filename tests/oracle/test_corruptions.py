"""Corruptions beside those of imagecorruptions 1.1.2: equal where nothing is random, alike in distribution where something is.

``frost_like`` is compared with nothing: its texture is another. ``pytest -m oracle``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from segbench.images.corruptions.corrupting import CORRUPTIONS, SEVERITIES, corrupt
from tests.oracle.official import NoOracle, environment

pytestmark = pytest.mark.oracle

PACKAGES = ("numpy==1.26.4", "scikit-image==0.20.0", "scipy==1.11.4", "opencv-python-headless==4.9.0.80", "setuptools<80", "Pillow")
PLAIN = ("defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression")
RANDOM = tuple(name for name in CORRUPTIONS if name not in (*PLAIN, "frost_like"))
REPEATS = 6
RUNNER = Path(__file__).with_name("run_corruptions.py")


def photograph() -> NDArray[np.uint8]:
    rows, columns = np.mgrid[:96, :160]
    planes = [120 + 90 * np.sin(rows / 9 + k) * np.cos(columns / (7 + k)) for k in range(3)]
    image = np.stack(planes, axis=-1)
    image[:, 80:] *= 0.5
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, NDArray[np.uint8]]:
    try:
        python = environment("imagecorruptions-1.1.2", PACKAGES, ("imagecorruptions==1.1.2",))
    except NoOracle as reason:
        pytest.skip(f"imagecorruptions cannot be installed: {reason}")
    folder = tmp_path_factory.mktemp("corruptions")
    np.savez(folder / "given.npz", image=photograph(), names=np.array(PLAIN + RANDOM), repeats=REPEATS)
    done = subprocess.run(
        [python, "-W", "ignore", RUNNER, folder / "given.npz", folder / "made.npz"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / "made.npz") as made:
        return {name: made[name] for name in made.files}


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("name", PLAIN)
def test_what_is_not_random_is_equal(theirs: Mapping[str, NDArray[np.uint8]], name: str, severity: int) -> None:
    ours, other = corrupt(photograph(), name, severity, "a").astype(int), theirs[f"{name}|{severity}|0"].astype(int)
    if name == "zoom_blur":  # SciPy gives 0 for a last row or column that rounding puts outside of the image
        ours, other = ours[:-1, :-1], other[:-1, :-1]
    assert np.abs(ours - other).max() <= 1  # rounded elsewhere, and cut off to a byte
    assert (ours != other).mean() < 0.05


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("name", RANDOM)
def test_what_is_random_is_alike(theirs: Mapping[str, NDArray[np.uint8]], name: str, severity: int) -> None:
    image = photograph()
    ours = [_told(corrupt(image, name, severity, str(seed)), image) for seed in range(REPEATS)]
    others = [_told(theirs[f"{name}|{severity}|{seed}"], image) for seed in range(REPEATS)]
    apart = np.abs(np.mean(ours, axis=0) - np.mean(others, axis=0))
    spread = np.std(ours, axis=0) + np.std(others, axis=0)
    assert (apart <= 2.5 * spread + np.array([1.0, 1.0, 1.0, 0.02])).all(), (np.mean(ours, axis=0), np.mean(others, axis=0), spread)


def _told(made: NDArray[np.uint8], image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean, deviation, roughness (between neighbours) and the correlation with the image."""
    values, before = made.astype(float), image.astype(float)
    rough = np.abs(np.diff(values, axis=1)).mean()
    correlation = np.corrcoef(values.ravel(), before.ravel())[0, 1] if values.std() else 0.0
    return np.array([values.mean(), values.std(), rough, correlation])

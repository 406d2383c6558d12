"""Corruptions keep their size and their seed, and do what their names say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from segbench.errors import UnknownNameError, UsageError
from segbench.images.corruptions.corrupting import CORRUPTIONS, corrupt
from segbench.images.corruptions.filters import disk, landscape, moved, zoomed

RANDOM = ("gaussian_noise", "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "snow", "frost_like", "fog", "elastic_transform")


def photograph(height: int = 60, width: int = 97) -> NDArray[np.uint8]:
    """A smooth scene with an edge and some texture."""
    rows, columns = np.mgrid[:height, :width]
    planes = [120 + 90 * np.sin(rows / 9 + k) * np.cos(columns / (7 + k)) for k in range(3)]
    image = np.stack(planes, axis=-1)
    image[:, width // 2 :] *= 0.5
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_keeps_size_and_seed_and_grows_with_its_severity(name: str) -> None:
    image = photograph()
    before = image.copy()
    made = [corrupt(image, name, severity, "a") for severity in (1, 5)]
    assert np.array_equal(image, before)
    assert all(each.shape == image.shape and each.dtype == np.uint8 for each in made)
    mild, strong = (np.abs(each.astype(float) - image).mean() for each in made)
    assert mild > 0
    assert mild < strong or name == "fog"  # whose landscapes are random
    assert np.array_equal(corrupt(image, name, 5, "a"), made[1])
    assert np.array_equal(corrupt(image, name, 5, "b"), made[1]) is (name not in RANDOM)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 5), (64, 64)])
def test_images_of_any_size_are_corrupted(name: str, size: tuple[int, int]) -> None:
    for severity in (1, 5):
        assert corrupt(photograph(*size), name, severity, "a").shape == (*size, 3)


def test_what_is_no_corruption_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"gausian_noise.*gaussian_noise"):
        corrupt(photograph(), "gausian_noise", 1, "a")
    with pytest.raises(UsageError, match="1 to 5"):
        corrupt(photograph(), "fog", 6, "a")
    with pytest.raises(ValueError, match="uint8"):
        corrupt(photograph()[..., 0], "fog", 1, "a")


def test_grey_images_stay_what_means_and_shares_say() -> None:
    grey = np.full((200, 200, 3), 100, np.uint8)
    noisy = corrupt(grey, "gaussian_noise", 1, "a").astype(float)
    assert noisy.std() == pytest.approx(0.08 * 255, rel=0.02)
    shot = corrupt(grey, "shot_noise", 1, "a").astype(float)
    assert shot.std() == pytest.approx(255 * np.sqrt(100 / 255 / 60), rel=0.02)
    broken = corrupt(grey, "impulse_noise", 5, "a") != 100
    assert broken.mean() == pytest.approx(0.27, abs=0.01)
    for name in ("defocus_blur", "zoom_blur", "motion_blur", "contrast", "pixelate", "elastic_transform"):
        assert np.abs(corrupt(grey, name, 3, "a").astype(int) - 100).max() <= 1, name
    assert np.abs(corrupt(grey, "jpeg_compression", 3, "a").astype(int) - 100).max() <= 8
    assert (corrupt(grey, "brightness", 2, "a") == 151).all()


def test_filters_keep_what_they_must() -> None:
    for radius, sigma in ((3, 0.1), (10, 0.5)):
        assert disk(radius, sigma).sum() == pytest.approx(1, rel=0.02)
    spot = np.zeros((41, 41, 1))
    spot[20, 20] = 1
    rows, columns = moved(spot, 5, 3, 0.0)[..., 0].nonzero()
    assert set(rows) == {20}
    assert columns.min() == 10
    assert columns.max() == 20
    assert np.array_equal(zoomed(spot, 1.0), spot)
    heights = landscape(64, 2.0, np.random.default_rng(0))
    assert (heights.min(), heights.max()) == (0, 1)

from __future__ import annotations

import numpy as np
import pytest

from segbench.kernels.dense_crf import DenseCRF, dense_crf


def exact(scores: np.ndarray, image: np.ndarray, p: DenseCRF) -> np.ndarray:
    """The same by the full matrix of pairs."""
    classes, height, width = scores.shape
    positions = np.indices((height, width)).reshape(2, -1).T.astype(float)
    colors = image.reshape(-1, 3).astype(float)
    between = ((positions[:, None] - positions[None]) ** 2).sum(-1)
    unlike = ((colors[:, None] - colors[None]) ** 2).sum(-1)
    smooth = np.exp(-between / 2 / p.smoothness_deviation**2)
    look = np.exp(-between / 2 / p.appearance_deviation**2 - unlike / 2 / p.color_deviation**2)
    kernel = np.zeros_like(smooth)
    for weight, k in ((p.smoothness_weight, smooth), (p.appearance_weight, look)):
        norm = 1 / np.sqrt(k.sum(1))
        kernel += weight * norm[:, None] * k * norm[None]
    unary = np.log(scores.reshape(classes, -1).T)
    q = scores.reshape(classes, -1).T
    for _ in range(p.iterations):
        energy = unary + kernel @ q
        q = np.exp(energy - energy.max(1, keepdims=True))
        q /= q.sum(1, keepdims=True)
    return q.T.reshape(scores.shape)


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A disc on a ground: image, class, and scores that are right on the whole but noisy and shifted."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((30, 36))
    disc = ((rows - 15) ** 2 + (columns - 18) ** 2 < 90).astype(int)
    image = np.where(disc[..., None], (200, 60, 60), (60, 90, 160)) + rng.integers(-2, 3, (30, 36, 3))
    confidence = np.clip(0.5 + 0.25 * (2 * np.roll(disc, 3, axis=1) - 1) + rng.normal(0, 0.12, disc.shape), 0.02, 0.98)
    return image.astype(np.uint8), disc, np.stack([1 - confidence, confidence]).astype(np.float32)


def test_it_is_close_to_the_field_with_all_pairs_written_out() -> None:
    image, _, scores = scene()
    parameters = DenseCRF(iterations=5, appearance_deviation=20, color_deviation=10)
    got, expected = dense_crf(scores, image, parameters), exact(scores, image, parameters)
    assert np.abs(got - expected).mean() < 0.02
    assert (got.argmax(0) == expected.argmax(0)).mean() > 0.985


def test_it_moves_the_border_to_where_the_colour_changes() -> None:
    image, disc, scores = scene()
    before, after = (scores.argmax(0) != disc).mean(), (dense_crf(scores, image).argmax(0) != disc).mean()
    assert after < 0.4 * before


def test_results_are_probabilities_and_no_iterations_change_nothing() -> None:
    image, _, scores = scene()
    refined = dense_crf(scores, image)
    assert refined.dtype == np.float32
    np.testing.assert_allclose(refined.sum(0), 1, atol=1e-5)
    np.testing.assert_allclose(dense_crf(scores, image, DenseCRF(iterations=0)), scores, atol=1e-5)


def test_a_certain_zero_is_survived() -> None:
    image, _, scores = scene()
    scores = np.stack([*scores, np.zeros_like(scores[0])])
    refined = dense_crf(scores, image)
    assert np.isfinite(refined).all()
    assert refined[2].max() < 1e-6


def test_an_image_of_another_size_is_refused() -> None:
    image, _, scores = scene()
    with pytest.raises(ValueError, match="differ in size"):
        dense_crf(scores, image[1:])

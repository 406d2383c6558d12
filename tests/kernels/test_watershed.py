from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from segbench.kernels.watershed import LINE, connected_segments, thinned_segments
from segbench.metrics import region_scores


def mask(*rows: str) -> np.ndarray:
    return np.array([[char == "." for char in row] for row in rows])


def noisy_cells(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = rng.random(rng.integers(2, 40, 2))
    for _ in range(seed % 4):
        wide = np.pad(noise, 1, mode="edge")
        noise = (wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] + noise) / 5
    return noise > np.quantile(noise, rng.uniform(0.1, 0.8))


def plainly_thinned(cells: np.ndarray) -> np.ndarray:
    """Vincent and Soille's flooding of two levels, cells at 0 and everything else at 255, with a queue of pixels, as the paper lists it."""
    init, masked, in_queue, line = -1, -2, -3, 0
    height, width = cells.shape
    labels = {(x, y): init for x in range(width) for y in range(height)}

    def beside(pixel: tuple[int, int]) -> list[tuple[int, int]]:
        x, y = pixel
        return [p for p in ((x - 1, y), (x, y - 1), (x + 1, y), (x, y + 1)) if p in labels]

    last, flag = 0, False
    for level in (True, False):
        pixels = [(x, y) for x, y in labels if cells[y, x] == level]
        queue: deque[tuple[int, int]] = deque()
        for pixel in pixels:
            labels[pixel] = masked
            if any(labels[other] >= line for other in beside(pixel)):
                labels[pixel] = in_queue
                queue.append(pixel)
        while queue:
            pixel = queue.popleft()
            for other in beside(pixel):
                if labels[other] > 0:
                    if labels[pixel] == in_queue or (labels[pixel] == line and flag):
                        labels[pixel] = labels[other]
                    elif labels[pixel] > 0 and labels[pixel] != labels[other]:
                        labels[pixel], flag = line, False
                elif labels[other] == line:
                    if labels[pixel] == in_queue:
                        labels[pixel], flag = line, True
                elif labels[other] == masked:
                    labels[other] = in_queue
                    queue.append(other)
        for pixel in pixels:
            if labels[pixel] != masked:
                continue
            last += 1
            labels[pixel] = last
            queue.append(pixel)
            while queue:
                for other in beside(queue.popleft()):
                    if labels[other] == masked:
                        labels[other] = last
                        queue.append(other)
    return np.array([[labels[x, y] for x in range(width)] for y in range(height)])


@pytest.mark.parametrize("seed", range(24))
def test_thinning_floods_pixel_by_pixel_as_the_paper_lists_it(seed: int) -> None:
    cells = noisy_cells(seed)
    assert np.array_equal(thinned_segments(cells), plainly_thinned(cells))


def test_wide_lines_become_a_pixel_thin_and_cells_keep_their_pixels() -> None:
    cells = mask("..####...", "..####...", "..####...")
    segments = thinned_segments(cells)
    assert [np.unique(row[row > 0]).tolist() for row in segments] == [[1, 2]] * 3
    assert ((segments == 0).sum(axis=1) <= 1).all()
    assert np.array_equal(segments[cells], connected_segments(cells)[cells])


def test_pixels_that_touch_by_a_corner_are_two_components() -> None:
    assert connected_segments(mask(".#", "#.")).tolist() == [[1, 0], [0, 2]]
    assert connected_segments(mask("..", "#.")).max() == 1


def test_a_gap_in_a_line_makes_one_segment_of_two_cells() -> None:
    assert thinned_segments(mask("..#..", "..#..", ".....")).max() == 1
    assert thinned_segments(mask("..#..", "..#..", "..#..")).max() == 2


def test_without_cells_everything_is_one_segment_and_without_lines_too() -> None:
    for cells in (np.zeros((3, 4), bool), np.ones((3, 4), bool)):
        assert (thinned_segments(cells) == 1).all()


def test_the_input_is_left_as_it_was_and_may_lie_in_any_order() -> None:
    cells = noisy_cells(5)
    kept = cells.copy()
    assert np.array_equal(thinned_segments(np.asfortranarray(cells)), thinned_segments(cells))
    assert np.array_equal(cells, kept)


def test_a_line_is_the_same_number_where_it_is_drawn_and_where_it_is_scored() -> None:
    assert LINE == region_scores.LINE

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from docs.extension.causes_drawing import CLASSES, FILE, SAID, draw, scenes
from segbench.kernels.error_counting import count_errors
from segbench.metrics.error_causes import BORDER, CAUSES

PLAIN = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("cause", CAUSES)
def test_every_wrong_pixel_of_a_scene_has_the_cause_that_it_shows(cause: str) -> None:
    target, pred = scenes()[cause]
    found = count_errors(target, pred, PLAIN, PLAIN, CLASSES, BORDER)[0][:, 0].sum(axis=1)
    assert found[CAUSES.index(cause)] == found.sum() > 0


def test_the_drawing_that_is_committed_shows_every_cause(tmp_path: Path) -> None:
    draw(tmp_path / "errors.svg")
    for text in ((tmp_path / "errors.svg").read_text(), FILE.read_text()):
        assert all(cause in text and said in text for cause, said in SAID.items())

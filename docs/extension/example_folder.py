"""The folder that examples run in: three images, their targets, two folders of label maps and the YAML file that describes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segbench.images.files import write_image, write_labels

MY_DATA = """images: images/*.png
targets: gts/*.png
classes: [road, car, person]
ignore: [255]
"""


def write_example_folder(root: Path) -> None:
    """Draw images of 24x32 pixels with three classes; `others` is wrong a little more often than `preds`."""
    rng = np.random.default_rng(0)
    for name in "abc":
        target = np.kron(rng.integers(0, 3, (3, 4), dtype=np.uint8), np.ones((8, 8), np.uint8))
        write_image(root / "images" / f"{name}.png", rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        for kind, share in (("preds", 0.1), ("others", 0.15)):
            wrong = rng.random(target.shape) < share
            write_labels(root / kind / f"{name}.png", np.where(wrong, (target + 1) % 3, target).astype(np.uint8))
        target[0] = 255
        write_labels(root / "gts" / f"{name}.png", target)
    (root / "mydata.yaml").write_text(MY_DATA)

"""What `run --calibration` adds to a run of ENet on a CPU: the softmax of every pixel is counted in the same pass."""

from __future__ import annotations

import time
from statistics import median

import numpy as np
import torch

from segbench import build_model, label_space
from segbench.datasets.cityscapes import read_layout
from segbench.evaluation.inference import counting_of, pass_of
from segbench.evaluation.protocol import Protocol
from segbench.metrics.image_counts import Beside
from tests.bench.data import HEIGHT, WIDTH, bench_set
from tests.bench.rows import Row

AT_MOST = 1.1  # times the cost of the pass without it


def measure(quick: bool) -> list[Row]:
    """Milliseconds an image; "ours" is with calibration, and the peer is the pass alone."""
    dataset = read_layout("cityscapes", bench_set(4), "val")
    torch.manual_seed(0)
    segmenter = build_model("enet", label_space("cityscapes"))
    segmenter.network.eval()
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, HEIGHT, WIDTH, 3), np.uint8))
    target = torch.from_numpy(dataset.read_target(dataset.samples[0]))[None]
    countings = [counting_of(segmenter, dataset, Beside(calibration=each)) for each in (False, True)]
    passes = [pass_of(segmenter, Protocol(), each, graphs=False) for each in countings]
    times: list[list[float]] = [[], []]
    with torch.inference_mode():
        for turn in range(3 if quick else 12):
            for each, own in zip(passes, times, strict=True):
                start = time.perf_counter()
                each(image, target)
                own += [time.perf_counter() - start] if turn else []
    plain, counted = (1e3 * median(own) for own in times)
    note = f"{100 * (counted / plain - 1):.0f} % more than `run`; at most {100 * (AT_MOST - 1):.0f} % are asked"
    return [Row("run --calibration of ENet, an image", "run", counted, plain, 1 / AT_MOST, note)]

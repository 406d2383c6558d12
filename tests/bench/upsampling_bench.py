"""From logits to counts at 1024x2048 against torch, and what a run adds to the forward pass of ENet.

The logits are those of the bundled fcn8s on scenes of minicity that are enlarged to 1024x2048, pooled to the stride. Both sides have them
contiguous, in float32, and as many threads as torch takes. Timed in turn, in this process; the counts are compared first.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.cli.options import dataset_named
from segbench.datasets.base import read_photograph
from segbench.evaluation.multi_view import protocol_scores
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.transfer import download, upload
from segbench.kernels.upsampling import count_enlarged, enlarged_classes
from segbench.labels.space import numbered_labels
from segbench.metrics.confusion import ConfusionMatrix
from segbench.models.segmenter import forward, logits_at
from segbench.models.weights import build, bundled, load
from tests.bench.rows import Row

SIZE = (1024, 2048)
BYTES = 256
ASLEEP = 0.05  # seconds; OpenMP's threads spin before they sleep, on the cores that the next call wants
LOOP = 0.1  # seconds
SHARE = 20  # the forward pass is to be so many times what a run adds to it: under 5 %


@torch.inference_mode()
def measure(quick: bool) -> list[Row]:
    """Milliseconds an image."""
    rounds = 2 if quick else 15
    image, target, logits = _scene()
    rows: list[Row] = []
    for stride, at_least in ((8, 150), (4, 90)):
        pooled = F.avg_pool2d(logits, stride).contiguous()
        counts = count_enlarged(pooled, SIZE, target)[1][0]
        assert torch.equal(counts, _torch_counts(pooled, target)), "torch counts something else"
        ours, torchs = lambda p=pooled: count_enlarged(p, SIZE, target), lambda p=pooled: _torch_counts(p, target)
        rows += _rows(f"logits at stride {stride} to counts", "torch interpolate + argmax + bincount", ours, torchs, rounds, at_least)
    pooled = F.avg_pool2d(logits, 8).contiguous()
    ours, torchs = lambda: enlarged_classes(pooled, SIZE), lambda: _enlarged(pooled).max(1)
    rows += _rows("logits at stride 8 to class map", "torch interpolate + .max(1)", ours, torchs, rounds, 70)
    return [*rows, _run_overhead(image, target, rounds)]


def _scene() -> tuple[np.ndarray[Any, np.dtype[np.uint8]], Tensor, Tensor]:
    """An image uint8[H, W, 3], its target uint8[1, H, W], and logits float32[1, 19, H, W]."""
    dataset = dataset_named("minicity", None, None)
    weights = bundled("fcn8s", "minicity")
    assert weights is not None
    segmenter, sample = load(weights, expected_model="fcn8s"), dataset.samples[0]
    segmenter.network.eval()
    small = torch.from_numpy(read_photograph(sample)[None]).permute(0, 3, 1, 2).float()
    image = F.interpolate(small, size=SIZE, mode="bilinear").permute(0, 2, 3, 1).round().to(torch.uint8).contiguous()
    target = torch.from_numpy(dataset.read_target(sample))[None, None].float()
    logits = logits_at(forward(segmenter, image), segmenter.input_rule, SIZE, segmenter.grid)
    return image[0].numpy(), F.interpolate(target, size=SIZE).to(torch.uint8)[0].contiguous(), logits.contiguous()


def _enlarged(logits: Tensor) -> Tensor:
    return F.interpolate(logits, size=SIZE, mode="bilinear", align_corners=False)


def _torch_counts(logits: Tensor, target: Tensor) -> Tensor:
    pairs = target.long() * BYTES + _enlarged(logits).argmax(1)
    return torch.bincount(pairs.flatten(), minlength=BYTES * BYTES).reshape(BYTES, BYTES)


def _run_overhead(image: np.ndarray[Any, np.dtype[np.uint8]], target: Tensor, rounds: int) -> Row:
    """What happens to a decoded image in a run, but for the network: bytes to input, logits to counts, counts to a matrix."""
    labels = numbered_labels(19)
    segmenter = build("enet", labels)
    clock = _Clock(segmenter.network.eval())
    others = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        images, targets = upload((image, target[0].numpy()), torch.device("cpu"))()
        assert images is not None
        assert targets is not None
        counts = download(protocol_scores(segmenter, images, None, Protocol()).counts(targets)[1])()
        ConfusionMatrix.from_pairs(labels, np.where(np.arange(BYTES)[:, None] < 19, counts[0], 0), labels.index_of_id)
        others.append(1e3 * (time.perf_counter() - start) - clock.spent[-1])
    note = f"{100 * statistics.median(others[1:]) / statistics.median(clock.spent[1:]):.1f} % of the forward pass; asked are 5 %"
    return Row(
        "run: all but forward pass and decoding",
        "ENet's forward pass",
        statistics.median(others[1:]),
        statistics.median(clock.spent[1:]),
        SHARE,
        note,
    )


class _Clock:
    """Milliseconds of each call of a network, in ``spent``."""

    def __init__(self, network: nn.Module) -> None:
        self.spent: list[float] = []
        network.register_forward_pre_hook(lambda *_: setattr(self, "start", time.perf_counter()))
        network.register_forward_hook(lambda *_: self.spent.append(1e3 * (time.perf_counter() - self.start)))


def _rows(name: str, against: str, ours: Callable[[], object], theirs: Callable[[], object], rounds: int, at_least: float) -> list[Row]:
    """Two rows: calls in a loop, as timers do it, and single calls after one of the other side, whose 160 MB leave no cache behind."""
    mine, others = _in_turn((ours, theirs), rounds)
    note = f"a loop of at least {LOOP:g} s in each turn"
    return [
        Row(name, against, mine.looped, others.looped, at_least, note),
        Row(f"{name}, first call", against, mine.first, others.first, note="with cold caches and sleeping threads"),
    ]


@dataclass(frozen=True)
class _Times:
    """Median milliseconds of a call: the first of a turn, and of those in a loop behind it."""

    first: float
    looped: float


def _in_turn(calls: Sequence[Callable[[], object]], rounds: int) -> list[_Times]:
    """Each call in turn, after one turn that is not measured; each begins when the threads of the last are asleep."""
    firsts: list[list[float]] = [[] for _ in calls]
    looped: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds + 1):
        for index, call in enumerate(calls):
            time.sleep(ASLEEP)
            firsts[index].append(_milliseconds(call, 1))
            looped[index].append(_milliseconds(call, math.ceil(1e3 * LOOP / firsts[index][-1])))
    return [_Times(statistics.median(a[1:]), statistics.median(b[1:])) for a, b in zip(firsts, looped, strict=True)]


def _milliseconds(call: Callable[[], object], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        call()
    return 1e3 * (time.perf_counter() - start) / times

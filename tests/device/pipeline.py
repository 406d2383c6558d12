"""How busy a run keeps the device, and what the evaluation adds to a network's own time.

Busy share: the time in which a pass's kernels run, over the time between two images of the run. Added share: kernels of a whole pass
(normalising, network, enlarging, argmax, counting) over those of the network, less one.
"""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch

from segbench.datasets.base import Dataset, read_photograph
from segbench.datasets.cityscapes import LABELS, read_layout
from segbench.evaluation.execution import Execution
from segbench.evaluation.inference import decoders, evaluate, pass_of
from segbench.evaluation.precision import arithmetic
from segbench.evaluation.protocol import Precision, Protocol
from segbench.models.loading import on_device
from segbench.models.segmenter import Segmenter
from segbench.models.weights import build
from tests.device.clocks import host_ms, kernels_ms
from tests.device.drawn import drawn_city
from tests.device.step import Step, device

NETWORKS = ("enet", "bisenet_r18", "fcn8s")
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


def run(step: Step) -> None:
    """Decoding alone, three networks in one run, then each network alone; first in fp32, then in bf16."""
    size, images = ((64, 128), 8) if step.tiny else ((1024, 2048), 160)
    start = time.monotonic()
    dataset = read_layout("cityscapes", drawn_city(images, size), "val")
    step.say("drawn", seconds=time.monotonic() - start, images=len(dataset), photograph_bytes=dataset.samples[0].image.stat().st_size)
    say_decoding(step, dataset)
    for precision in PRECISIONS[: 1 if step.tiny else 2]:
        say_precision(step, dataset, precision)


def say_precision(step: Step, dataset: Dataset, precision: Precision) -> None:
    """Three networks in one run, and each alone, in one arithmetic."""
    width = {"width": 0.1} if step.tiny else {}
    kernels: dict[str, float] = {}
    for name in NETWORKS[: 1 if step.tiny else 3]:
        if step.has_time(f"{name} {precision}", 8):
            with step.part(f"{name} {precision}"):
                kernels[name] = say_network(step, on_device(build(name, LABELS, **width), device()), dataset, precision)
    together = [on_device(build(name, LABELS, **width), device()) for name in kernels]
    if step.has_time(f"three models {precision}", 6):
        with step.part(f"three models {precision}"):
            say_run(step, together, dataset, precision, kernels=sum(kernels.values()))
    for segmenter in together:
        if step.has_time(f"{segmenter.name} {precision}", 8):
            with step.part(f"{segmenter.name} {precision}"):
                say_run(step, [segmenter], dataset, precision, kernels=kernels[segmenter.name])


def say_decoding(step: Step, dataset: Dataset) -> None:
    """Milliseconds of a photograph and a target on one thread, and photographs a second on as many as a run has."""
    sample = dataset.samples[0]
    photograph, target = (host_ms(work, 5) for work in (lambda: read_photograph(sample), lambda: dataset.read_target(sample)))
    threads, count = decoders(device()), 8 if step.tiny else 96
    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        list(pool.map(lambda index: read_photograph(dataset.samples[index % len(dataset)]), range(count)))
        spent = time.perf_counter() - start
    step.say("decoding", photograph_ms=photograph, target_ms=target, threads=threads, images_per_s=count / spent)


def say_network(step: Step, segmenter: Segmenter, dataset: Dataset, precision: Precision) -> float:
    """The shares of one network; its kernels' time of a pass in milliseconds."""
    sample = dataset.samples[0]
    images = torch.from_numpy(read_photograph(sample)[None]).to(device())
    targets = torch.from_numpy(dataset.read_target(sample)[None]).to(device())
    whole = pass_of(segmenter, Protocol(precision), graphs=False)
    planes = segmenter.input_rule.pad(segmenter.normalize(images))
    with torch.inference_mode(), arithmetic(device(), precision):
        network, top = kernels_ms(lambda: segmenter.network(planes))
        full, _ = kernels_ms(lambda: whole(images, targets))
        launch = host_ms(lambda: segmenter.network(planes), 5)
    name = f"{segmenter.name} {precision}"
    step.say(name, network_ms=network, pass_ms=full, added_share=full / network - 1, host_ms_to_launch=launch, kernels=top)
    for layout in (True, False):
        prepared = Execution(channels_last=layout).prepare(replace(segmenter, network=copy.deepcopy(segmenter.network)))
        with torch.inference_mode(), arithmetic(device(), precision):
            step.say(f"{name}, channels last: {layout}", network_ms=kernels_ms(lambda: prepared.network(planes))[0])  # noqa: B023
    return full


def say_run(step: Step, segmenters: Sequence[Segmenter], dataset: Dataset, precision: Precision, kernels: float | None = None) -> None:
    """Milliseconds between images of a run, without its first quarter, and the busy share."""
    for graphs in (True, False):
        stamps, passes = [], Counter[str]()
        for result in evaluate(segmenters, dataset, protocol=Protocol(precision), graphs=graphs):
            stamps.append(time.perf_counter())
            passes.update(result.passes)
        skip = len(stamps) // 4
        wall = 1e3 * (stamps[-1] - stamps[skip]) / (len(stamps) - 1 - skip)
        title = f"run of {', '.join(segmenter.name for segmenter in segmenters)}, {precision}, {'graphs' if graphs else 'no graphs'}"
        busy = {} if kernels is None else {"busy": kernels / wall}
        step.say(title, wall_ms=wall, images_per_s=1e3 / wall, **busy, passes=dict(passes))

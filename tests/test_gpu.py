"""What only a CUDA device can show: the same integers as on the CPU, and a training step in mixed precision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from segbench.backends import prepare
from segbench.benchmark import load_models, run
from segbench.core import counting, counting_torch
from segbench.datasets.minicity import minicity
from segbench.profiling import profile
from segbench.recipes import Recipe
from segbench.timing import Effort
from segbench.training import train
from tests.tiny import LABELS, tiny, tiny_dataset

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="this torch finds no CUDA device")]
CUDA = torch.device("cuda")


def test_counts_on_the_device_are_those_of_the_cpu() -> None:
    target, pred = np.random.default_rng(0).integers(0, 256, (2, 1024, 2048), dtype=np.uint8)
    counts = counting_torch.count_pairs(torch.from_numpy(target).to(CUDA), torch.from_numpy(pred).to(CUDA))
    np.testing.assert_array_equal(counts.cpu().numpy(), counting.count_pairs(target, pred))


def test_the_bundled_weights_reach_the_board_on_the_device() -> None:
    names, dataset = ["fcn8s", "unet", "segnet"], minicity()
    on_cpu = run(load_models(names, dataset, {}, torch.device("cpu")), dataset, limit=8)
    on_gpu = run(load_models(names, dataset, {}, CUDA), dataset, limit=8)
    for cpu, gpu in zip(on_cpu, on_gpu, strict=True):
        assert gpu.record.confusion.counts.sum() == cpu.record.confusion.counts.sum()
        assert gpu.record.scores.miou == pytest.approx(cpu.record.scores.miou, abs=1e-3)


def test_a_training_in_mixed_precision_learns(tmp_path: Path) -> None:
    torch.manual_seed(0)
    segmenter = tiny(LABELS)
    segmenter = replace(segmenter, network=segmenter.network.to(CUDA))
    dataset = tiny_dataset(tmp_path)
    recipe = Recipe(steps=40, batch_size=2, crop=(16, 24), learning_rate=0.02, warmup=5)
    steps = list(train(segmenter, dataset, recipe, tmp_path / "w.safetensors", validation=dataset))
    assert steps[-1].scores is not None
    assert steps[-1].scores.miou > 0.8


def test_a_profile_on_the_device_names_it_and_its_memory() -> None:
    segmenter = tiny(LABELS)
    (measured,) = profile([replace(segmenter, network=segmenter.network.to(CUDA).eval())], (64, 128), effort=Effort(repeats=3))
    assert measured.device == torch.cuda.get_device_name(CUDA)
    assert measured.peak_memory_mb is not None
    assert measured.peak_memory_mb > 0


def test_a_recorded_graph_gives_the_logits_of_the_network_and_new_ones_for_new_images() -> None:
    segmenter = replace(tiny(LABELS), network=tiny(LABELS).network.to(CUDA).eval())
    first, second = torch.randn(2, 1, 3, 64, 128, device=CUDA)
    replay = prepare("cuda-graphs", segmenter, (first,), (64, 128))
    with torch.inference_mode():
        for images in (first, second):
            torch.testing.assert_close(replay(images), segmenter.network(images))

"""What only a CUDA device can show: the same integers as on the CPU, and a training step in mixed precision."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from segbench.cli.options import cache_folder
from segbench.datasets.base import Dataset
from segbench.datasets.minicity import minicity
from segbench.evaluation.graphs import REPLAYED, ReplayedPass
from segbench.evaluation.inference import evaluate, pass_of
from segbench.evaluation.precision import arithmetic
from segbench.evaluation.protocol import Precision, Protocol
from segbench.evaluation.run import run
from segbench.kernels import counting, counting_torch
from segbench.kernels.anomaly import count_anomalies
from segbench.kernels.anomaly_bins import SHAPE
from segbench.kernels.confidence import count_confidence
from segbench.kernels.tempered import count_tempered
from segbench.kernels.upsampling import enlarged_classes
from segbench.metrics.image_counts import Beside
from segbench.metrics.tempering import GRID
from segbench.models.loading import load_models
from segbench.models.segmenter import InputRule, Segmenter
from segbench.profiling.backends import prepare
from segbench.profiling.profiler import profile
from segbench.profiling.timing import Effort
from segbench.training.recipe import Recipe
from segbench.training.trainer import train
from tests.tiny import LABELS, tiny, tiny_dataset

pytestmark = pytest.mark.gpu
CUDA = torch.device("cuda")


def test_counts_on_the_device_are_those_of_the_cpu() -> None:
    target, pred = np.random.default_rng(0).integers(0, 256, (2, 1024, 2048), dtype=np.uint8)
    counts = counting_torch.count_pairs(torch.from_numpy(target).to(CUDA), torch.from_numpy(pred).to(CUDA))
    np.testing.assert_array_equal(counts.cpu().numpy(), counting.count_pairs(target, pred))


def test_the_bundled_weights_reach_the_board_on_the_device() -> None:
    names, dataset = ["fcn8s", "unet", "segnet"], minicity(cache_folder() / "minicity-v1")
    on_cpu = run(load_models(names, dataset, {}, torch.device("cpu")), dataset.first(8))
    on_gpu = run(load_models(names, dataset, {}, CUDA), dataset.first(8))
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


def on_cuda(segmenter: Segmenter) -> Segmenter:
    """The segmenter with its network on the device, ready to predict."""
    return replace(segmenter, network=segmenter.network.to(CUDA).eval())


def uniform_dataset(root: Path, images: int = 8) -> Dataset:
    """The tiny data set with images of one size, so that passes are recorded."""
    dataset = tiny_dataset(root, images=1)
    return replace(dataset, samples=tuple(replace(dataset.samples[0], id=f"s{index}") for index in range(images)))


WAITING_RULES = {"plain": InputRule(), "padded": InputRule(divisor=32), "context": InputRule(divisor=8, context=5)}


@pytest.mark.parametrize("rule", WAITING_RULES.values(), ids=WAITING_RULES)
@pytest.mark.parametrize("channels", [None, (2, 0)], ids=["all channels", "some channels"])
@pytest.mark.parametrize("protocol", [Protocol(), Protocol(scales=(1.0, 1.5), flip=True)], ids=["one view", "four views"])
def test_the_host_never_waits_inside_a_pass(rule: InputRule, channels: tuple[int, ...] | None, protocol: Protocol) -> None:
    segmenter = replace(on_cuda(tiny(LABELS)), input_rule=rule, channels=channels)
    one = pass_of(segmenter, protocol, graphs=False)
    images, targets = torch.zeros(1, 75, 118, 3, dtype=torch.uint8, device=CUDA), torch.zeros(1, 75, 118, dtype=torch.uint8, device=CUDA)
    for number in range(3):
        torch.cuda.synchronize()
        with warnings.catch_warnings(action="ignore"):  # that the mode is a prototype
            torch.cuda.set_sync_debug_mode("error" if number == 2 else "default")
        try:
            with torch.inference_mode(), arithmetic(CUDA, "fp32"):
                one(images, targets)
        finally:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
def test_replayed_passes_count_what_plain_ones_do(tmp_path: Path, precision: Precision) -> None:
    segmenter, dataset = on_cuda(tiny(LABELS)), uniform_dataset(tmp_path)
    plain, replayed = (list(evaluate([segmenter], dataset, protocol=Protocol(precision), graphs=on)) for on in (False, True))
    assert [result.passes[0] for result in replayed].count(REPLAYED) == len(dataset) - 3
    for one, other in zip(plain, replayed, strict=True):
        assert all(a.pairs.equals(b.pairs) for a, b in zip(one.counts, other.counts, strict=True))


def test_a_pass_that_reads_the_device_or_keeps_state_is_not_replayed() -> None:
    """The first fails while it is recorded; the second gives other counts than without a graph."""
    inputs, calls = torch.arange(4.0, device=CUDA), [0]

    def reading(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, (x.sum().item() + x).to(torch.int64).reshape(1, 2, 2)

    def counting_calls(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        calls[0] += 1
        return x, (x * calls[0]).to(torch.int64).reshape(1, 2, 2)

    for work, reason in ((reading, "recording failed"), (counting_calls, "pixels of an image changed")):
        one = ReplayedPass(work)
        for _ in range(5):
            (_, counts), way = one(inputs)
        assert reason in way
        assert counts.sum() > 0


def test_ieee_arithmetic_is_told_apart_from_tf32() -> None:
    a = torch.full((64, 64), 1 + 2**-12, device=CUDA)  # tf32 keeps 10 bits behind the point
    with arithmetic(CUDA, "fp32"):
        exact = (a @ torch.eye(64, device=CUDA))[0, 0].item()
    with arithmetic(CUDA, "tf32"):
        rounded = (a @ torch.eye(64, device=CUDA))[0, 0].item()
    assert exact == 1 + 2**-12
    assert rounded == 1.0


def softmax_scene() -> tuple[torch.Tensor, torch.Tensor]:
    """Logits at stride 8 of a large image, and targets of which the sixth index is void."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(1, 6, 64, 128, generator=generator)
    return logits, torch.randint(0, 7, (1, 512, 1024), generator=generator).to(torch.uint8)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_confidence_on_the_device_is_that_of_the_cpu(temperature: float) -> None:
    logits, targets = softmax_scene()
    maps, table = (enlarged_classes(logits, (512, 1024)), targets), torch.arange(256, dtype=torch.int32)
    here = count_confidence(logits, (512, 1024), maps, table, temperature=temperature)
    there = count_confidence(
        logits.to(CUDA), (512, 1024), (maps[0].to(CUDA), targets.to(CUDA)), table.to(CUDA), temperature=temperature
    ).cpu()
    np.testing.assert_allclose(there[:3], here[:3], rtol=1e-5)
    assert float((here - there).abs()[3:].sum()) < 1e-3 * float(here[0])  # pixels on edges of bins or steps


@pytest.mark.parametrize("probabilities", [False, True])
def test_scores_of_anomaly_on_the_device_are_those_of_the_cpu_to_the_next_bin(probabilities: bool) -> None:
    logits, targets = softmax_scene()
    logits = logits.softmax(1) if probabilities else logits
    roles = (targets % 3).contiguous()
    here = count_anomalies(logits, (512, 1024), roles, probabilities=probabilities).reshape(SHAPE)
    there = count_anomalies(logits.to(CUDA), (512, 1024), roles.to(CUDA), probabilities=probabilities).cpu().reshape(SHAPE)
    assert torch.equal(here.sum(2), there.sum(2))
    apart = (here.cumsum(2) - there.cumsum(2)).abs().sum(2)  # pixels times the bins that they moved by
    assert int(apart.max()) < 1e-2 * roles.numel()


def test_the_nll_under_temperatures_on_the_device_is_that_of_the_cpu() -> None:
    logits, targets = softmax_scene()
    inverses, indices = torch.from_numpy(GRID.astype(np.float32)), targets.int()
    here = count_tempered(logits, (512, 1024), indices, inverses)
    there = count_tempered(logits.to(CUDA), (512, 1024), indices.to(CUDA), inverses.to(CUDA)).cpu()
    np.testing.assert_allclose(there, here, rtol=1e-4, atol=1e-4 * float(here[0]))


def test_confidence_and_anomalies_are_counted_in_replayed_passes_too(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path, images=1)
    marked = replace(dataset.labels, void=()).marking(anomaly=[0])
    dataset = replace(dataset, labels=marked, samples=dataset.samples * 5, read_target=None)  # one size, so that passes are replayed
    network = on_cuda(tiny(marked))
    results = [list(evaluate([network], dataset, beside=Beside(calibration=True, ood=True), graphs=graphs)) for graphs in (False, True)]
    for eager, replayed in zip(*results, strict=True):
        one, other = eager.counts[0], replayed.counts[0]
        assert one.ood is not None
        assert other.ood is not None
        assert one.calibration is not None
        assert other.calibration is not None
        assert one.ood.pixels == other.ood.pixels
        np.testing.assert_allclose(one.calibration.numbers[:3], other.calibration.numbers[:3], rtol=1e-4)
    assert results[1][-1].passes == [REPLAYED]

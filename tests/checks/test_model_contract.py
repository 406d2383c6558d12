"""The contract: every registered model keeps it, and for each property there is a toy that does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from torch import nn

from segbench.checks import dataset_contract, model_contract
from segbench.checks.findings import Finding, title
from segbench.checks.model_contract import MODEL_PROPERTIES, check_dataset, check_model
from segbench.cli.main import main
from segbench.datasets.base import Dataset
from segbench.datasets.cityscapes import cityscapes
from segbench.images.files import write_uint16
from segbench.labels.space import numbered_labels
from segbench.models import MODELS
from segbench.models.segmenter import Segmenter
from segbench.models.weights import build
from segbench.registry import Registry
from tests import broken_models as broken
from tests.broken_models import having
from tests.tiny import LABELS, tiny, tiny_dataset

TINY = "tests/tiny.py:tiny"
WIDTH = 1 / 8
# Two samples show what forty do, and are twenty times as quick.
ARGUMENTS = {"bayesian_segnet": {"samples": 2}}

Broken = tuple[Callable[[], Segmenter], str]
BROKEN: dict[Callable[[Segmenter], None], tuple[Broken, ...]] = {
    model_contract.gives_a_plane_of_logits_for_each_class: (
        (lambda: having(broken.Dictionary()), "gives a dict; auxiliary outputs are for training"),
        (lambda: having(broken.Toy(planes=4)), r"logits are \[2, 4, 48, 80\], not \[2, 3, h, w\]"),
        (lambda: having(broken.Infinite()), "100.0% of the logits are infinite or NaN"),
        (lambda: having(broken.Toy(), inputs=("rgb", "smell")), "it takes rgb and smell; datasets give rgb, or rgb and depth"),
    ),
    model_contract.takes_images_of_odd_sizes: (
        (lambda: having(broken.Halving()), r"RuntimeError: The size of tensor"),
        (lambda: having(nn.Sequential(broken.Toy(planes=4), nn.Softmax(1))), r"gives float32\[1, 4, 1, 1\]; it must give 3 floating-point"),
    ),
    model_contract.covers_360x480_at_one_stride: (
        (lambda: having(broken.Toy(padding=0)), "358x478 logits cannot cover 360x480 pixels at one stride; an unpadded convolution"),
    ),
    model_contract.sees_each_image_alone: ((lambda: having(broken.Moody()), r"among others differ by \d+\.\d% of their range"),),
    model_contract.sees_the_image: ((lambda: having(broken.Blind()), "two images of noise give the same logits"),),
    model_contract.repeats_itself: ((lambda: having(broken.Unsteady()), "two passes over the same images differ, by up to"),),
    model_contract.switches_modes_without_a_trace: (
        (lambda: having(broken.Folding()), "switching changed 1 tensors: score.weight"),
        (lambda: having(broken.Sticky()), r"eval\(\) leaves dropout in training mode"),
        (lambda: having(broken.Frozen()), r"train\(\) leaves the network in evaluation mode"),
    ),
    model_contract.is_rebuilt_by_its_arguments: (
        (lambda: replace(tiny(LABELS), arguments={}), "its arguments lack channels"),
        (lambda: replace(tiny(LABELS), arguments={"channels": 8, "depth": 3}), "unexpected keyword argument 'depth'"),
        (lambda: replace(broken.forgetful(LABELS), name="tests.broken_models:forgetful"), "builds a segmenter that calls itself 'tests/"),
        (lambda: replace(tiny(LABELS), name="tinny"), "model 'tinny' is not registered"),
    ),
    model_contract.comes_back_from_a_weights_file: (
        (lambda: broken.forgetful(LABELS), "something that it computes with is not in its state dict"),
        (lambda: replace(tiny(LABELS), network=broken.Toy()), "tensors do not fit"),
    ),
    model_contract.infers_without_the_heads_of_training: (
        (lambda: having(broken.Undeclared()), "inference uses score.bias, score.weight, which would not be counted"),
    ),
    model_contract.learns_with_every_parameter: (
        (lambda: having(broken.Idle()), r"2 of 6 parameters get no gradient: spare.bias, spare.weight"),
        (lambda: having(broken.Cut()), r"2 of 4 parameters get no gradient: first.bias, first.weight"),
        (lambda: having(broken.UnlearntHead()), r"2 of 6 parameters get no gradient: head.bias, head.weight"),
        (lambda: having(broken.Toy().requires_grad_(False)), "no parameter is trainable"),
    ),
    model_contract.learns_a_batch: (
        (lambda: having(broken.Uphill()), r"in 3 steps the loss goes from [\d.]+ to [\d.]+ at a learning rate of 0.001, "),
    ),
}


def lacking(findings: list[Finding]) -> dict[str, str]:
    """What does not hold, and what was found instead."""
    return {finding.claim: finding.problem for finding in findings if finding.problem is not None}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS.table)
def test_a_registered_model_keeps_the_contract(name: str) -> None:
    torch.manual_seed(0)
    segmenter = build(name, numbered_labels(5), width=WIDTH, **ARGUMENTS.get(name, {}))
    assert lacking(list(check_model(segmenter))) == {}


def test_a_plugin_keeps_the_contract_and_each_property_is_reported() -> None:
    torch.manual_seed(0)
    findings = list(check_model(tiny(LABELS)))
    assert lacking(findings) == {}
    assert [finding.claim for finding in findings] == [title(holds) for holds in MODEL_PROPERTIES]
    assert {finding.subject for finding in findings} == {TINY}


CASES = [(holds, make, problem) for holds, toys in BROKEN.items() for make, problem in toys]


@pytest.mark.parametrize(("holds", "make", "problem"), CASES, ids=[f"{c[0].__name__}-{i}" for i, c in enumerate(CASES)])
def test_a_model_without_a_property_is_caught(holds: Callable[[Segmenter], None], make: Callable[[], Segmenter], problem: str) -> None:
    torch.manual_seed(0)
    (finding,) = check_model(make(), [holds])
    assert not finding.holds
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(finding.problem)


def test_every_property_has_a_toy_that_lacks_it() -> None:
    assert set(BROKEN) == set(MODEL_PROPERTIES)


def test_a_sound_toy_has_every_property_that_its_broken_variants_lack() -> None:
    """So that what the variants do wrong is what is caught. How it is built and stored is tiny's affair, not the toy's."""
    torch.manual_seed(0)
    assert set(lacking(list(check_model(having(broken.Toy()))))) == {title(model_contract.comes_back_from_a_weights_file)}


def test_a_check_leaves_the_segmenter_and_torchs_generator_as_they_were() -> None:
    segmenter = tiny(LABELS)
    segmenter.network.train()
    weights = {key: value.clone() for key, value in segmenter.network.state_dict().items()}
    state = torch.get_rng_state()
    list(check_model(segmenter))
    assert torch.equal(torch.get_rng_state(), state)
    assert segmenter.network.training
    assert all(torch.equal(value, weights[key]) for key, value in segmenter.network.state_dict().items())
    assert all(p.grad is None for p in segmenter.network.parameters())


def with_targets(dataset: Dataset, change: Callable[[np.ndarray], np.ndarray]) -> Dataset:
    return replace(dataset, read_target=lambda sample: change(tiny_target(dataset, sample)))


def tiny_target(dataset: Dataset, sample: object) -> np.ndarray:
    return dataset.read_target(sample)  # type: ignore[arg-type]


def renamed(dataset: Dataset, *ids: str) -> Dataset:
    return replace(dataset, samples=tuple(replace(s, id=i) for s, i in zip(dataset.samples, ids, strict=False)))


def unreadable(dataset: Dataset) -> Dataset:
    first, *rest = dataset.samples
    return replace(dataset, samples=(replace(first, target=first.target.with_name("nothing.png")), *rest))


def changing(dataset: Dataset) -> Dataset:
    values = iter(np.array([5, 7, 9] * 100, np.uint8))
    return with_targets(dataset, lambda target: np.full_like(target, next(values)))


def of_wrong_depth(dataset: Dataset) -> Dataset:
    samples = tuple(replace(s, extras={"depth": s.target}) for s in dataset.samples)
    return replace(dataset, samples=samples, read_depth=lambda sample: np.zeros((2, 2), np.float32))


BROKEN_DATASETS: dict[Callable[..., None], tuple[tuple[Callable[[Dataset], Dataset], str], ...]] = {
    dataset_contract.has_samples: ((lambda d: replace(d, samples=()), "tiny-val is empty"),),
    dataset_contract.has_unique_ids: ((lambda d: renamed(d, "a", "b", "b"), "more than once: b"),),
    dataset_contract.has_ids_that_are_file_names: (
        (lambda d: renamed(d, "../a", "b"), "not usable as file names: '../a'"),
        (lambda d: renamed(d, "", "b"), "not usable as file names: ''"),
        (lambda d: renamed(d, "/etc/a", "b"), "not usable as file names: '/etc/a'"),
    ),
    dataset_contract.is_sorted: ((lambda d: renamed(d, "a", "c", "b"), "'b' comes after 'c'"),),
    dataset_contract.reads: ((unreadable, "s0: .*nothing.png: the file is missing"),),
    dataset_contract.has_targets_of_bytes: (
        (lambda d: with_targets(d, lambda target: target.astype(np.int32)), r"s0: target is int32\[20, 31\]; .*; and 3 more"),
        (lambda d: with_targets(d, lambda target: np.stack([target] * 3, 2)), r"s0: target is uint8\[20, 31, 3\]"),
    ),
    dataset_contract.has_target_and_image_of_one_size: (
        (lambda d: with_targets(d, lambda target: target[1:]), "s0: image 20x31, target 19x31"),
        (of_wrong_depth, "s0: image 20x31, target 20x31, depth 2x2"),
    ),
    dataset_contract.has_known_labels: (
        (lambda d: with_targets(d, lambda target: target + np.uint8(1)), r"s0: ids \[1, 6, 8, 10\] are not in label space 'tiny-3'"),
    ),
    dataset_contract.reads_the_same_twice: ((changing, "s0: target changed"),),
}
DATASET_CASES = [(holds, change, problem) for holds, changes in BROKEN_DATASETS.items() for change, problem in changes]


def test_a_plugins_dataset_keeps_the_contract(tmp_path: Path) -> None:
    assert lacking(list(check_dataset(tiny_dataset(tmp_path)))) == {}


def test_the_cityscapes_layout_keeps_the_contract_with_disparity_too(small_minicity: Path, tmp_path: Path) -> None:
    dataset = cityscapes(small_minicity)
    read: list[None] = []
    assert lacking(list(check_dataset(dataset, on_sample=lambda: read.append(None)))) == {}
    assert len(read) == len(dataset)
    depth = tmp_path / "depth.png"
    write_uint16(depth, np.ones((256, 512), np.uint16))
    assert lacking(list(check_dataset(replace(dataset, samples=tuple(replace(s, extras={"depth": depth}) for s in dataset.samples))))) == {}


@pytest.mark.parametrize(("holds", "change", "problem"), DATASET_CASES, ids=[f"{c[0].__name__}-{i}" for i, c in enumerate(DATASET_CASES)])
def test_a_dataset_without_a_property_is_caught(
    holds: Callable[..., None], change: Callable[[Dataset], Dataset], problem: str, tmp_path: Path
) -> None:
    found = lacking(list(check_dataset(change(tiny_dataset(tmp_path)))))
    assert list(found) == [title(holds)]
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(found[title(holds)])


def test_every_property_of_a_dataset_has_one_that_lacks_it() -> None:
    known = {*dataset_contract.DATASET_PROPERTIES, dataset_contract.reads, *dataset_contract.SAMPLE_PROPERTIES}
    assert set(BROKEN_DATASETS) == known


def check(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["check", *(str(argument) for argument in arguments)], catch_exceptions=False)


def test_the_command_prints_a_line_for_each_property() -> None:
    result = check(TINY)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == TINY
    assert [line[:8] for line in lines[1:-1]] == ["  ok    "] * len(MODEL_PROPERTIES)
    assert lines[-1] == f"all {len(MODEL_PROPERTIES)} properties hold"


def test_the_command_fails_if_a_property_does_not_hold_and_says_which() -> None:
    result = check("tests/broken_models.py:forgetful", TINY)
    assert result.exit_code == 1
    failed = [line for line in result.output.splitlines() if line.startswith("  FAIL")]
    assert len(failed) == 1
    assert failed[0].startswith(f"  FAIL  {title(model_contract.comes_back_from_a_weights_file)}: loaded, it gives other logits")
    assert f"1 of {2 * len(MODEL_PROPERTIES)} properties do not hold" in result.output


def test_the_command_says_that_it_narrows_a_network_and_can_be_told_not_to() -> None:
    narrow, chosen, full = check("enet"), check("enet", "--set", "width=0.25"), check("enet", "--full", "--classes", 2)
    assert [result.output.splitlines()[0] for result in (narrow, chosen, full)] == [
        "enet (width 0.125; --full checks it as published)",
        "enet",
        "enet",
    ]
    assert {result.exit_code for result in (narrow, chosen, full)} == {0}


def test_the_command_checks_datasets_too(tmp_path: Path, small_minicity: Path) -> None:
    for name, data in (("tests/tiny.py:tiny_dataset", tmp_path), ("cityscapes", small_minicity)):
        result = check(name, "--data", data)
        assert result.exit_code == 0, result.output
        assert f"  ok    {title(dataset_contract.has_known_labels)}\n" in result.output


def test_an_unknown_name_is_refused_before_anything_is_checked() -> None:
    result = check(TINY, "segnett")
    assert result.exit_code == 2
    assert "did you mean 'segnet'" in result.stderr
    assert not result.stdout


def test_a_setting_that_a_model_does_not_take_is_a_finding() -> None:
    result = check(TINY, "--set", "nonsense=1")
    assert result.exit_code == 1
    assert "  FAIL  It can be built: " in result.output
    assert "nonsense" in result.output


def test_all_is_every_registered_model_and_a_plugin_that_cannot_be_imported_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry, "names", lambda self: {"model": [TINY, "nowhere:plugin"], "dataset": []}[self.kind])
    result = check("all")
    assert result.exit_code == 1
    assert "  FAIL  It can be imported: 'nowhere:plugin': cannot import nowhere" in result.output
    assert result.output.count("  ok  ") == len(MODEL_PROPERTIES)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from segbench.datasets.base import Dataset, Sample
from segbench.errors import DataError, RecordError, TrainingError, UsageError, WeightsError
from segbench.images.files import write_uint16
from segbench.kernels.border_weights import border_weight_map
from segbench.kernels.watershed import connected_segments
from segbench.metrics.instance_iou import InstanceRule
from segbench.models.segmenter import Segmenter
from segbench.models.weights import describe, load, sha256_of
from segbench.models.zoo.dfn import dfn
from segbench.models.zoo.pidnet import pidnet_s
from segbench.models.zoo.rednet import rednet
from segbench.training import checkpoint, trainer
from segbench.training.batches import IGNORE, load_batch, random_crop
from segbench.training.optimizers import optimizer_of
from segbench.training.planes import Planes, PlaneStore
from segbench.training.recipe import Recipe
from segbench.training.trainer import Progress, Routine, train
from tests.tiny import LABELS, TINY, tiny, tiny_dataset, with_depth

RECIPE = Recipe(steps=40, batch_size=2, crop=(16, 24), learning_rate=0.02, warmup=5)


def fit(tmp_path: Path, recipe: Recipe = RECIPE, **options: object) -> tuple[Path, list[Progress]]:
    torch.manual_seed(recipe.seed)
    segmenter, out = tiny(LABELS), tmp_path / "tiny.safetensors"
    dataset = tiny_dataset(tmp_path / "data")
    return out, list(train(segmenter, dataset, recipe, out, validation=dataset, routine=Routine(**options)))  # type: ignore[arg-type]


CPU = torch.device("cpu")


def pooled(scores: int = 3) -> Segmenter:
    """A network that gates its scores by the whole image, as many of these do."""

    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scores, self.gate = (
                nn.Conv2d(3, scores, 1),
                nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3), nn.Conv2d(3, scores, 1)),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.scores(x) * self.gate(x)  # type: ignore[no-any-return]

    return Segmenter("gated", Gated(), LABELS)


def test_one_image_a_step_is_too_few_for_image_pooling_and_the_option_is_named(tmp_path: Path) -> None:
    one = replace(RECIPE, batch_size=1, steps=1)
    with pytest.raises(UsageError, match=r"gated cannot be trained on 1 image of 16x24 a step: .*; train it with --batch-size 2 or more"):
        list(train(pooled(), tiny_dataset(tmp_path / "data"), one, tmp_path / "g.safetensors"))
    assert list(train(pooled(), tiny_dataset(tmp_path / "data"), replace(one, batch_size=2), tmp_path / "g.safetensors"))
    assert list(train(tiny(LABELS), tiny_dataset(tmp_path / "data"), one, tmp_path / "t.safetensors"))


def test_a_crop_that_leaves_one_value_names_the_crop(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 16, stride=16), nn.InstanceNorm2d(3), nn.Conv2d(3, 3, 1))
    recipe = replace(RECIPE, crop=(16, 16), steps=1)
    with pytest.raises(UsageError, match=r"on 2 images of 16x16 a step: .*a larger --crop"):
        list(train(Segmenter("strided", network, LABELS), tiny_dataset(tmp_path / "data"), recipe, tmp_path / "s.safetensors"))


def store_of(dataset: Dataset, recipe: Recipe = RECIPE, *, with_depth: bool = False) -> PlaneStore:
    """Planes that are read anew each time."""
    return PlaneStore(dataset, CPU, with_depth, recipe.pixel_weights != "none")


def planes_of(dataset: Dataset, recipe: Recipe) -> Planes:
    """Those of the first sample."""
    return store_of(dataset, recipe)(dataset.samples[0])


def test_training_learns_an_easy_task_and_the_file_says_all(tmp_path: Path) -> None:
    out, steps = fit(tmp_path)
    assert steps[-1].loss < 0.5 * steps[0].loss
    assert steps[-1].scores is not None
    assert steps[-1].scores.miou > 0.8
    description = describe(out)
    assert description["arguments"] == {"channels": 8}
    assert description["trained_on"]["images"] == 6
    assert description["recipe"]["steps"] == 40
    assert load(out, TINY).labels == LABELS


def test_an_interrupted_training_continues_to_the_same_bits(tmp_path: Path) -> None:
    whole, _ = fit(tmp_path / "whole", validate_every=10)
    torch.manual_seed(RECIPE.seed)
    dataset = tiny_dataset(tmp_path / "parts" / "data")
    out = tmp_path / "parts" / "tiny.safetensors"
    list(islice(train(tiny(LABELS), dataset, RECIPE, out, routine=Routine(10)), 25))
    torch.manual_seed(99)
    list(train(tiny(LABELS), dataset, RECIPE, out, routine=Routine(10, resume=True)))
    for key, value in load(whole, TINY).network.state_dict().items():
        assert torch.equal(value, load(out, TINY).network.state_dict()[key]), key


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    fit(tmp_path)
    with pytest.raises(WeightsError, match="belongs to"):
        fit(tmp_path, Recipe(steps=41, batch_size=2, crop=(16, 24)), resume=True)


def test_resuming_without_a_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no checkpoint"):
        fit(tmp_path, resume=True)


def test_batches_depend_on_seed_and_step_alone(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    first, again, other = (load_batch(store_of(dataset), RECIPE, step) for step in (3, 3, 4))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.targets, again.targets)
    assert not torch.equal(first.images, other.images)


def test_an_epoch_shows_every_image_once(tmp_path: Path) -> None:
    from segbench.training.batches import _sample_at

    dataset = tiny_dataset(tmp_path)
    for epoch in range(3):
        seen = [_sample_at(dataset, 0, epoch * 6 + i).id for i in range(6)]
        assert sorted(seen) == [s.id for s in dataset.samples]


def test_a_crop_larger_than_the_image_is_padded_with_ignored_pixels(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path, images=1)
    recipe = Recipe(crop=(60, 60), scale=(1.0, 1.0), flip=False)
    crop = random_crop(planes_of(dataset, recipe), recipe, np.random.default_rng(0))
    assert crop.images.shape == (60, 60, 3)
    evaluated = int((dataset.labels.index_of_id[dataset.read_target(dataset.samples[0])] < 3).sum())
    assert int((crop.targets != IGNORE).sum()) == evaluated


def test_image_and_target_move_together(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    for step in range(20):
        batch = load_batch(store_of(dataset), RECIPE, step)
        brightest = batch.images.argmax(-1)
        counted = batch.targets != IGNORE
        agreement = (brightest == batch.targets)[counted].float().mean()
        assert agreement > 0.85, step  # all but the blurred borders


def test_depth_moves_with_the_target_and_is_zero_outside_the_image(tmp_path: Path) -> None:
    dataset = with_depth(tiny_dataset(tmp_path))
    for step in range(20):
        batch = load_batch(store_of(dataset, with_depth=True), RECIPE, step)
        assert batch.depth is not None
        index_of_depth = torch.full((10,), IGNORE)
        index_of_depth[[5, 7, 9]] = torch.arange(3)
        assert torch.equal(index_of_depth[batch.depth.long()], batch.targets)


def test_a_network_with_depth_is_trained_on_it(tmp_path: Path) -> None:
    dataset = with_depth(tiny_dataset(tmp_path))
    recipe = replace(RECIPE, steps=2, crop=(32, 32))
    torch.manual_seed(0)
    segmenter = rednet(LABELS, width=0.03125)
    before = segmenter.network.depth.conv1.weight.detach().clone()
    losses = [progress.loss for progress in train(segmenter, dataset, recipe, tmp_path / "w.safetensors", validation=dataset)]
    assert np.isfinite(losses).all()
    assert not torch.equal(segmenter.network.depth.conv1.weight, before)


@pytest.mark.parametrize("factory", [dfn, pidnet_s])
def test_networks_with_borders_are_trained_on_them(tmp_path: Path, factory: Callable[..., Segmenter]) -> None:
    torch.manual_seed(0)
    segmenter, recipe = factory(LABELS, width=0.0625), replace(RECIPE, steps=2, crop=(64, 64))
    heads = {n: p for n, p in segmenter.network.named_parameters() if p.requires_grad and n.startswith(segmenter.network.training_only)}
    before = {name: parameter.detach().clone() for name, parameter in heads.items()}
    losses = [progress.loss for progress in train(segmenter, tiny_dataset(tmp_path), recipe, tmp_path / "w.safetensors")]
    assert np.isfinite(losses).all()
    assert heads
    assert not [name for name, value in before.items() if torch.equal(value, heads[name])]


def test_factors_of_the_learning_rate_hold_for_the_parts_they_name(tmp_path: Path) -> None:
    torch.manual_seed(0)
    segmenter = tiny(LABELS)
    before = {name: p.detach().clone() for name, p in segmenter.network.named_parameters()}
    still = replace(RECIPE, steps=2, learning_rate_factors={"0": 0, "1.weight": 0}, weight_decay=0.0)
    list(train(segmenter, tiny_dataset(tmp_path), still, tmp_path / "w.safetensors"))
    moved = {name for name, p in segmenter.network.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"1.bias", "4.weight", "4.bias"}


def test_a_part_that_the_network_does_not_have_is_named(tmp_path: Path) -> None:
    recipe = replace(RECIPE, learning_rate_factors={"backbone": 0.1, "4": 2})
    with pytest.raises(RecordError, match=r"no part backbone; its parts are 0, 1, 2, 3, 4"):
        fit(tmp_path, recipe)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("decay_all", [False, True])
def test_decay_shrinks_weights_and_biases_only_where_it_is_asked_to(optimizer: str, decay_all: bool) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    for parameter in network.parameters():
        torch.nn.init.ones_(parameter)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    recipe = Recipe(optimizer=optimizer, learning_rate=0.1, weight_decay=0.1, decay_all=decay_all)  # type: ignore[arg-type]
    chosen, _ = optimizer_of(recipe, network)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    chosen.step()
    shrunk = {name for name, p in network.named_parameters() if (p.abs() < before[name].abs()).all()}
    assert shrunk == (set(before) if decay_all else {"0.weight"})


@pytest.mark.parametrize("clip_norm", [1e-6, None])
def test_gradients_are_clipped_only_where_a_recipe_says_so(tmp_path: Path, clip_norm: float | None) -> None:
    torch.manual_seed(0)
    segmenter = tiny(LABELS)
    before = segmenter.network[4].weight.detach().clone()
    recipe = Recipe(
        steps=1, batch_size=2, crop=(16, 24), optimizer="sgd", learning_rate=1.0, weight_decay=0.0, warmup=0, clip_norm=clip_norm
    )
    list(train(segmenter, tiny_dataset(tmp_path), recipe, tmp_path / "w.safetensors"))
    change = float((segmenter.network[4].weight.detach() - before).norm())
    assert (change <= 1e-6) == (clip_norm is not None)


def test_a_training_that_diverges_stops_and_names_the_last_good_state(tmp_path: Path) -> None:
    seen = []
    recipe = replace(RECIPE, optimizer="sgd", learning_rate=1e30, warmup=0, clip_norm=None)
    steps = train(tiny(LABELS), tiny_dataset(tmp_path), recipe, tmp_path / "w.safetensors", routine=Routine(1))
    with pytest.raises(
        TrainingError,
        match=r"(?s)from step \d+ on its loss is no number.*lower --learning-rate.*last good state is .*w\.safetensors\.ckpt, of step \d+",
    ):
        seen.extend(steps)
    good = torch.load(tmp_path / "w.safetensors.ckpt", weights_only=True)
    finite = [bool(np.isfinite(progress.loss)) for progress in seen]
    assert good["step"] <= finite.index(False)
    assert all(value.isfinite().all() for value in good["network"].values())
    assert not (tmp_path / "w.safetensors").exists()


def test_a_training_that_diverges_at_once_does_not_point_at_a_checkpoint_of_another_one(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors.ckpt").write_bytes(b"of last week")
    recipe = replace(RECIPE, optimizer="sgd", learning_rate=1e38, warmup=0, clip_norm=None)
    steps = train(tiny(LABELS), tiny_dataset(tmp_path), recipe, tmp_path / "w.safetensors", routine=Routine(1000))
    with pytest.raises(TrainingError, match="it diverged before the first validation"):
        list(steps)
    assert (tmp_path / "w.safetensors.ckpt").read_bytes() == b"of last week"


def test_a_checkpoint_from_before_a_field_existed_can_be_resumed(tmp_path: Path) -> None:
    fit(tmp_path, validate_every=10)
    file = tmp_path / "tiny.safetensors.ckpt"
    state = torch.load(file, weights_only=True)
    for field in ("schedule", "step_every", "loss", "pixel_weights", "learning_rate_factors"):
        assert field not in state["identity"]
    with pytest.raises(WeightsError, match="belongs to"):
        fit(tmp_path, replace(RECIPE, loss="ohem"), resume=True)


def with_instances(dataset: Dataset) -> Dataset:
    """The dataset with an instance for its left and one for its right half."""
    samples = []
    for sample in dataset.samples:
        target = dataset.read_target(sample).astype(np.uint16)
        file = sample.target.with_name(f"{sample.id}_instances.png")
        write_uint16(file, np.where(target == 9, 9, target * 1000))
        samples.append(replace(sample, extras={"instances": file}))
    return replace(dataset, samples=tuple(samples), instances=InstanceRule(1000, {}))


def test_weights_of_pixels_move_with_the_target(tmp_path: Path) -> None:
    dataset = with_instances(tiny_dataset(tmp_path))
    recipe = replace(RECIPE, pixel_weights="unet_border")
    for step in range(10):
        batch, plain = load_batch(store_of(dataset, recipe), recipe, step), load_batch(store_of(dataset), RECIPE, step)
        assert torch.equal(batch.images, plain.images)
        assert batch.pixel_weights is not None
        for target, weights in zip(batch.targets.numpy(), batch.pixel_weights.numpy(), strict=True):
            instances = np.where((target == 0) | (target == 1), target + 1, 0)
            np.testing.assert_array_equal(weights, border_weight_map(instances, 0.0))


def test_where_segments_are_to_be_told_apart_they_are_the_instances(tmp_path: Path) -> None:
    dataset = replace(tiny_dataset(tmp_path), segments="left")
    recipe = replace(RECIPE, pixel_weights="unet_border", scale=(1.0, 1.0), flip=False, crop=(20, 31))
    batch = random_crop(planes_of(dataset, recipe), recipe, np.random.default_rng(0))
    assert batch.pixel_weights is not None
    # A spot lies within the left half, so there is one segment, and one alone has no second-nearest border.
    assert not batch.pixel_weights.any()
    target = dataset.read_target(dataset.samples[0])
    target[:, 9] = 0
    cut = replace(dataset, read_target=lambda sample: target)
    weights = random_crop(planes_of(cut, recipe), recipe, np.random.default_rng(0)).pixel_weights
    assert weights is not None
    np.testing.assert_array_equal(weights.numpy(), border_weight_map(connected_segments(target == 5), 0.0))
    assert weights[15, 9] > 5


def test_training_with_weights_of_pixels_differs_from_training_without(tmp_path: Path) -> None:
    dataset = with_instances(tiny_dataset(tmp_path))
    losses = []
    for pixel_weights in ("none", "unet_border"):
        torch.manual_seed(0)
        recipe = replace(RECIPE, steps=1, pixel_weights=pixel_weights)
        losses += [progress.loss for progress in train(tiny(LABELS), dataset, recipe, tmp_path / "w.safetensors")]
    assert np.isfinite(losses).all()
    assert losses[0] != losses[1]


def test_weights_of_pixels_need_instances(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"tiny has no instances.*\n.*pixel_weights: none"):
        fit(tmp_path, replace(RECIPE, pixel_weights="unet_border"))
    dataset = replace(tiny_dataset(tmp_path), instances=InstanceRule(1000, {}))
    with pytest.raises(DataError, match="s0: there is no instance map"):
        random_crop(
            planes_of(dataset, replace(RECIPE, pixel_weights="unet_border")),
            replace(RECIPE, pixel_weights="unet_border"),
            np.random.default_rng(0),
        )


def test_weights_that_continue_from_others_keep_their_history(tmp_path: Path) -> None:
    first, _ = fit(tmp_path)
    second, dataset = tmp_path / "second.safetensors", tiny_dataset(tmp_path / "data")
    list(train(load(first, TINY), dataset, Recipe(steps=2, batch_size=1, crop=(16, 24)), second))
    history = describe(second)["trained_on"]["continued_from"]
    assert history["recipe"]["steps"] == 40
    assert history["weights_sha256"] == sha256_of(first)


MANY = replace(RECIPE, accumulate=2, ema=0.9, keep="best", precision="bf16")


def test_resuming_gives_the_same_bits_with_a_running_mean_and_the_best_weights_kept(tmp_path: Path) -> None:
    whole, steps = fit(tmp_path / "whole", MANY, validate_every=10)
    torch.manual_seed(MANY.seed)
    dataset, out = tiny_dataset(tmp_path / "parts" / "data"), tmp_path / "parts" / "tiny.safetensors"
    first = train(tiny(LABELS), dataset, MANY, out, validation=dataset, routine=Routine(10))
    assert [progress.step for progress in islice(first, 25)] == list(range(1, 26))
    torch.manual_seed(99)
    rest = list(train(tiny(LABELS), dataset, MANY, out, validation=dataset, routine=Routine(10, resume=True)))
    for key, value in load(whole, TINY).network.state_dict().items():
        assert torch.equal(value, load(out, TINY).network.state_dict()[key]), key
    validated = [
        (progress.step, progress.mean, progress.rate, progress.scores.miou) for progress in steps if progress.scores and progress.step >= 20
    ]
    again = [(progress.step, progress.mean, progress.rate, progress.scores.miou) for progress in rest if progress.scores]
    assert again == validated


def test_a_training_that_was_killed_in_its_last_validation_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, steps = fit(tmp_path / "whole")
    with monkeypatch.context() as patched:
        patched.setattr(trainer, "validate", lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception, match="killed"):
            fit(tmp_path / "killed")
    assert not (tmp_path / "killed" / "tiny.safetensors").exists()
    out, rest = fit(tmp_path / "killed", resume=True)
    assert [progress.step for progress in rest] == [RECIPE.steps]
    assert rest[0].scores is not None
    assert steps[-1].scores is not None
    assert rest[0].scores.miou == steps[-1].scores.miou
    for key, value in load(whole, TINY).network.state_dict().items():
        assert torch.equal(value, load(out, TINY).network.state_dict()[key]), key


def test_a_checkpoint_of_other_data_is_refused_and_says_what_differs(tmp_path: Path) -> None:
    fit(tmp_path)
    dataset = tiny_dataset(tmp_path / "data")
    fewer = replace(dataset, samples=dataset.samples[:5])
    with pytest.raises(WeightsError, match=r"data: 'tiny-val [0-9a-f]+' there, 'tiny-val [0-9a-f]+' here"):
        list(train(tiny(LABELS), fewer, RECIPE, tmp_path / "tiny.safetensors", routine=Routine(resume=True)))


def test_a_network_stays_on_its_grid_from_the_first_step_to_its_weights_file(tmp_path: Path) -> None:
    dataset, out = tiny_dataset(tmp_path / "data"), tmp_path / "tiny.safetensors"
    losses = {}
    for grid in ("half_pixel", "align_corners"):
        torch.manual_seed(0)
        losses[grid] = [progress.loss for progress in train(replace(tiny(LABELS), grid=grid), dataset, RECIPE, out)]
        assert load(out, TINY).grid == grid
    assert losses["half_pixel"] != losses["align_corners"]
    with pytest.raises(WeightsError, match="grid"):
        list(train(tiny(LABELS), dataset, RECIPE, out, routine=Routine(resume=True)))


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", None], ids=["empty", "other bytes", "cut in half"])
def test_a_damaged_checkpoint_is_one_error_and_the_one_before_goes_on(tmp_path: Path, damage: bytes | None) -> None:
    whole, _ = fit(tmp_path, validate_every=10)
    before = load(whole, TINY).network.state_dict()
    file = tmp_path / "tiny.safetensors.ckpt"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if damage is None else damage)
    with pytest.raises(WeightsError, match=r"is damaged.*the one before it is .*previous: rename it") as caught:
        fit(tmp_path, validate_every=10, resume=True)
    assert "\n" not in str(caught.value)
    checkpoint.previous(file).replace(file)
    out, rest = fit(tmp_path, validate_every=10, resume=True)
    assert rest[0].step == 30
    for key, value in before.items():
        assert torch.equal(value, load(out, TINY).network.state_dict()[key]), key


def test_a_training_ends_when_its_time_is_over_and_the_learning_rate_falls_till_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count()
    monkeypatch.setattr("segbench.training.trainer.time.perf_counter", lambda: next(ticks) / 100)  # four looks at the clock in a step
    recipe = replace(RECIPE, steps=10**6, warmup=0)
    _, steps = fit(tmp_path, recipe, seconds=0.5)
    assert sum(progress.seconds for progress in steps) == pytest.approx(0.5, abs=0.05)
    assert steps[0].rate == recipe.learning_rate
    assert steps[-1].rate < 0.2 * recipe.learning_rate
    assert steps[-1].scores is not None
    assert describe(tmp_path / "tiny.safetensors")["trained_on"]["steps"] == len(steps)


def test_a_training_ends_when_validation_does_not_get_better(tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=400, learning_rate=0.0, patience=3, keep="best", ema=0.0)
    network = tiny(LABELS)
    network.network[1] = torch.nn.Identity()  # type: ignore[operator]  # or its statistics would still move
    dataset, out = tiny_dataset(tmp_path / "data"), tmp_path / "tiny.safetensors"
    steps = list(train(network, dataset, recipe, out, validation=dataset, routine=Routine(5)))
    assert len(steps) == 20  # the first validation is the best one
    assert steps[4].scores is not None
    assert describe(out)["trained_on"]["best_val_miou"] == pytest.approx(steps[4].scores.miou, abs=1e-6)


def test_accumulated_gradients_are_those_of_one_large_batch(tmp_path: Path) -> None:
    """Without normalisation and dropout, whose statistics belong to a batch; a sum over pixels is what four batches add up to."""

    def trained(folder: str, batch_size: int, accumulate: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        segmenter = tiny(LABELS)
        segmenter.network[1] = segmenter.network[3] = torch.nn.Identity()  # type: ignore[operator]
        recipe = replace(RECIPE, steps=3, batch_size=batch_size, accumulate=accumulate, class_weights="none", optimizer="sgd")
        recipe = replace(recipe, reduction="sum", clip_norm=None, momentum=0.0, weight_decay=0.0, learning_rate=1e-7 * accumulate)
        list(train(segmenter, tiny_dataset(tmp_path / folder / "data"), recipe, tmp_path / folder / "w.safetensors"))
        return segmenter.network.state_dict()

    one, four = trained("one", 4, 1), trained("four", 1, 4)
    torch.manual_seed(0)
    start = tiny(LABELS).network.state_dict()
    for key, value in one.items():
        torch.testing.assert_close(four[key] - start[key], value - start[key], rtol=1e-2, atol=1e-7, msg=key)


def test_planes_are_decoded_once_and_batches_are_the_same(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    reads: list[str] = []

    def counted(sample: Sample) -> NDArray[np.uint8]:
        reads.append(sample.id)
        return dataset.read_target(sample)

    kept = PlaneStore(replace(dataset, read_target=counted), CPU, most_bytes=1 << 20)
    for number in range(9):
        batch, expected = load_batch(kept, RECIPE, number), load_batch(store_of(dataset), RECIPE, number)
        assert torch.equal(batch.images, expected.images)
        assert torch.equal(batch.targets, expected.targets)
    assert sorted(reads) == sorted(sample.id for sample in dataset.samples)


def test_a_store_keeps_no_more_than_it_may(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    store = PlaneStore(dataset, CPU, most_bytes=7000)
    for sample in dataset.samples:
        store(sample)
    assert 0 < store._bytes <= 7000
    assert len(store._kept) < len(dataset)

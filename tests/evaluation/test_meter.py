"""The meter against the folding of all maps at once, and against what `segbench score` says of the same files."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.nn import functional as F

import segbench
from docs.extension.example_folder import write_example_folder
from segbench.cli.main import main
from segbench.datasets.cityscapes import LABELS
from segbench.errors import DataError, LabelError, UsageError
from segbench.evaluation.meter import Meter
from segbench.images.files import read_labels, write_labels
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.scores import score
from segbench.records.per_image import read_per_image

Maps = tuple[torch.Tensor, torch.Tensor]


def random_maps(images: int = 5, classes: int = 4, seed: int = 0, ignore: int = 255) -> Maps:
    """Class maps and targets, int64[N, 20, 30], a fifth of the targets void and some predictions of no class."""
    generator = torch.Generator().manual_seed(seed)
    preds = torch.randint(0, classes + 1, (images, 20, 30), generator=generator)
    targets = torch.randint(0, classes, (images, 20, 30), generator=generator)
    targets[torch.rand(targets.shape, generator=generator) < 0.2] = ignore
    return preds, targets


def expected(preds: torch.Tensor, targets: torch.Tensor, classes: int, ignore: int = 255) -> NDArray[np.int64]:
    """int64[C, C+1] by a plain loop over pixels."""
    counts = np.zeros((classes, classes + 1), np.int64)
    for pred, target in zip(preds.flatten().tolist(), targets.flatten().tolist(), strict=True):
        if target != ignore:
            counts[target, min(pred, classes)] += 1
    return counts


@pytest.mark.parametrize("ignore", [255, -100, 7])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16])
def test_class_maps_are_counted_pixel_by_pixel(ignore: int, dtype: torch.dtype) -> None:
    preds, targets = random_maps(ignore=ignore)
    meter = Meter(4, ignore_index=ignore)
    for start in range(0, 5, 2):
        meter.update(preds[start : start + 2].to(dtype), targets[start : start + 2].to(dtype))
    np.testing.assert_array_equal(meter.confusion.counts, expected(preds, targets, 4, ignore))
    assert len(meter) == 5


def test_arrays_are_taken_as_tensors_are() -> None:
    preds, targets = random_maps()
    meter = Meter(4)
    meter.update(preds.numpy().astype(np.uint8), targets.numpy().astype(np.uint8))
    np.testing.assert_array_equal(meter.confusion.counts, expected(preds, targets, 4))


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_logits_of_any_stride_are_enlarged_before_the_argmax(stride: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 96 // stride, 160 // stride, generator=generator).to(dtype)
    targets = torch.randint(0, 5, (2, 96, 160), generator=generator)
    full = logits.float() if stride == 1 else F.interpolate(logits.float(), size=(96, 160), mode="bilinear", align_corners=False)
    meter = Meter(5)
    meter.update(logits, targets)
    np.testing.assert_array_equal(meter.confusion.counts, expected(full.argmax(1), targets, 5))


def test_scores_are_those_of_the_whole_data_set_and_no_mean_of_batches() -> None:
    preds, targets = torch.tensor([[[0, 0, 0, 0]], [[1, 1, 0, 0]]]), torch.tensor([[[0, 0, 0, 0]], [[1, 1, 1, 1]]])
    meter = Meter(2)
    for pred, target in zip(preds, targets, strict=True):
        meter.update(pred[None], target[None])
    assert meter.compute().miou == (4 / 6 + 2 / 4) / 2


def test_it_says_what_score_says_of_the_same_maps(cityscapes_set: Path, tmp_path: Path) -> None:
    meter, folder = Meter("cityscapes", encoding="ids"), tmp_path / "results"
    folder.mkdir()
    for index, file in enumerate(sorted((cityscapes_set / "gtFine").rglob("*labelIds.png"))):
        target = read_labels(file)
        pred = np.random.default_rng(index).permuted(LABELS.id_of_index[LABELS.index_of_id[target] % 19], axis=1)
        write_labels(folder / file.name.replace("gtFine_labelIds", "pred"), pred)
        meter.update(LABELS.index_of_id[pred][None], target[None])
    file = tmp_path / "record.json"
    done = CliRunner().invoke(main, ["score", str(folder), str(cityscapes_set / "gtFine"), "--json", str(file)])
    assert done.exit_code == 0, done.output
    record = json.loads(file.read_text())
    np.testing.assert_array_equal(meter.confusion.counts, record["confusion"])
    assert meter.compute().miou == record["scores"]["miou"]


@given(st.data())
def test_any_split_into_meters_merges_to_the_same_counts(data: st.DataObject) -> None:
    preds, targets = random_maps(6, seed=data.draw(st.integers(0, 9)))
    owners = data.draw(st.lists(st.integers(0, 2), min_size=6, max_size=6))
    meters = [Meter(4) for _ in range(3)]
    for index, owner in enumerate(owners):
        meters[owner].update(preds[index : index + 1], targets[index : index + 1])
    total = Meter(4)
    for meter in meters:
        total.merge(meter)
    np.testing.assert_array_equal(total.confusion.counts, expected(preds, targets, 4))
    assert len(total) == 6


def test_an_image_that_comes_again_is_left_out() -> None:
    preds, targets = random_maps(3)
    meter = Meter(4)
    meter.update(preds, targets, ids=["a", "b", "a"])
    meter.update(preds[:2], targets[:2], ids=["b", "c"])
    np.testing.assert_array_equal(meter.confusion.counts, expected(preds[[0, 1, 1]], targets[[0, 1, 1]], 4))
    assert len(meter) == 3
    assert list(meter.per_image()) == ["a", "b", "c"]
    np.testing.assert_array_equal(meter.per_image()["c"].counts, expected(preds[1], targets[1], 4))


def test_meters_that_saw_the_same_images_merge_each_once_and_refuse_another_count() -> None:
    preds, targets = random_maps(3)
    first, second, wrong = Meter(4), Meter(4), Meter(4)
    first.update(preds[:2], targets[:2], ids=["a", "b"])
    second.update(preds[1:], targets[1:], ids=["b", "c"])
    wrong.update(preds[:1], targets[:1], ids=["b"])
    first.merge(second)
    np.testing.assert_array_equal(first.confusion.counts, expected(preds, targets, 4))
    with pytest.raises(LabelError, match="counted the same image differently: b"):
        first.merge(wrong)


def test_what_was_counted_survives_a_checkpoint(tmp_path: Path) -> None:
    preds, targets = random_maps()
    meter, other = Meter(4), Meter(4)
    meter.update(preds[:3], targets[:3], ids=["a", "b", "c"])
    torch.save(meter.state_dict(), tmp_path / "state.pt")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    other.update(preds[2:], targets[2:], ids=["c", "d", "e"])
    np.testing.assert_array_equal(other.confusion.counts, expected(preds, targets, 4))
    meter.reset()
    assert len(meter) == 0
    assert np.isnan(meter.compute().miou)


@pytest.mark.parametrize("value", [4, 254, 300, -1])
def test_a_target_without_a_meaning_is_refused_and_counted(value: int) -> None:
    preds, targets = random_maps()
    targets[0, 0, :3] = value
    meter = Meter(4)
    meter.update(preds, targets)
    with pytest.raises(LabelError, match="3 pixels of the targets hold neither a class index nor ignore_index"):
        meter.compute()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_refused(value: float) -> None:
    logits = torch.randn(1, 4, 8, 8)
    logits[0, 2, 3, 3] = value
    meter = Meter(4)
    meter.update(logits, torch.zeros(1, 32, 32, dtype=torch.int64))
    with pytest.raises(DataError, match="some logits are NaN or infinite"):
        meter.compute()


def test_scores_that_are_masked_by_minus_infinity_are_numbers() -> None:
    logits = torch.zeros(1, 4, 8, 8)
    logits[:, 3] = -torch.inf
    meter = Meter(4)
    meter.update(logits, torch.zeros(1, 8, 8, dtype=torch.int64))
    assert meter.compute().acc == 1.0


BAD: dict[str, tuple[Any, Any, str]] = {
    "float targets": (
        torch.zeros(1, 4, 4, dtype=torch.long),
        torch.zeros(1, 4, 4),
        r"targets are integers \[N, H, W\], not float32\[1, 4, 4\]",
    ),
    "one image": (torch.zeros(4, 4, dtype=torch.long), torch.zeros(4, 4, dtype=torch.long), r"targets are integers \[N, H, W\]"),
    "other classes": (torch.zeros(1, 5, 4, 4), torch.zeros(1, 4, 4, dtype=torch.long), r"logits are \[1, 4, h, w\] for 4 classes"),
    "other batch": (torch.zeros(2, 4, 4, 4), torch.zeros(1, 4, 4, dtype=torch.long), r"logits are \[1, 4, h, w\]"),
    "other size": (torch.zeros(1, 4, 5, dtype=torch.long), torch.zeros(1, 4, 4, dtype=torch.long), r"class maps are integers \[1, 4, 4\]"),
    "booleans": (torch.zeros(1, 4, 4, dtype=torch.bool), torch.zeros(1, 4, 4, dtype=torch.long), r"not bool\[1, 4, 4\]"),
}


@pytest.mark.parametrize(("preds", "targets", "message"), BAD.values(), ids=BAD)
def test_what_does_not_fit_is_refused_at_the_door(preds: torch.Tensor, targets: torch.Tensor, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Meter(4).update(preds, targets)


def test_an_ignore_index_that_is_a_class_is_refused() -> None:
    with pytest.raises(UsageError, match="ignore_index 0 is the index of class '0'"):
        Meter(4, ignore_index=0)


@pytest.mark.gpu
@pytest.mark.parametrize("logits", [True, False])
def test_a_device_counts_what_the_cpu_does_and_nobody_waits(logits: bool) -> None:
    preds, targets = random_maps(4, classes=4)
    given = torch.randn(4, 4, 10, 15, generator=torch.Generator().manual_seed(1)) if logits else preds
    on_cpu, on_gpu = Meter(4), Meter(4)
    on_cpu.update(given, targets)
    there = given.cuda(), targets.cuda()
    on_gpu.update(*there)
    on_gpu.reset()
    torch.cuda.synchronize()
    with warnings.catch_warnings(action="ignore"):  # that the mode is a prototype
        torch.cuda.set_sync_debug_mode("error")
    try:
        on_gpu.update(*there)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    np.testing.assert_array_equal(on_gpu.confusion.counts, on_cpu.confusion.counts)


def test_the_total_is_that_of_confusion_matrices() -> None:
    preds, targets = random_maps()
    meter = Meter(4)
    meter.update(preds, targets, ids=list("abcde"))
    total = ConfusionMatrix.total(meter.per_image().values(), meter.labels)
    assert score(total).miou == meter.compute().miou


def _rank(rank: int, world: int, store: str, repeated: bool) -> None:
    import torch.distributed as dist

    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
    preds, targets = random_maps(5)
    meter = Meter(4)
    mine = [(rank + step * world) % 5 for step in range(-(-5 // world))]  # a padding sampler: the first images again at the end
    mine = mine if repeated else [index for step, index in enumerate(mine) if rank + step * world < 5]
    for index in mine:
        meter.update(preds[index : index + 1], targets[index : index + 1], ids=[str(index)])
    total = meter.sync()
    np.testing.assert_array_equal(total.confusion.counts, expected(preds, targets, 4))
    assert len(total) == 5
    assert len(meter) == len(set(mine))
    dist.destroy_process_group()


@pytest.mark.parametrize("repeated", [True, False], ids=["padding sampler", "each once"])
def test_processes_that_synchronise_have_the_counts_of_one(repeated: bool, tmp_path: Path) -> None:
    torch.multiprocessing.spawn(_rank, (3, str(tmp_path / "store"), repeated), nprocs=3)


def comparable_text(record: Any) -> dict[str, Any]:
    data = json.loads(record) if isinstance(record, str) else json.loads(record.read_text())
    assert data.pop("command")
    return data


@pytest.mark.parametrize("encoding", ["ids", "index"])
def test_a_record_is_that_of_score_on_the_same_maps_byte_for_byte(encoding: Any, tmp_path: Path) -> None:
    write_example_folder(tmp_path)
    dataset = segbench.open_dataset(str(tmp_path / "mydata.yaml"))
    arguments = ["score", str(tmp_path / "preds"), "--dataset", str(tmp_path / "mydata.yaml"), "--json", str(tmp_path / "score.json")]
    assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 0
    meter = Meter(dataset.labels, encoding=encoding)
    for name in ("c", "a", "b", "a"):  # in any order, and one comes twice
        pred, target = (read_labels(tmp_path / kind / f"{name}.png") for kind in ("preds", "gts"))
        meter.update(pred[None], target[None], ids=[name])
    written = meter.write_record(tmp_path / "meter.json", dataset, "preds")
    assert comparable_text(tmp_path / "meter.json") == comparable_text(tmp_path / "score.json")
    assert list(comparable_text(written.to_json())) == list(comparable_text(tmp_path / "score.json"))
    texts = [(tmp_path / f"{name}.json").read_text() for name in ("meter", "score")]
    assert texts[0].replace('"segbench.Meter"', "") == texts[1].replace('"segbench score PREDS GTS"', "")
    (ids, mine), (other_ids, others) = (read_per_image(tmp_path / f"{name}.npz") for name in ("meter", "score"))
    assert ids == other_ids
    np.testing.assert_array_equal(mine.confusion, others.confusion)
    assert segbench.compare_records(tmp_path / "meter.json", tmp_path / "score.json").better is None


def test_a_record_of_other_images_or_without_ids_is_refused(tmp_path: Path) -> None:
    write_example_folder(tmp_path)
    dataset = segbench.open_dataset(str(tmp_path / "mydata.yaml"))
    maps = torch.zeros(1, 24, 32, dtype=torch.int64)
    meter = Meter(dataset.labels)
    meter.update(maps, maps, ids=["z"])
    with pytest.raises(DataError, match=r"a: not counted\n(.*\n)+  z: counted, and not in the data set"):
        meter.record(dataset, "mine")
    nameless = Meter(dataset.labels)
    nameless.update(maps, maps)
    with pytest.raises(UsageError, match="give update"):
        nameless.record(dataset, "mine")
    with pytest.raises(UsageError, match="counts the classes of"):
        Meter(4).record(dataset, "mine")


def test_a_meter_of_more_classes_than_bytes_tell_apart_says_so() -> None:
    with pytest.raises(UsageError, match="a meter counts up to 254 classes, and 'numbered' needs 16 bits a pixel"):
        Meter(300)

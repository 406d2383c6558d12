"""The meter in the loops of others gives the number that `segbench score` gives on the saved maps."""

from __future__ import annotations

import doctest
import inspect
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler

import segbench
import segbench.integrations
from segbench.errors import DataError, UsageError
from segbench.files.json_text import write_text
from segbench.images.files import write_labels
from segbench.integrations import HFTrainerMetric
from segbench.kernels.upsampling import enlarged_classes

pytestmark = pytest.mark.filterwarnings("default")  # those of other packages are theirs

CLASSES = 4


class Drawn(Dataset[Any]):
    """Images float32[3, 32, 48] and targets int64[32, 48], a row of them void; the last batch is smaller than the others."""

    def __init__(self, images: int = 7) -> None:
        generator = torch.Generator().manual_seed(0)
        self.images = torch.randn(images, 3, 32, 48, generator=generator)
        self.targets = torch.randint(0, CLASSES, (images, 32, 48), generator=generator)
        self.targets[:, 0] = 255

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        return self.images[index], self.targets[index]


DATA = Drawn()


def scored(logits: list[torch.Tensor], root: Path) -> float:
    """The mIoU that `segbench score` finds in saved class maps."""
    for index, (one, target) in enumerate(zip(torch.cat(logits), DATA.targets, strict=True)):
        write_labels(root / "preds" / f"{index}.png", enlarged_classes(one[None], (32, 48))[0].numpy())
        write_labels(root / "gts" / f"{index}.png", target.numpy().astype(np.uint8))
    write_text(root / "data.yaml", "targets: gts/*.png\nclasses: [a, b, c, d]\nignore: [255]\n")
    return segbench.score_folder(root / "preds", segbench.open_dataset(str(root / "data.yaml"))).scores.miou


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Conv2d(3, CLASSES, 3, stride=4, padding=1).eval()


def logits_of(network: nn.Module) -> list[torch.Tensor]:
    with torch.inference_mode():
        return [network(images) for images in DATA.images.split(2)]


def test_transformers_trainer_gives_the_score_of_the_saved_maps(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_sizes": [8, 8, 8, 8], "decoder_hidden_size": 8, "depths": [1, 1, 1, 1]}
    config = transformers.SegformerConfig(num_labels=CLASSES, num_attention_heads=[1, 1, 1, 1], semantic_loss_ignore_index=255, **sizes)
    model = transformers.SegformerForSemanticSegmentation(config).eval()
    metric = HFTrainerMetric(CLASSES)
    found = []
    for batch_eval in (True, False):
        options: dict[str, Any] = {"per_device_eval_batch_size": 2, "report_to": [], "use_cpu": True, "batch_eval_metrics": batch_eval}
        trainer = transformers.Trainer(
            model=model,
            args=transformers.TrainingArguments(output_dir=str(tmp_path / "out"), **options),
            eval_dataset=[{"pixel_values": image, "labels": target} for image, target in DATA],  # type: ignore[attr-defined]
            compute_metrics=metric.compute_metrics,
            preprocess_logits_for_metrics=metric.preprocess_logits_for_metrics,
        )
        found.append(trainer.evaluate()["eval_miou"])
        assert len(metric.meter) == 0, "it begins again"
    with torch.inference_mode():
        logits = [model(images).logits for images in DATA.images.split(2)]
    assert found == [scored(logits, tmp_path)] * 2


def test_lightning_logs_the_score_of_the_saved_maps(network: nn.Module, tmp_path: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    from segbench.integrations import LightningMeter, SegmentationMetric

    class Module(pl.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.network, self.metric = network, SegmentationMetric(CLASSES)

        def validation_step(self, batch: Any, index: int) -> dict[str, Any]:
            logits = self.network(batch[0])
            self.metric.update(logits, batch[1])
            self.log("own/miou", self.metric)
            return {"logits": logits}

    callback = LightningMeter(CLASSES)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(accelerator="cpu", callbacks=[callback], default_root_dir=tmp_path, **quiet)
    for _ in range(2):  # nothing is left of the first validation
        (logged,) = trainer.validate(Module(), DataLoader(DATA, batch_size=2), verbose=False)
    expected = scored(logits_of(network), tmp_path)
    assert callback.meter.compute().miou == expected
    assert logged["val/miou"] == pytest.approx(expected, abs=1e-7), "Lightning logs in single precision"
    assert logged["own/miou"] == pytest.approx(expected, abs=1e-7)
    assert {"val/acc", "val/iou/0"} <= set(logged)


def test_what_a_validation_step_must_return_is_said() -> None:
    pytest.importorskip("lightning")
    from segbench.integrations import LightningMeter

    with pytest.raises(UsageError, match=r"return \{'preds'"):
        LightningMeter(2).on_validation_batch_end(None, None, torch.zeros(1), (0, 0), 0)
    with pytest.raises(UsageError, match="no targets"):
        LightningMeter(2).on_validation_batch_end(None, None, {"preds": torch.zeros(1)}, torch.zeros(1), 0)


def test_a_metric_collection_takes_the_meter_beside_others(network: nn.Module, tmp_path: Path) -> None:
    torchmetrics = pytest.importorskip("torchmetrics")
    from segbench.integrations import SegmentationMetric

    collection = torchmetrics.MetricCollection({"all": SegmentationMetric(CLASSES, result="all"), "miou": SegmentationMetric(CLASSES)})
    for logits, targets in zip(logits_of(network), DATA.targets.split(2), strict=True):
        batch = collection(logits, targets)
        alone = segbench.Meter(CLASSES)
        alone.update(logits, targets)
        assert float(batch["miou"]) == alone.compute().miou
    found = collection.compute()
    assert float(found["miou"]) == scored(logits_of(network), tmp_path)
    assert {"acc", "iou/0"} <= {name.removeprefix("all_") for name in found}
    state = collection["miou"].state_dict()
    again = SegmentationMetric(CLASSES)
    again.load_state_dict(state)
    assert again.meter.compute().miou == float(found["miou"])
    collection.reset()
    assert len(collection["miou"].meter) == 0
    copied = collection.clone().to("cpu")
    copied.update(logits_of(network)[0], DATA.targets[:2])
    assert len(copied["miou"].meter) == 2


def test_hugging_face_labels_that_were_padded_are_not_evaluated_and_bad_logits_are_said() -> None:
    metric = HFTrainerMetric(2)
    labels = torch.tensor([[[0, 1], [-100, -100]]])
    assert metric.compute_metrics((torch.tensor([[[0, 1], [1, 1]]], dtype=torch.uint8), labels))["miou"] == 1
    with pytest.raises(UsageError, match="are other outputs first"):
        metric.preprocess_logits_for_metrics(torch.zeros(1, 3, 2, 2), labels)
    with pytest.raises(DataError, match="NaN or infinite"):
        metric.compute_metrics((metric.preprocess_logits_for_metrics(torch.full((1, 2, 2, 2), torch.nan), labels), labels))


NEEDS = {"HFTrainerMetric": "torch", "LightningMeter": "lightning", "MMEngineMetric": "mmengine", "SegmentationMetric": "torchmetrics"}


@pytest.mark.parametrize("name", [*NEEDS, "UltralyticsMeter"])
def test_the_example_of_a_name_runs_as_it_is_printed(name: str) -> None:
    pytest.importorskip(NEEDS.get(name, "torch"))
    parsed = doctest.DocTestParser().get_doctest(inspect.getdoc(getattr(segbench.integrations, name)) or "", {}, name, None, 0)
    assert parsed.examples
    told: list[str] = []
    assert not doctest.DocTestRunner().run(parsed, out=told.append).failed, "".join(told)


def _data_set(root: Path) -> segbench.Dataset:
    """The drawn targets as a data set in files."""
    for index, target in enumerate(DATA.targets):
        write_labels(root / "gts" / f"{index}.png", target.numpy().astype(np.uint8))
    write_text(root / "data.yaml", "targets: gts/*.png\nclasses: [a, b, c, d]\nignore: [255]\n")
    return segbench.open_dataset(str(root / "data.yaml"))


def _drawn_logits(index: int) -> torch.Tensor:
    """float32[1, C, 8, 12]."""
    return torch.randn(1, CLASSES, 8, 12, generator=torch.Generator().manual_seed(index))


def _rank(rank: int, world: int, store: str) -> None:
    from segbench.integrations import SegmentationMetric

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
    dataset = segbench.open_dataset(str(Path(store).parent / "data.yaml"))
    metric = SegmentationMetric(dataset.labels)
    stepwise = SegmentationMetric(dataset.labels, dist_sync_on_step=True)
    for index in DistributedSampler(DATA, world, rank, shuffle=False):  # pads with the first images
        target = DATA.targets[index][None]
        metric.update(_drawn_logits(index), target, ids=[str(index)])
        of_all = stepwise(_drawn_logits(index), target, ids=[str(index)])
    own = len(metric.meter)
    found = metric.compute()
    assert len(metric.meter) == len(stepwise.meter) == own, "after compute it goes on with its own"
    assert found == of_all, "eight processes see seven images in one step"
    total = metric.meter.sync()
    if rank == 0:
        torch.save((float(found), total.record(dataset, "network").to_json()), f"{store}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_the_record_of_eight_processes_with_padded_images_is_that_of_one_byte_for_byte(tmp_path: Path) -> None:
    pytest.importorskip("torchmetrics")
    dataset = _data_set(tmp_path)
    torch.multiprocessing.spawn(_rank, (8, str(tmp_path / "store")), nprocs=8)
    found, text = torch.load(tmp_path / "store.pt", weights_only=False)
    alone = segbench.Meter(dataset.labels)
    for index, target in enumerate(DATA.targets):
        alone.update(_drawn_logits(index), target[None], ids=[str(index)])
    assert text == alone.record(dataset, "network").to_json()
    assert found == alone.compute().miou


def _meter_of_logits() -> Any:
    meter, logits, targets = segbench.Meter(CLASSES), torch.zeros(1, CLASSES, 1, 1), torch.zeros(1, 8, 8, dtype=torch.int64)
    return lambda: meter.update(logits, targets)


def _trainer_of_maps() -> Any:
    metric, maps = HFTrainerMetric(CLASSES), torch.zeros(1, 8, 8, dtype=torch.uint8)
    return lambda: metric.compute_metrics((maps, maps.long()), compute_result=False)


@pytest.mark.slow
@pytest.mark.parametrize("update", [_meter_of_logits, _trainer_of_maps])
def test_memory_is_flat_over_ten_thousand_updates(update: Any) -> None:
    one, threads = update(), torch.get_num_threads()
    torch.set_num_threads(1)
    tracemalloc.start()
    for _ in range(1000):
        one()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(10_000):
        one()
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    torch.set_num_threads(threads)
    assert after - before < 50_000
    assert peak - before < 3_000_000, "one image's table of pairs at a time"

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


@pytest.mark.parametrize("name", ["HFTrainerMetric", "LightningMeter", "SegmentationMetric"])
def test_the_example_of_a_name_runs_as_it_is_printed(name: str) -> None:
    pytest.importorskip("lightning")
    parsed = doctest.DocTestParser().get_doctest(inspect.getdoc(getattr(segbench.integrations, name)) or "", {}, name, None, 0)
    assert parsed.examples
    told: list[str] = []
    assert not doctest.DocTestRunner().run(parsed, out=told.append).failed, "".join(told)


def _rank(rank: int, world: int, store: str) -> None:
    from segbench.integrations import SegmentationMetric

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
    metric = SegmentationMetric(CLASSES)
    for index in DistributedSampler(DATA, world, rank, shuffle=False):  # pads with the first images
        metric.update(DATA.targets[index][None] % CLASSES, DATA.targets[index][None], ids=[str(index)])
        metric.update((DATA.targets[index][None] + index % 2) % CLASSES, DATA.targets[index][None], ids=[f"{index}b"])
    own = len(metric.meter)
    found = metric.compute()
    assert len(metric.meter) == own, "after compute it goes on with its own"
    total = metric.meter.sync()
    if rank == 0:
        torch.save((float(found), total.confusion.counts, len(total)), f"{store}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_eight_processes_with_padded_images_give_what_one_gives(tmp_path: Path) -> None:
    pytest.importorskip("torchmetrics")
    torch.multiprocessing.spawn(_rank, (8, str(tmp_path / "store")), nprocs=8)
    found, counts, images = torch.load(tmp_path / "store.pt", weights_only=False)
    alone = segbench.Meter(CLASSES)
    for index in range(len(DATA)):
        target = DATA.targets[index][None]
        alone.update(target % CLASSES, target)
        alone.update((target + index % 2) % CLASSES, target)
    np.testing.assert_array_equal(counts, alone.confusion.counts)
    assert (found, images) == (alone.compute().miou, 2 * len(DATA))


def test_memory_is_flat_over_many_batches() -> None:
    metric = HFTrainerMetric(CLASSES)
    maps, targets = torch.zeros(1, 8, 8, dtype=torch.uint8), torch.zeros(1, 8, 8, dtype=torch.int64)

    def many(times: int) -> None:
        for _ in range(times):
            metric.compute_metrics((maps, targets), compute_result=False)

    many(50)
    tracemalloc.start()
    many(20)
    before, _ = tracemalloc.get_traced_memory()
    many(1000)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 100_000
    assert peak - before < 3_000_000, "one image's table of pairs at a time"

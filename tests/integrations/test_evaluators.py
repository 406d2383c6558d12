"""The meter in the evaluators of MMEngine and Ultralytics. Where a package is not installed, a stand-in makes the calls that it makes."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

import segbench
from segbench.errors import UsageError
from segbench.integrations import UltralyticsMeter

pytestmark = pytest.mark.filterwarnings("default")  # those of other packages are theirs

GENERATOR = torch.Generator().manual_seed(0)
PREDS = torch.randint(0, 3, (5, 12, 16), generator=GENERATOR)
TARGETS = torch.randint(0, 3, (5, 12, 16), generator=GENERATOR)
TARGETS[:, 0] = 255
HAS_MMENGINE = importlib.util.find_spec("mmengine") is not None


def counted() -> segbench.Meter:
    meter = segbench.Meter(3)
    meter.update(PREDS, TARGETS)
    return meter


class StandInMetric:
    """What MMEngine's BaseMetric does in its constructor."""

    default_prefix: str | None = None

    def __init__(self, collect_device: str = "cpu", prefix: str | None = None, collect_dir: str | None = None) -> None:
        self.dataset_meta, self.collect_device, self.collect_dir = None, collect_device, collect_dir
        self.prefix = prefix or self.default_prefix


class StandInRegistry:
    """MMEngine's METRICS: classes by name."""

    def __init__(self) -> None:
        self.classes: dict[str, Any] = {}

    def register_module(self) -> Callable[[Any], Any]:
        def register(value: Any) -> Any:
            self.classes[value.__name__] = value
            return value

        return register

    def build(self, config: dict[str, Any]) -> Any:
        return self.classes[config["type"]](**{name: value for name, value in config.items() if name != "type"})


@pytest.fixture(
    params=["stand-in", pytest.param("mmengine", marks=pytest.mark.skipif(not HAS_MMENGINE, reason="mmengine is not installed"))]
)
def registry(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """METRICS of MMEngine, or of what stands in for it; the bridge is loaded against it."""
    if request.param == "stand-in":
        modules = {name: ModuleType(name) for name in ("mmengine", "mmengine.evaluator", "mmengine.registry")}
        modules["mmengine.evaluator"].BaseMetric = StandInMetric  # type: ignore[attr-defined]
        modules["mmengine.registry"].METRICS = StandInRegistry()  # type: ignore[attr-defined]
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)
    known = importlib.import_module("mmengine.registry").METRICS
    bridge = "segbench.integrations.mmengine_metric"
    monkeypatch.delitem(sys.modules, bridge, raising=False)
    monkeypatch.delitem(vars(segbench.integrations), "MMEngineMetric", raising=False)
    importlib.import_module(bridge)
    yield known
    monkeypatch.delitem(sys.modules, bridge, raising=False)
    monkeypatch.delitem(vars(segbench.integrations), "MMEngineMetric", raising=False)
    if request.param == "mmengine":
        known.module_dict.pop("MMEngineMetric")


def test_mmengines_evaluator_gives_the_scores_of_all_images_each_once(registry: Any) -> None:
    metric = registry.build({"type": "MMEngineMetric", "labels": 3, "prefix": "val"})
    samples = [
        {"img_path": f"{index}.png", "pred_sem_seg": {"data": pred[None]}, "gt_sem_seg": {"data": target[None]}}
        for index, (pred, target) in enumerate(zip(PREDS, TARGETS, strict=True))
    ]
    for _ in range(2):  # a second evaluation begins again
        for batch in (samples[:2], samples[2:4], [samples[4], samples[0]]):  # a sampler that fills the last batch
            metric.process(None, batch)
        found = metric.evaluate(len(samples))
        assert found["val/miou"] == counted().compute().miou
        assert {"val/acc", "val/iou/0"} <= set(found)
    assert len(metric.meter) == 5, "the last evaluation is there for a record"
    assert registry.build({"type": "MMEngineMetric", "labels": 3}).prefix == "segbench"
    with pytest.raises(UsageError, match="no gt_sem_seg, img_path: is this a model of semantic segmentation"):
        metric.process(None, [{"pred_sem_seg": {"data": PREDS[:1]}}])


class StandInValidator:
    """What Ultralytics' BaseValidator calls, in its order, for a model of the task ``semantic``."""

    def __init__(self, callbacks: dict[str, list[Any]], task: str = "semantic") -> None:
        self.callbacks, self.args, self.seen, self.gathered = callbacks, SimpleNamespace(task=task), 0, 0

    def update_metrics(self, preds: torch.Tensor, batch: dict[str, Any]) -> None:
        self.seen += len(preds)

    def gather_stats(self) -> None:
        self.gathered += 1

    def __call__(self) -> None:
        for callback in self.callbacks["on_val_start"]:
            callback(self)
        for at in ([0, 1], [2, 3], [4, 0]):
            batch = {"semantic_mask": TARGETS[at].to(torch.int32), "im_file": [f"images/{index}.jpg" for index in at]}
            self.update_metrics(PREDS[at].to(torch.int32), batch)
        self.gather_stats()


class StandInModel:
    """What Ultralytics' models do with callbacks."""

    def __init__(self) -> None:
        self.callbacks: dict[str, list[Any]] = {"on_val_start": []}

    def add_callback(self, event: str, callback: Any) -> None:
        self.callbacks[event].append(callback)


def test_ultralytics_validator_is_counted_once_a_validation_and_keeps_its_own_metrics() -> None:
    model = StandInModel()
    meter = UltralyticsMeter(3).attach(model)
    training, other = StandInValidator(model.callbacks), StandInValidator(model.callbacks)
    for validator in (training, training, other):  # a trainer's validator is called again after each epoch
        validator()
        assert meter.meter.compute().miou == counted().compute().miou
        assert len(meter.meter) == 5
    assert (training.seen, training.gathered) == (12, 2)
    assert next(iter(meter.meter.per_image())) == "images/0.jpg"


def test_ultralytics_validators_of_other_tasks_are_refused() -> None:
    model = StandInModel()
    UltralyticsMeter(3).attach(model)
    with pytest.raises(UsageError, match="this validator is of task 'detect'"):
        StandInValidator(model.callbacks, task="detect")()

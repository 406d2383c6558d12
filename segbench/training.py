"""Training in plain torch: cross entropy, poly learning rate, random scale, crop and flip; resumable to the bit.

Everything random is a function of (seed, step, position in the batch), so a run that was interrupted continues as if it had not been.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from segbench.core.confusion import ConfusionMatrix
from segbench.core.scores import Scores, score
from segbench.datasets.base import Dataset, Sample, read_photograph
from segbench.datasets.streaming import map_ordered
from segbench.errors import RecordError, WeightsError
from segbench.inference import autocast, evaluate
from segbench.losses import cross_entropy, enet_weights, median_frequency_weights
from segbench.models.base import AuxLogits, InputRule, Segmenter, TrainingOutput, forward, logits_at
from segbench.models.weights import save
from segbench.protocols import Precision
from segbench.records import targets_fingerprint

IGNORE = -100


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. ``crop`` is (height, width) in pixels, ``scale`` the range of the random enlargement.

    ``precision`` of the forward pass: ``auto`` is fp16 with loss scaling on a GPU and fp32 elsewhere; bf16 also speeds up recent CPUs.
    """

    steps: int = 2000
    batch_size: int = 8
    crop: tuple[int, int] = (256, 512)
    scale: tuple[float, float] = (0.75, 1.5)
    flip: bool = True
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    momentum: float = 0.9
    power: float = 0.9
    warmup: int = 50
    clip_norm: float = 5.0
    class_weights: Literal["none", "enet", "median"] = "enet"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    seed: int = 0

    def learning_rate_at(self, step: int) -> float:
        """Linear warm-up, then ``lr * (1 - step / steps) ** power``."""
        return self.learning_rate * min(1.0, (step + 1) / max(self.warmup, 1)) * (1 - step / self.steps) ** self.power


def read_recipe(path: Path | None, overrides: Mapping[str, Any]) -> Recipe:
    """The recipe of a YAML file (or the default one) with the overrides that are not ``None``; a crop may be written ``HxW``.

    :raises RecordError: the file is missing or no YAML mapping, or a field does not exist or cannot be read.
    """
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8")) if path else {}
        fields = fields | {key: value for key, value in overrides.items() if value is not None}
        if isinstance(fields.get("crop"), str):
            fields["crop"] = fields["crop"].lower().split("x")
        for pair, kind in (("crop", int), ("scale", float)):
            if pair in fields:
                first, second = fields[pair]
                fields[pair] = (kind(first), kind(second))
        return Recipe(**fields)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, ValueError) as error:
        raise RecordError(f"recipe {path or dict(overrides)}: {error}") from error


@dataclass(frozen=True)
class Progress:
    """Yielded after every step; ``scores`` only after a validation."""

    step: int
    loss: float
    scores: Scores | None = None


def train(
    segmenter: Segmenter,
    dataset: Dataset,
    recipe: Recipe,
    out: Path,
    *,
    validation: Dataset | None = None,
    validate_every: int = 500,
    resume: bool = False,
    half: bool = True,
) -> Iterator[Progress]:
    """Train in place and write ``out`` (weights) at the end; ``out`` + ``.ckpt`` holds the state to resume from.

    :raises WeightsError: ``resume`` finds a checkpoint of another recipe or network, or none.
    """
    network, device = segmenter.network.to(memory_format=torch.channels_last), segmenter.device  # type: ignore[call-overload]
    histograms = class_histograms(dataset)
    weight = _class_weights(recipe, dataset, histograms, device)
    optimizer = _optimizer(recipe, network)
    scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda" and recipe.precision == "auto")
    checkpoint = out.with_name(out.name + ".ckpt")
    first = _restore(checkpoint, segmenter, recipe, optimizer) if resume else 0
    batches = map_ordered(lambda step: load_batch(dataset, recipe, step), range(first, recipe.steps), workers=1, ahead=1)
    network.train()
    with _denormals_flushed():
        for step, (images, targets) in enumerate(batches, first):
            torch.manual_seed(recipe.seed * 1_000_003 + step)  # dropout
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate_at(step)
            loss = _step(segmenter, images.to(device), targets.to(device), weight, optimizer, scaler, recipe)
            last = step + 1 == recipe.steps
            scores = None
            if (step + 1) % validate_every == 0 or last:
                _checkpoint(checkpoint, segmenter, recipe, optimizer, step + 1)
                if validation is not None:
                    scores = validate(segmenter, validation)
                    network.train()
            if last:
                network.eval()
                save(out, segmenter, trained_on=_provenance(segmenter, dataset, histograms), recipe=asdict(recipe), half=half)
            yield Progress(step + 1, loss, scores)


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Gradients underflow, and a CPU is a hundred times slower with denormal numbers. The setting is the process's, so it is put back."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def validate(segmenter: Segmenter, dataset: Dataset) -> Scores:
    """Scores on a whole dataset."""
    total = sum((result.counts[0] for result in evaluate([segmenter], dataset)), np.zeros((256, 256), np.int64))
    return score(ConfusionMatrix.from_pairs(dataset.labels, total, np.arange(256, dtype=np.uint8)))


def class_histograms(dataset: Dataset) -> NDArray[np.int64]:
    """int64[N, 256]: how often each label id occurs in each target."""
    rows = map_ordered(lambda s: np.bincount(dataset.read_target(s).reshape(-1), minlength=256), dataset.samples, workers=2)
    return np.array(list(rows), dtype=np.int64)


def load_batch(dataset: Dataset, recipe: Recipe, step: int) -> tuple[Tensor, Tensor]:
    """The batch of a step: uint8[N, h, w, 3] images and int64[N, h, w] class indices, void and padding :data:`IGNORE`."""
    positions = range(step * recipe.batch_size, (step + 1) * recipe.batch_size)
    crops = [random_crop(dataset, _sample_at(dataset, recipe.seed, i), recipe, np.random.default_rng((recipe.seed, i))) for i in positions]
    return torch.stack([image for image, _ in crops]), torch.stack([target for _, target in crops])


def _sample_at(dataset: Dataset, seed: int, position: int) -> Sample:
    epoch, within = divmod(position, len(dataset))
    order = np.random.default_rng((seed, 1 << 32, epoch)).permutation(len(dataset))
    return dataset.samples[int(order[within])]


def random_crop(dataset: Dataset, sample: Sample, recipe: Recipe, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A randomly enlarged, cropped and mirrored piece of a sample, and its class indices.

    Enlarging by s and cropping to h x w equals cropping h/s x w/s and resizing to h x w, which touches fewer pixels. What lies outside
    the image is grey and ignored.
    """
    image = torch.from_numpy(read_photograph(sample))
    index = torch.from_numpy(dataset.labels.index_of_id[dataset.read_target(sample)].astype(np.int64))
    index[index >= len(dataset.labels.classes)] = IGNORE
    low, high = recipe.scale
    enlarge = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    height, width = (max(1, round(side / enlarge)) for side in recipe.crop)
    slack = [have - want for have, want in zip(index.shape, (height, width), strict=True)]
    top, left = (int(rng.integers(min(0, room), max(0, room) + 1)) for room in slack)
    image_window, index_window = _window(image, top, left, height, width, 128), _window(index, top, left, height, width, IGNORE)
    if recipe.flip and rng.random() < 0.5:
        image_window, index_window = image_window.flip(1), index_window.flip(1)
    return _resize(image_window, index_window, recipe.crop)


def _window(values: Tensor, top: int, left: int, height: int, width: int, fill: int) -> Tensor:
    """``values[top:top + height, left:left + width]`` where the window may reach over the edges."""
    out = values.new_full((height, width, *values.shape[2:]), fill)
    rows = slice(max(top, 0), min(top + height, values.shape[0]))
    columns = slice(max(left, 0), min(left + width, values.shape[1]))
    out[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = values[rows, columns]
    return out


def _resize(image: Tensor, index: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    planes = F.interpolate(image.permute(2, 0, 1)[None].float(), size=size, mode="bilinear", align_corners=False, antialias=True)
    nearest = F.interpolate(index[None, None].float(), size=size, mode="nearest-exact")
    return planes[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0), nearest[0, 0].long()


def _step(
    segmenter: Segmenter,
    images: Tensor,
    targets: Tensor,
    weight: Tensor | None,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    recipe: Recipe,
) -> float:
    precision: Precision = "fp16" if scaler.is_enabled() else "bf16" if recipe.precision == "bf16" else "fp32"
    with autocast(images.device, precision):
        output = forward(segmenter, images)
    loss = _loss(output, targets, weight, segmenter.input_rule)
    optimizer.zero_grad(set_to_none=True)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(segmenter.network.parameters(), recipe.clip_norm)
    scaler.step(optimizer)
    scaler.update()
    return float(loss.detach())


def _loss(output: Tensor | TrainingOutput, targets: Tensor, weight: Tensor | None, rule: InputRule) -> Tensor:
    """Cross entropy of the logits, and of every auxiliary head by its weight."""
    if isinstance(output, Tensor):
        output = TrainingOutput(output)
    if output.borders:
        raise WeightsError("this network also needs a border loss, which `train` does not have yet")
    heads = (AuxLogits(output.logits), *output.aux)
    return torch.stack([head.weight * _head_loss(head, targets, weight, rule) for head in heads]).sum()


def _head_loss(head: AuxLogits, targets: Tensor, weight: Tensor | None, rule: InputRule) -> Tensor:
    if head.resize == "target":
        size = head.logits.shape[-2:]
        targets = F.interpolate(targets[:, None].float(), size=size, mode="nearest-exact")[:, 0].long()
        return cross_entropy(head.logits.float(), targets, weight=weight, ignore_index=IGNORE)
    logits = logits_at(head.logits.float(), rule, (targets.shape[1], targets.shape[2]))
    return cross_entropy(logits, targets, weight=weight, ignore_index=IGNORE)


def _optimizer(recipe: Recipe, network: torch.nn.Module) -> torch.optim.Optimizer:
    trainable = [p for p in network.parameters() if p.requires_grad]
    # Biases and norms are not decayed: decay would pull BatchNorm's scale to zero.
    groups = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate)


def _class_weights(recipe: Recipe, dataset: Dataset, histograms: NDArray[np.int64], device: torch.device) -> Tensor | None:
    if recipe.class_weights == "none":
        return None
    classes = len(dataset.labels.classes)
    index = dataset.labels.index_of_id
    by_class = np.stack([histograms[:, index == c].sum(axis=1) for c in range(classes)], axis=1)
    if recipe.class_weights == "enet":
        weights = enet_weights(by_class.sum(axis=0))
    else:
        weights = median_frequency_weights(by_class, histograms.sum(axis=1))
    return torch.tensor(weights, dtype=torch.float32, device=device)


def _provenance(segmenter: Segmenter, dataset: Dataset, histograms: NDArray[np.int64]) -> dict[str, Any]:
    fingerprint = targets_fingerprint((s.id, row) for s, row in zip(dataset.samples, histograms, strict=True))
    facts: dict[str, Any] = {"dataset": dataset.name, "split": dataset.split, "images": len(dataset), "targets_sha256": fingerprint}
    if segmenter.trained_on is not None:  # it continues from weights that were trained before: nothing of their history is lost
        facts["continued_from"] = {"weights_sha256": segmenter.weights_sha256, **segmenter.trained_on}
    return facts


def _checkpoint(path: Path, segmenter: Segmenter, recipe: Recipe, optimizer: torch.optim.Optimizer, step: int) -> None:
    state = {
        "identity": _identity(segmenter, recipe),
        "step": step,
        "network": segmenter.network.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    torch.save(state, partial)
    partial.replace(path)


def _restore(path: Path, segmenter: Segmenter, recipe: Recipe, optimizer: torch.optim.Optimizer) -> int:
    if not path.is_file():
        raise WeightsError(f"{path}: there is no checkpoint to resume from; leave --resume out to start afresh")
    state = torch.load(path, map_location=segmenter.device, weights_only=True)
    if state["identity"] != _identity(segmenter, recipe):
        raise WeightsError(f"{path}: the checkpoint belongs to {state['identity']}, not to {_identity(segmenter, recipe)}")
    segmenter.network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def _identity(segmenter: Segmenter, recipe: Recipe) -> str:
    return f"{segmenter.name} {dict(segmenter.arguments)} {asdict(recipe)}"

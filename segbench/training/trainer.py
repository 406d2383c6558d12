"""Training in plain torch, as a recipe says; resumable to the bit.

Everything random is a function of (seed, step, position in the batch), so a run that was interrupted continues as if it had not been.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segbench.datasets.base import Dataset
from segbench.errors import RecordError, TrainingError, WeightsError
from segbench.evaluation.inference import evaluate
from segbench.evaluation.precision import arithmetic
from segbench.evaluation.protocol import Precision
from segbench.files.atomic import replacing
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.scores import Scores, score
from segbench.models.segmenter import Segmenter, forward
from segbench.models.weights import save
from segbench.parallel import map_ordered
from segbench.records.data_facts import targets_fingerprint
from segbench.training.batches import Batch, load_batch
from segbench.training.cpu_workarounds import sound_on_cpu
from segbench.training.losses import enet_weights, median_frequency_weights
from segbench.training.objective import Objective
from segbench.training.recipe import Recipe

PATIENCE = 10  # steps without a finite loss; in half precision single ones come and go while the loss scaler adapts


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
    :raises TrainingError: the loss is no number any more.
    """
    network, device = segmenter.network.to(memory_format=torch.channels_last), segmenter.device  # type: ignore[call-overload]
    histograms = class_histograms(dataset)
    objective = Objective(recipe, _class_weights(recipe, dataset, histograms, device), segmenter.input_rule)
    optimizer, factors = optimizer_of(recipe, network)
    scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda" and recipe.precision == "auto")
    checkpoint = out.with_name(out.name + ".ckpt")
    first = _restore(checkpoint, segmenter, recipe, optimizer) if resume else 0
    with_depth = "depth" in segmenter.inputs
    load = partial(load_batch, dataset, recipe, with_depth=with_depth)
    batches = map_ordered(load, range(first, recipe.steps), workers=1, ahead=1)
    network.train()
    diverged = 0
    with sound_on_cpu(network) if device.type == "cpu" else nullcontext():
        for step, batch in enumerate(batches, first):
            torch.manual_seed(recipe.seed * 1_000_003 + step)  # dropout
            for group, factor in zip(optimizer.param_groups, factors, strict=True):
                group["lr"] = factor * recipe.learning_rate_at(step)
            loss = _step(segmenter, batch.to(device), objective, optimizer, scaler)
            diverged = 0 if math.isfinite(loss) else diverged + 1
            if diverged == PATIENCE:
                raise TrainingError(step + 1 - PATIENCE, recipe.learning_rate, checkpoint)
            last = step + 1 == recipe.steps
            scores = None
            if (step + 1) % validate_every == 0 or last:
                if not diverged:
                    _checkpoint(checkpoint, segmenter, recipe, optimizer, step + 1)
                if validation is not None:
                    scores = validate(segmenter, validation)
                    network.train()
            if last:
                network.eval()
                save(out, segmenter, trained_on=_provenance(segmenter, dataset, histograms), recipe=asdict(recipe), half=half)
            yield Progress(step + 1, loss, scores)


def validate(segmenter: Segmenter, dataset: Dataset) -> Scores:
    """Scores on a whole dataset."""
    total = sum((result.counts[0] for result in evaluate([segmenter], dataset)), np.zeros((256, 256), np.int64))
    return score(ConfusionMatrix.from_pairs(dataset.labels, total, np.arange(256, dtype=np.uint8)))


def class_histograms(dataset: Dataset) -> NDArray[np.int64]:
    """int64[N, 256]: how often each label id occurs in each target."""
    rows = map_ordered(lambda s: np.bincount(dataset.read_target(s).reshape(-1), minlength=256), dataset.samples, workers=2)
    return np.array(list(rows), dtype=np.int64)


def _step(
    segmenter: Segmenter,
    batch: Batch,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> float:
    recipe = objective.recipe
    precision: Precision = "fp16" if scaler.is_enabled() else "bf16" if recipe.precision == "bf16" else "fp32"
    with arithmetic(batch.images.device, precision):
        output = forward(segmenter, batch.images, batch.depth)
    loss = objective(output, batch)
    optimizer.zero_grad(set_to_none=True)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    if recipe.clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(segmenter.network.parameters(), recipe.clip_norm)
    scaler.step(optimizer)
    scaler.update()
    return float(loss.detach())


def optimizer_of(recipe: Recipe, network: torch.nn.Module) -> tuple[torch.optim.Optimizer, list[float]]:
    """The optimizer, and of each of its groups the factor of its learning rate.

    :raises RecordError: the recipe names parts that the network does not have.
    """
    groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {(1.0, True): [], (1.0, False): []}
    used = set()
    for name, parameter in network.named_parameters():
        part = max((p for p in recipe.learning_rate_factors if f"{name}.".startswith(f"{p}.")), key=len, default=None)
        used.add(part)
        factor = 1.0 if part is None else recipe.learning_rate_factors[part]
        # Unless a paper does, biases and norms are not decayed: decay would pull BatchNorm's scale to zero.
        if parameter.requires_grad:
            groups.setdefault((factor, parameter.ndim > 1 or recipe.decay_all), []).append(parameter)
    if unknown := sorted(set(recipe.learning_rate_factors) - used):
        parts = ", ".join(name for name, _ in network.named_children())
        raise RecordError(f"learning_rate_factors: this network has no part {', '.join(unknown)}; its parts are {parts}")
    settings = [{"params": members, "weight_decay": recipe.weight_decay * decayed} for (_, decayed), members in groups.items()]
    return _OPTIMIZERS[recipe.optimizer](settings, recipe), [factor for factor, _ in groups]


_OPTIMIZERS: dict[str, Callable[[Any, Recipe], torch.optim.Optimizer]] = {
    "adamw": lambda groups, recipe: torch.optim.AdamW(groups, lr=recipe.learning_rate),
    "adam": lambda groups, recipe: torch.optim.Adam(groups, lr=recipe.learning_rate),
    "sgd": lambda groups, recipe: torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum),
}


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
    with replacing(path) as partial:
        torch.save(state, partial)


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
    return f"{segmenter.name} {dict(segmenter.arguments)} {recipe.identity()}"

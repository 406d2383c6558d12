"""Training in plain torch, as a recipe says; resumable to the bit on one device.

Everything random is a function of (seed, step, position in the batch), so a run that was interrupted continues as if it had not been.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segbench.datasets.base import Dataset
from segbench.errors import TrainingError, UsageError
from segbench.evaluation.inference import counting_of, decoders, evaluate
from segbench.evaluation.precision import arithmetic
from segbench.evaluation.protocol import Precision
from segbench.metrics.image_counts import Counted
from segbench.metrics.scores import Scores
from segbench.models.segmenter import Segmenter, forward
from segbench.models.weights import save
from segbench.parallel import map_ordered
from segbench.records.data_facts import targets_fingerprint
from segbench.training.batches import Batch, load_batch
from segbench.training.checkpoint import State, average_of, restore_checkpoint, save_checkpoint, update_average
from segbench.training.cpu_workarounds import sound_on_cpu
from segbench.training.group import ALONE, Group, synced_norms
from segbench.training.losses import enet_weights, median_frequency_weights
from segbench.training.objective import Objective
from segbench.training.optimizers import optimizer_of
from segbench.training.planes import PlaneStore, room_on
from segbench.training.recipe import Recipe

PATIENCE = 10  # steps without a finite loss; in half precision single ones come and go while the loss scaler adapts
READ_EVERY = 20  # steps: reading a loss makes the host wait for the device


@dataclass(frozen=True)
class Routine:
    """What a training does beside its recipe.

    :param validate_every: steps between two validations, each with a checkpoint before it.
    :param resume: go on from the checkpoint.
    :param half: write float16 weights.
    :param seconds: the training ends after so many, all its rounds together; the learning rate falls to its end by then.
    :param sync_norm: batch normalisation sees the whole batch, where several processes train together.
    """

    validate_every: int = 500
    resume: bool = False
    half: bool = True
    seconds: float | None = None
    sync_norm: bool = False


@dataclass(frozen=True, eq=False)
class Progress:
    """Yielded after every step. ``rate``: its learning rate, before the factors of parts; ``seconds`` it took, ``waited`` of them for data.

    ``losses``: of a group this process's part alone. ``mean``: the loss of whole batches on average over the steps since it was given last;
    ``None`` between. ``scores`` after a validation alone.
    """

    step: int
    losses: Tensor
    rate: float
    seconds: float = 0.0
    waited: float = 0.0
    mean: float | None = None
    scores: Scores | None = None

    @property
    def loss(self) -> float:
        """The loss of this step. On a CUDA device the host waits for it."""
        return float(self.losses)


@dataclass(frozen=True)
class Training:
    """What a training works on; ``facts`` are what the weights file says of it, ``identity`` what must be the same for it to go on."""

    segmenter: Segmenter
    recipe: Recipe
    routine: Routine
    state: State
    checkpoint: Path
    facts: dict[str, Any]
    identity: dict[str, Any]
    group: Group = ALONE

    @property
    def share(self) -> float:
        """How much of it lies behind."""
        by_time = self.state.seconds / self.routine.seconds if self.routine.seconds else 0.0
        return max(self.state.step / self.recipe.steps, by_time)

    @property
    def is_over(self) -> bool:
        """Whether the last step was done, or further ones are not wanted."""
        return self.share >= 1 or (self.recipe.patience > 0 and self.state.since_best >= self.recipe.patience)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return self.recipe.learning_rate_at(self.state.step, self.share)


def train(
    segmenter: Segmenter,
    dataset: Dataset,
    recipe: Recipe,
    out: Path,
    *,
    validation: Dataset | None = None,
    routine: Routine | None = None,
    group: Group = ALONE,
) -> Iterator[Progress]:
    """Train in place and write ``out`` (weights) at the end; ``out`` + ``.ckpt`` holds the state to resume from.

    Of a ``group`` of processes each takes its share of every batch; the first one validates and writes. How many there are matters to
    rounding alone, unless the network has batch normalisation that is not synchronised.

    What resumes is validated before its next step: the process before it may have been ended while it did that.

    :raises WeightsError: a training that resumes finds no checkpoint, a damaged one, or one of another network, recipe or data.
    :raises TrainingError: the loss is no number any more.
    :raises UsageError: a step has too few values for a normalisation of the network.
    """
    routine, device = routine or Routine(), segmenter.device
    group.share_of(recipe.batch_size)
    segmenter.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    histograms = class_histograms(dataset)
    facts = _provenance(segmenter, dataset, histograms)
    state, factors = _begin(segmenter, recipe)
    checkpoint = out.with_name(out.name + ".ckpt")
    training = Training(segmenter, recipe, routine, state, checkpoint, facts, _identity(segmenter, recipe, facts), group)
    weight = _class_weights(recipe, dataset, histograms, device)
    objective = Objective(recipe, weight, segmenter.input_rule, segmenter.grid, group)
    resumed: list[Progress] = []
    if routine.resume:
        restore_checkpoint(checkpoint, state, training.identity)
        rate = training.rate if math.isnan(state.rate) else state.rate
        resumed = [Progress(state.step, torch.tensor(state.mean), rate, mean=state.mean)]
    segmenter.network.train()
    with ExitStack() as ways:
        if device.type == "cpu":
            ways.enter_context(sound_on_cpu(segmenter.network))
        if routine.sync_norm:
            ways.enter_context(synced_norms(segmenter.network, group))
        batches = _batches(dataset, objective, segmenter, first=state.step)
        for progress in chain(resumed, _steps(training, objective, factors, batches)):
            due = progress.step % routine.validate_every == 0 or training.is_over
            scores = _validated(training, validation) if due and validation is not None else None
            if (over := training.is_over) and group.leads:
                _finish(training, out)
            yield replace(progress, scores=scores)
            if over:
                return


def _steps(training: Training, objective: Objective, factors: Sequence[float], batches: Iterator[Batch]) -> Iterator[Progress]:
    """Steps without end, with a checkpoint before each validation."""
    state, unread, diverged, group = training.state, list[Tensor](), 0, training.group
    segmenter = replace(training.segmenter, network=group.joined(training.segmenter.network))
    while True:
        started, rate = time.perf_counter(), training.rate
        state.rate = rate
        for part, factor in zip(state.optimizer.param_groups, factors, strict=True):
            part["lr"] = factor * rate
        losses, waited = _step(segmenter, state, objective, batches)
        state.step += 1
        unread.append(losses)
        read = state.step % READ_EVERY == 0
        values = _read(unread, group) if read else []
        spent = time.perf_counter() - started
        state.seconds = group.first(state.seconds + spent) if training.routine.seconds else state.seconds + spent
        due = state.step % training.routine.validate_every == 0 or training.is_over
        values = values or (_read(unread, group) if due else [])
        for value in values:
            diverged = 0 if math.isfinite(value) else diverged + 1
        if diverged >= PATIENCE:
            raise TrainingError(state.step + 1 - diverged, training.recipe.learning_rate, training.checkpoint, state.saved)
        state.mean = fmean(values) if values else state.mean
        if due and not diverged and group.leads and state.is_finite:
            save_checkpoint(training.checkpoint, state, training.identity)
        yield Progress(state.step, losses, rate, spent, waited, state.mean if values else None)


def _read(unread: list[Tensor], group: Group) -> list[float]:
    """The losses of these steps, of whole batches; the list is empty then. The host waits for the device."""
    values: list[float] = group.sum(torch.stack(unread)).tolist()
    unread.clear()
    return values


def validate(segmenter: Segmenter, dataset: Dataset) -> Scores:
    """Scores on a whole dataset."""
    counts = ((result.sample.id, result.counts[0]) for result in evaluate([segmenter], dataset))
    return Counted.of(counting_of(segmenter, dataset), counts).scores


def class_histograms(dataset: Dataset) -> NDArray[np.int64]:
    """int64[N, 256]: how often each label id occurs in each target."""
    rows = map_ordered(lambda s: np.bincount(dataset.read_target(s).reshape(-1), minlength=256), dataset.samples, workers=2)
    return np.array(list(rows), dtype=np.int64)


def _begin(segmenter: Segmenter, recipe: Recipe) -> tuple[State, list[float]]:
    """The state before the first step, and the factor of the learning rate of each of the optimizer's groups."""
    network, device = segmenter.network, segmenter.device
    optimizer, factors = optimizer_of(recipe, network)
    scaled = device.type == "cuda" and recipe.precision == "auto" and not torch.cuda.is_bf16_supported()
    scaler = torch.amp.GradScaler(device.type, enabled=scaled)
    return State(network, optimizer, scaler, average_of(network, recipe.ema)), factors


def _batches(dataset: Dataset, objective: Objective, segmenter: Segmenter, first: int) -> Iterator[Batch]:
    """Shares of batches without end, from a step on. What fits on a CUDA device is cut there; else threads cut it ahead of need."""
    device, recipe = segmenter.device, objective.recipe
    share = objective.group.share_of(recipe.batch_size)
    store = PlaneStore(dataset, device, "depth" in segmenter.inputs, recipe.pixel_weights != "none", room_on(device))
    numbers = range(first * recipe.accumulate, recipe.steps * recipe.accumulate)
    if device.type == "cpu":
        yield from map_ordered(lambda number: load_batch(store, recipe, number, share), numbers, workers=1, ahead=1)
        return
    if _fits(store):
        list(map_ordered(store, dataset.samples, workers=decoders(device)))
        yield from (load_batch(store, recipe, number, share) for number in numbers)
        return
    here, workers = replace(store, device=torch.device("cpu"), most_bytes=room_on(torch.device("cpu"))), decoders(device)
    loaded = map_ordered(lambda number: load_batch(here, recipe, number, share).pinned(), numbers, workers, ahead=2)
    yield from (batch.to(device) for batch in loaded)


def _fits(store: PlaneStore) -> bool:
    """Whether all samples will fit, by the first one."""
    first = sum(plane.nbytes for plane in store(store.dataset.samples[0]).values())
    return first * len(store.dataset) <= store.most_bytes


def _step(segmenter: Segmenter, state: State, objective: Objective, batches: Iterator[Batch]) -> tuple[Tensor, float]:
    """One step of the optimizer: the mean loss of its batches, on the device, and the seconds that it waited for them."""
    recipe, device = objective.recipe, segmenter.device
    torch.manual_seed(recipe.seed * 1_000_003 + state.step + (objective.group.rank << 40))  # dropout
    state.optimizer.zero_grad(set_to_none=True)
    losses, waited = [], 0.0
    for _ in range(recipe.accumulate):
        started = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - started
        with _too_few_values_named(segmenter, recipe), arithmetic(device, _precision(recipe, device, state)):
            output = forward(segmenter, batch.images, batch.depth)
        loss = objective(output, batch) / recipe.accumulate
        state.scaler.scale(loss * objective.group.size).backward()  # gradients are the mean over processes, the loss is their sum
        losses.append(loss.detach())
    state.scaler.unscale_(state.optimizer)
    if recipe.clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(segmenter.network.parameters(), recipe.clip_norm)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    update_average(state, recipe.ema)
    return torch.stack(losses).sum(), waited


@contextmanager
def _too_few_values_named(segmenter: Segmenter, recipe: Recipe) -> Iterator[None]:
    """Names the option that helps where a normalisation has one value per channel: all that image pooling leaves of one image.

    :raises UsageError: in place of torch's ValueError.
    """
    try:
        yield
    except ValueError as error:
        if "Expected more than 1" not in str(error):
            raise
        way_out = "--batch-size 2 or more" if recipe.batch_size == 1 else "a larger --crop"
        size = f"{recipe.batch_size} image{'s' * (recipe.batch_size > 1)} of {recipe.crop[0]}x{recipe.crop[1]} a step"
        raise UsageError(
            f"{segmenter.title} cannot be trained on {size}: one of its normalisations is left with a single value per channel, whose "
            f"variance is zero; train it with {way_out}"
        ) from error


def _precision(recipe: Recipe, device: torch.device, state: State) -> Precision:
    if recipe.precision != "auto":
        return recipe.precision
    return "fp32" if device.type == "cpu" else "fp16" if state.scaler.is_enabled() else "bf16"


def _validated(training: Training, validation: Dataset) -> Scores | None:
    """The scores, on the first process; the others wait, and learn when to stop."""
    segmenter, state, scores = training.segmenter, training.state, None
    if training.group.leads:
        scores = validate(replace(segmenter, network=state.judged), validation)
        state.keep_if_best(scores.miou)
        segmenter.network.train()
    state.miou, state.since_best = training.group.first((state.miou, state.since_best))
    return scores


def _finish(training: Training, out: Path) -> None:
    """Leave the network with the weights that the recipe keeps, in evaluation mode, and write them."""
    segmenter, state = training.segmenter, training.state
    kept = state.best if training.recipe.keep == "best" and state.best else state.judged.state_dict()
    segmenter.network.load_state_dict(kept)
    segmenter.network.eval()
    trained = training.facts | {"steps": state.step, "seconds": round(state.seconds)}
    if state.miou is not None:
        trained["best_val_miou"] = round(state.miou, 6)
    save(out, segmenter, trained_on=trained, recipe=asdict(training.recipe), half=training.routine.half)


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


def _identity(segmenter: Segmenter, recipe: Recipe, facts: dict[str, Any]) -> dict[str, Any]:
    """What must be the same for a training to go on; plain data."""
    return {
        "model": segmenter.name,
        "arguments": repr(dict(segmenter.arguments)),
        "recipe": repr(recipe.identity()),
        "data": f"{facts['dataset']}-{facts['split']} {facts['targets_sha256']}",
        "begun_with": str(segmenter.weights_sha256),
        **({} if segmenter.grid == "half_pixel" else {"grid": segmenter.grid}),  # older checkpoints say nothing of it
    }

"""`segbench train` on a terminal: progress with loss and mIoU, and where the weights went."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from segbench.benchmark.ranks import ALONE, Ranks
from segbench.console.code_note import say_code_runs
from segbench.console.terminal import console, progress_bar
from segbench.datasets.base import Dataset
from segbench.errors import SegbenchError, WeightsError
from segbench.files.atomic import require_writable
from segbench.labels.space import LabelSpace
from segbench.models.segmenter import Segmenter
from segbench.models.weights import build, load
from segbench.report.plots.curves import training_curves
from segbench.report.tables.numbers import percent
from segbench.training.group import Group
from segbench.training.log import LogRow, append_row, continue_log, log_file, read_log
from segbench.training.recipe import Recipe
from segbench.training.trainer import Progress, Routine, train


@dataclass(frozen=True)
class Start:
    """What is trained: a registered model with arguments, or weights to continue from."""

    model: str
    settings: Mapping[str, Any]
    init: Path | None = None

    def build(self, labels: LabelSpace) -> Segmenter:
        """The network.

        :raises WeightsError: arguments and weights both say what it is, or the weights know other classes.
        """
        if self.init is None:
            return build(self.model, labels, **self.settings)
        if self.settings:
            raise WeightsError(f"--set changes the network, but --init {self.init} says what it is; leave --set out")
        segmenter = load(self.init, expected_model=self.model)
        if segmenter.labels.class_names != labels.class_names:
            raise WeightsError(f"{self.init}: weights for {segmenter.labels.name!r} do not fit the classes of {labels.name!r}")
        return segmenter


@dataclass(frozen=True)
class Data:
    """What a network is trained on, and validated on."""

    train: Dataset
    validation: Dataset


def train_with_progress(
    start: Start, data: Data, recipe: Recipe, out: Path, device: torch.device, routine: Routine, ranks: Ranks = ALONE
) -> None:
    """Train, showing loss, speed and the mIoU of every validation; then say what the written file reaches.

    :param ranks: processes that do this together; the first one shows and writes.
    """
    dataset, validation, group = data.train, data.validation, Group.of(ranks.rank, ranks.size, device)
    torch.manual_seed(recipe.seed)
    say_code_runs([start.model])
    segmenter = start.build(dataset.labels)
    require_writable(out.parent)
    segmenter.network.to(device)
    show = console(stderr=True)
    size = f"{recipe.steps} steps of {recipe.batch_size * recipe.accumulate}"
    together = f", {ranks.size} processes" if ranks.size > 1 else ""
    show.print(f"training {start.model} on {dataset.title} ({len(dataset)} images), {size}, on {device}{together}")
    if ranks.size > 1:
        ranks.losses.append(partial(_stopped, out))
    steps = train(segmenter, dataset, recipe, out, validation=validation, routine=routine, group=group)
    with ranks.watched():
        if not ranks.leads:
            deque(steps, maxlen=0)
            return
        follow(steps, recipe, validation.title, log_file(out))
    log = log_file(out)
    curves = log.with_suffix(".svg")
    training_curves(read_log(log), f"{start.model} on {dataset.title}, {size}", curves)
    show.print(f"wrote {out} ({out.stat().st_size / 1e6:.2f} MB), its log {log.name} and curves {curves.name}; evaluate it with:")
    show.print(f"  segbench run --models {segmenter.name} --dataset {dataset.reference} --weights {segmenter.name}={out}")


def _stopped(out: Path) -> SegbenchError:
    return SegbenchError(f"another rank has stopped\n  go on from the last checkpoint, with any number of ranks: --resume --out {out}")


def follow(steps: Iterable[Progress], recipe: Recipe, validation: str, log: Path) -> None:
    """Write the log of a training as it goes, and show it on standard error. ``validation``: what that data set is called."""
    show, miou, since, first = console(stderr=True), "–", list[Progress](), True
    with progress_bar("training", "state") as bar:
        task = bar.add_task("training", total=recipe.steps, state="")
        for progress in steps:
            if first:
                continue_log(log, progress.step)
                first = False
            since.append(progress)
            if progress.mean is None:
                continue
            append_row(log, LogRow(progress.step, progress.mean, progress.rate, progress.scores.miou if progress.scores else None))
            miou = percent(progress.scores.miou) if progress.scores else miou
            state = f"loss {progress.mean:.3f}  {speed(since, recipe)}"
            bar.update(task, completed=progress.step, state=f"{state}  mIoU {miou} %")
            if progress.scores is not None:
                show.print(f"step {progress.step}/{recipe.steps}  {state}  {validation} mIoU {miou} %")
            since.clear()


def speed(since: Sequence[Progress], recipe: Recipe) -> str:
    """Images a second over some steps, and for how much of the time the network waited for them."""
    seconds = sum(progress.seconds for progress in since)
    if not seconds:
        return "resumed"
    images = len(since) * recipe.batch_size * recipe.accumulate
    return f"{images / seconds:.1f} images/s, {sum(progress.waited for progress in since) / seconds:.0%} waiting"

"""`segbench train` on a terminal: progress with loss and mIoU, and where the weights went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
import yaml

from segbench.console.terminal import console, progress_bar
from segbench.datasets.base import Dataset
from segbench.errors import UnknownNameError, WeightsError
from segbench.files.atomic import require_writable
from segbench.models.weights import build, load
from segbench.report.plots.curves import training_curves
from segbench.report.tables.numbers import percent
from segbench.training.log import LogRow, append_row, continue_log, log_file, read_log
from segbench.training.recipe import Recipe
from segbench.training.trainer import Progress, train

LOG_EVERY = 20  # steps


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """``KEY=VALUE`` arguments of a model; values are read as YAML, so numbers are numbers.

    :raises UnknownNameError: a pair has no equals sign.
    """
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UnknownNameError(f"--set {pair!r} is not KEY=VALUE")
        settings[key] = yaml.safe_load(value)
    return settings


def train_with_progress(
    model: str,
    settings: dict[str, Any],
    dataset: Dataset,
    validation: Dataset,
    recipe: Recipe,
    out: Path,
    device: torch.device,
    *,
    validate_every: int,
    resume: bool,
    full_precision: bool,
    init: Path | None = None,
) -> None:
    """Train, showing the loss after every step and the mIoU after every validation; then say what the written file reaches."""
    torch.manual_seed(recipe.seed)
    if init is not None and settings:
        raise WeightsError(f"--set changes the network, but --init {init} says what it is; leave --set out")
    segmenter = build(model, dataset.labels, **settings) if init is None else load(init, expected_model=model)
    if segmenter.labels.class_names != dataset.labels.class_names:
        raise WeightsError(f"{init}: weights for {segmenter.labels.name!r} do not fit the classes of {dataset.labels.name!r}")
    require_writable(out.parent)
    segmenter.network.to(device)
    show = console(stderr=True)
    show.print(f"training {model} on {dataset.title} ({len(dataset)} images), {recipe.steps} steps of {recipe.batch_size}, on {device}")
    steps = train(
        segmenter, dataset, recipe, out, validation=validation, validate_every=validate_every, resume=resume, half=not full_precision
    )
    log = log_file(out)
    with progress_bar(model, "state") as bar:
        task = bar.add_task(model, total=recipe.steps, state="")
        miou = "–"
        smooth = None
        since: list[float] = []
        for progress in steps:
            if smooth is None:
                continue_log(log, progress.step)
            since.append(progress.loss)
            if progress.step % LOG_EVERY == 0 or progress.scores is not None or progress.step == recipe.steps:
                rate = recipe.learning_rate_at(progress.step - 1)
                append_row(log, LogRow(progress.step, fmean(since), rate, progress.scores.miou if progress.scores else None))
                since.clear()
            smooth = progress.loss if smooth is None else 0.98 * smooth + 0.02 * progress.loss
            miou = _miou(progress, miou)
            bar.update(task, completed=progress.step, state=f"loss {smooth:.3f}  mIoU {miou} %")
            if progress.scores is not None:
                show.print(f"step {progress.step}/{recipe.steps}  loss {smooth:.3f}  {validation.title} mIoU {miou} %")
    curves = log.with_suffix(".svg")
    training_curves(read_log(log), f"{model} on {dataset.title}, {recipe.steps} steps of {recipe.batch_size}", curves)
    show.print(f"wrote {out} ({out.stat().st_size / 1e6:.2f} MB), its log {log.name} and curves {curves.name}; evaluate it with:")
    show.print(f"  segbench run --models {segmenter.name} --dataset {dataset.reference} --weights {segmenter.name}={out}")


def _miou(progress: Progress, before: str) -> str:
    return before if progress.scores is None else percent(progress.scores.miou)

"""The state of a training, and the file from which it goes on."""

from __future__ import annotations

import copy
import math
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segbench.errors import WeightsError
from segbench.files.atomic import replacing


@dataclass
class State:
    """What a training changes. ``seconds``: how long it has taken, all rounds together. ``miou``: of the best validation; ``best``: its
    weights, on the CPU; ``since_best``: validations since then. ``mean``: the loss that was reported last. ``saved``: the step of the last
    checkpoint. ``rate``: the learning rate of the last step.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    average: nn.Module | None
    step: int = 0
    seconds: float = 0.0
    miou: float | None = None
    best: dict[str, Tensor] = field(default_factory=dict)
    since_best: int = 0
    mean: float = math.nan
    saved: int | None = None
    rate: float = math.nan

    @property
    def judged(self) -> nn.Module:
        """The network that is validated and written: the running mean of the weights, if there is one."""
        return self.network if self.average is None else self.average

    @property
    def is_finite(self) -> bool:
        """Whether every weight is a number. A loss is computed before the step that follows from it, and may hide one that is not."""
        return all(bool(value.isfinite().all()) for value in self.network.state_dict().values())

    def keep_if_best(self, miou: float) -> None:
        """Note a validation, and keep the weights if it is the best one. Of equal ones the first is."""
        if self.miou is not None and not miou > self.miou:
            self.since_best += 1
            return
        self.miou, self.since_best = miou, 0
        self.best = {key: value.detach().to("cpu", copy=True) for key, value in self.judged.state_dict().items()}


def average_of(network: nn.Module, decay: float) -> nn.Module | None:
    """A copy of a network for the running mean of its weights and statistics; ``None`` without a decay."""
    return copy.deepcopy(network).eval() if decay else None


@torch.no_grad()
def update_average(state: State, decay: float) -> None:
    """Move the running mean towards the weights. Its memory is shorter in the beginning, when these are hardly better than random."""
    if state.average is None:
        return
    memory = min(decay, (1 + state.step) / (10 + state.step))
    pairs = list(zip(state.average.state_dict().values(), state.network.state_dict().values(), strict=True))
    means, values = zip(*((mean, value) for mean, value in pairs if mean.is_floating_point()), strict=True)
    torch._foreach_lerp_(means, values, 1 - memory)
    for mean, value in pairs:
        if not mean.is_floating_point():
            mean.copy_(value)


def previous(path: Path) -> Path:
    """Where the checkpoint before the last one lies."""
    return path.with_name(path.name + ".previous")


def save_checkpoint(path: Path, state: State, identity: dict[str, Any]) -> None:
    """Write the state; the checkpoint before it stays as :func:`previous`. Whatever ends the process, one of both is whole."""
    data = {
        "identity": identity,
        "step": state.step,
        "seconds": state.seconds,
        "miou": state.miou,
        "best": state.best,
        "since_best": state.since_best,
        "mean": state.mean,
        "rate": state.rate,
        "network": state.network.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict(),
        "average": None if state.average is None else state.average.state_dict(),
    }
    with replacing(path) as partial:
        torch.save(data, partial)
        if path.is_file():
            path.replace(previous(path))
    state.saved = state.step


def restore_checkpoint(path: Path, state: State, identity: dict[str, Any]) -> None:
    """Bring a state to where a checkpoint was written.

    :raises WeightsError: there is none, it is damaged, or it belongs to another network, recipe or data: everything that differs is named.
    """
    if not path.is_file() and previous(path).is_file():
        path = previous(path)  # the process ended between two renames
    if not path.is_file():
        raise WeightsError(f"{path}: there is no checkpoint to resume from; leave --resume out to start afresh")
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
        theirs = data["identity"]
    except (RuntimeError, OSError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise WeightsError(_damaged(path, error)) from error
    if theirs != identity:
        keys = sorted(key for key in {*theirs, *identity} if theirs.get(key) != identity.get(key))
        apart = [f"{key}: {theirs.get(key)!r} there, {identity.get(key)!r} here" for key in keys]
        raise WeightsError("\n  ".join([f"{path}: the checkpoint belongs to another training", *apart]))
    try:
        state.network.load_state_dict(data["network"])
        state.optimizer.load_state_dict(data["optimizer"])
        state.scaler.load_state_dict(data["scaler"])
        if state.average is not None:
            state.average.load_state_dict(data["average"])
        state.step, state.seconds, state.since_best = int(data["step"]), float(data["seconds"]), int(data["since_best"])
        state.miou, state.best, state.mean = data["miou"], data["best"], float(data["mean"])
        state.saved, state.rate = state.step, float(data.get("rate", math.nan))  # older checkpoints say nothing of it
    except (RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(_damaged(path, error)) from error


def _damaged(path: Path, error: Exception) -> str:
    why = (str(error).strip().splitlines() or [type(error).__name__])[0]
    other = previous(path)
    way_out = f"the one before it is {other}: rename it to {path.name}" if other.is_file() else "leave --resume out to start afresh"
    return f"{path}: the checkpoint is damaged ({why}); {way_out}"

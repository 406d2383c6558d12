"""One process of a training in tests: a small network on a tiny dataset; the first one writes its losses to ``OUT.json``.

python -m tests.training.train_driver FOLDER OUT NETWORK STEPS [resume] [killed]    with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT;
                                                                                   if ``killed``, rank 1 dies after six steps
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from segbench.benchmark.ranks import Ranks
from segbench.errors import SegbenchError
from segbench.models.segmenter import AuxLogits, Segmenter, TrainingOutput
from segbench.training import trainer
from segbench.training.group import Group
from segbench.training.recipe import Recipe
from tests.tiny import LABELS, tiny_dataset

RECIPE = {"batch_size": 4, "crop": (16, 24), "learning_rate": 0.02, "warmup": 5, "accumulate": 2}


class Heads(nn.Module):
    """Everything that a loss can be made of: two heads, and borders."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
        self.scores, self.aux, self.border = nn.Conv2d(8, 3, 1), nn.Conv2d(8, 3, 1), nn.Conv2d(8, 1, 1)
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor | TrainingOutput:
        y = self.first(x)
        if not self.training:
            return self.scores(y)  # type: ignore[no-any-return]
        return TrainingOutput(self.scores(y), (AuxLogits(self.aux(y), 0.4),), (self.border(y),), self.kind)  # type: ignore[arg-type]


def network(name: str) -> Segmenter:
    torch.manual_seed(0)
    if name in ("focal", "balanced"):
        return Segmenter(name, Heads(name), LABELS)
    norm = nn.BatchNorm2d(8) if name == "norm" else nn.Identity()
    first = nn.Conv2d(3, 8, 3, padding=1, bias=name != "norm")  # before a norm its gradient is nothing but rounding
    return Segmenter(name, nn.Sequential(first, norm, nn.ReLU(), nn.Conv2d(8, 3, 1)), LABELS)


def train(folder: Path, out: Path, name: str, steps: int, group: Group, words: list[str]) -> None:
    recipe = Recipe(steps=40, loss="ohem" if name == "balanced" else "cross_entropy", **RECIPE)  # type: ignore[arg-type]
    routine = trainer.Routine(validate_every=5, resume="resume" in words, sync_norm=name == "norm")
    dataset, losses = tiny_dataset(folder / f"data{group.rank}"), []
    for progress in trainer.train(network(name), dataset, recipe, out, validation=dataset, routine=routine, group=group):
        if progress.losses.ndim == 0:
            losses.append(progress.mean)
        if progress.step == 6 and "killed" in words and group.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if progress.step == steps:
            break
    if group.leads:
        out.with_suffix(".json").write_text(json.dumps(losses))


if __name__ == "__main__":
    torch.set_num_threads(1)
    trainer.READ_EVERY = 1
    folder, out, name, steps, *words = sys.argv[1:]
    ranks = Ranks(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    ranks.losses.append(lambda: SegbenchError("another rank has stopped"))
    try:
        with ranks.joined(), ranks.watched():
            train(Path(folder), Path(out), name, int(steps), Group.of(ranks.rank, ranks.size, torch.device("cpu")), words)
    except SegbenchError as error:
        print(error, file=sys.stderr)
        sys.exit(2)

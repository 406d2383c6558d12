"""One rank of a launch in tests: a tiny model on a tiny dataset; the first rank writes the record to ``record.json``.

python -m tests.benchmark.rank_driver FOLDER [IMAGES]      with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT; rank 1 is killed
                                                           when it has counted IMAGES
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import torch

from segbench.benchmark.evaluating import Work, evaluate_images
from segbench.benchmark.events import Progress
from segbench.benchmark.journals import Journals
from segbench.benchmark.ranks import Ranks
from segbench.datasets.base import Dataset, Sample
from segbench.errors import SegbenchError
from segbench.evaluation.run import Evaluation, save_outcomes
from segbench.evaluation.surviving import Survivors
from tests.tiny import LABELS, tiny, tiny_dataset

IMAGES = 9


def tiny_work(folder: Path) -> Work:
    """The same everywhere."""
    torch.manual_seed(0)
    models = [replace(tiny(LABELS, channels=width), called=f"tiny-{width}") for width in (4, 8)]
    root = folder / "data"
    if not root.is_dir():  # drawing it again would make other files of it
        tiny_dataset(root, IMAGES)
    samples = tuple(Sample(f"s{at}", root / "images" / f"s{at}.png", root / "targets" / f"s{at}.png") for at in range(IMAGES))
    dataset = Dataset("tiny", "val", LABELS, samples, root / "targets")
    return Work(Evaluation(models, dataset, command="segbench run"), folder / "out")


def work_of_rank(work: Work, ranks: Ranks, killed_at: int = -1) -> bool:
    """Do a rank's share; the first one writes the records, and says so."""
    survivors, journals = Survivors(work.evaluation), Journals.agreed(work.out, work.evaluation.task, ranks)
    events = evaluate_images(work, survivors, journals, ranks)
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            results = end.value
            break
        if isinstance(event, Progress) and event.done == killed_at and ranks.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    if results is None:
        return False
    save_outcomes(work.out, [work.evaluation.outcome(at, results) for at in survivors.positions])
    journals.remove()
    return True


if __name__ == "__main__":
    torch.set_num_threads(1)
    ranks = Ranks(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    try:
        with ranks.joined():
            work_of_rank(tiny_work(Path(sys.argv[1])), ranks, int(sys.argv[2]) if len(sys.argv) > 2 else -1)
    except SegbenchError as error:
        print(error, file=sys.stderr)
        sys.exit(2)

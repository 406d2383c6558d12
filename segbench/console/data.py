"""`segbench data`: drawing minicity; a line for each property of a download, one for each bad file, and how often each class occurs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from segbench.checks.dataset_files import Frequency, check_files
from segbench.console.terminal import console, progress_bar, table
from segbench.datasets.base import Dataset
from segbench.datasets.minicity import SPLITS, draw_split, is_complete
from segbench.report.tables.numbers import count


def draw_minicity(root: Path, split: str) -> None:
    """Draw a split of the built-in scenes, with a bar, if it is not there."""
    if split not in SPLITS or is_complete(root, split):
        return
    with progress_bar(f"drawing minicity {split}") as bar:
        task = bar.add_task(f"drawing minicity {split}", total=SPLITS[split])
        for done in draw_split(root, split):
            bar.update(task, completed=done)


def check_data(dataset: Dataset, others: Sequence[Dataset], workers: int) -> int:
    """Print what holds, every file that is wrong, and the frequencies of classes. Returns how many problems there are."""
    with progress_bar(dataset.title) as bar:
        task = bar.add_task(dataset.title, total=len(dataset) + sum(map(len, others)))
        findings, found, notes = check_files(dataset, others, workers=workers, on_sample=lambda: bar.advance(task))
    show = console()
    show.print(f"{dataset.title}: {len(dataset)} images in {dataset.root}", style="bold", markup=False, soft_wrap=True)
    for claim, group in groupby(findings, key=lambda finding: finding.claim):
        problems = [finding.problem for finding in group if finding.problem is not None]
        show.print(f"  {'FAIL' if problems else 'ok  '}  {claim}", style="red" if problems else "", markup=False, soft_wrap=True)
        for problem in problems:
            show.print(f"          {problem}", markup=False, soft_wrap=True)
    for note in notes:
        show.print(f"  note  {note}", markup=False, soft_wrap=True)
    show.print(table(("class", "ids", "pixels", "share", "images"), _rows(found, dataset.labels.class_names)))
    failed = sum(not finding.holds for finding in findings)
    print(f"{failed} problem{'s' if failed > 1 else ''}" if failed else "the files are as they should be")
    return failed


def _rows(found: Sequence[Frequency], classes: Sequence[str]) -> list[list[str]]:
    """Shares are of all pixels; what is no class stands in brackets."""
    total = max(sum(label.pixels for label in found), 1)
    return [
        [
            label.name if label.name in classes else f"({label.name})",
            ", ".join(map(str, label.ids)),
            count(label.pixels),
            f"{100 * label.pixels / total:.3g} %",
            str(label.images),
        ]
        for label in found
    ]

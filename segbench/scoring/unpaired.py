"""What helps where targets have no predictions: how names differ, and how to score those that are there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from segbench.datasets.base import Dataset, Sample
from segbench.files.names import bare

TRIED = 200  # names that are compared with the first target's


def way_out_of_unpaired(preds: Path, files: Sequence[Path], dataset: Dataset, pairs: Sequence[tuple[Sample, Path]]) -> str:
    """One line for each thing that helps."""
    paired = {sample.id for sample, _ in pairs}
    missing = [sample for sample in dataset.samples if sample.id not in paired]
    used = {path for _, path in pairs}
    unused = [path for path in files if path not in used]
    lines = []
    if unused:
        example = _nearest(missing[0], unused)
        lines.append(f"a target is called {missing[0].target}, a label map that belongs to none {example}")
        lines += _affixes([bare(Path(sample.id).name) for sample in missing], [bare(path.name) for path in unused])
    if pairs:
        lines.append(
            f"{len(pairs)} of {len(dataset)} targets have a prediction: --only predicted scores these alone, and the record says so"
        )
    return "\n".join(lines) or "every target needs exactly one prediction of its own size, in the labels' ids"


def _nearest(sample: Sample, files: Sequence[Path]) -> Path:
    """The file whose name shares most with a sample's."""
    name = bare(Path(sample.id).name)
    return max(files[:TRIED], key=lambda path: (name in path.stem or bare(path.name) in name, -abs(len(path.stem) - len(name))))


def _affixes(targets: Sequence[str], preds: Sequence[str]) -> Iterable[str]:
    """The option that tells what names of one side have beside those of the other, if it is the same everywhere."""
    there = set(preds)
    for pred in preds[:TRIED]:
        before, found, after = targets[0].partition(pred)
        if found and all(_inner(name, before, after) in there for name in targets):
            yield f"score them with --target-names '{before}*{after}.*': what stands for * is a prediction's name"
            return
        before, found, after = pred.partition(targets[0])
        if found and (before or after) and all(f"{before}{name}{after}" in there for name in targets):
            yield f"score them with --pred-names '{before}*{after}.*': what stands for * is a target's name"
            return
    folded = {name.casefold() for name in there}
    if all(name.casefold() in folded for name in targets):
        yield "the names differ in upper and lower case alone: rename one side"
        return
    (before, after), (pred_before, pred_after) = _own(targets, preds), _own(preds, targets)
    if {_inner(name, before, after) for name in targets} <= {_inner(name, pred_before, pred_after) for name in preds} - {None}:
        options = f"--target-names '{before}*{after}.*' --pred-names '{pred_before}*{pred_after}.*'"
        yield f"score them with {options}: what stands for * pairs them"


def _own(names: Sequence[str], others: Sequence[str]) -> tuple[str, str]:
    """What all names begin and end with, but for what belongs to a word that the others have there too."""
    before, others_before = _beginning(names), _beginning(others)
    after, others_after = (_beginning([name[::-1] for name in side]) for side in (names, others))
    shared, shared_after = _beginning([before[::-1], others_before[::-1]]), _beginning([after[::-1], others_after[::-1]])
    return before[: len(before) - _word(shared)], after[::-1][_word(shared_after) :]


def _beginning(names: Sequence[str]) -> str:
    """What all of them begin with."""
    first, last = min(names), max(names)
    return first[: next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]


def _word(text: str) -> int:
    """How many letters and digits a text begins with."""
    return next((at for at, character in enumerate(text) if not character.isalnum()), len(text))


def _inner(name: str, before: str, after: str) -> str | None:
    """What stands between two affixes; nothing if they are not there."""
    fits = name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)
    return name[len(before) : len(name) - len(after)] if fits else None

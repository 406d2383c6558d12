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
        lines += _ways(missing, unused, preds, dataset)
    if pairs:
        lines.append(
            f"{len(pairs)} of {len(dataset)} targets have a prediction: --only predicted scores these alone, and the record says so"
        )
    return "\n".join(lines) or "every target needs exactly one prediction of its own size, in the labels' ids"


def _nearest(sample: Sample, files: Sequence[Path]) -> Path:
    """The file whose name shares most with a sample's."""
    name = bare(Path(sample.id).name)
    return max(files[:TRIED], key=lambda path: (name in path.stem or bare(path.name) in name, -abs(len(path.stem) - len(name))))


def _ways(missing: Sequence[Sample], unused: Sequence[Path], preds: Path, dataset: Dataset) -> Iterable[str]:
    """How names that differ everywhere in the same way are paired, with what this dataset can be told."""
    targets, names = [bare(Path(sample.id).name) for sample in missing], [bare(path.name) for path in unused]
    folders = {path.parent.name for path in unused if path.parent.parent == preds}
    if len(set(names)) == 1 and folders.issuperset(targets):
        yield f"score them with --pred-names '*/{unused[0].name}': what stands for * is a target's name"
    elif {name.casefold() for name in names}.issuperset(name.casefold() for name in targets) and not set(targets) <= set(names):
        yield "the names differ in upper and lower case alone: rename one side"
    elif (affixes := _affixes(targets, names)) is not None:
        target, pred = (f"{before}*{after}" for before, after in affixes)
        options = [f"--pred-names '{pred}.*'"] if pred != "*" else []
        if target != "*" and dataset.is_described:
            yield f"write {target} for the name in `targets` of {dataset.reference}: what stands for * pairs them"
        elif target != "*" and not dataset.opened_as:
            options.insert(0, f"--target-names '{target}.*'")
        if options:
            yield f"score them with {' '.join(options)}: what stands for * pairs them"


def _affixes(targets: Sequence[str], preds: Sequence[str]) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """What names of targets, and of predictions, begin and end with beside what pairs them, if that is the same everywhere."""
    there, none = set(preds), ("", "")
    for pred in preds[:TRIED]:
        before, found, after = targets[0].partition(pred)
        if found and (before or after) and all(_inner(name, before, after) in there for name in targets):
            return (before, after), none
        before, found, after = pred.partition(targets[0])
        if found and (before or after) and all(f"{before}{name}{after}" in there for name in targets):
            return none, (before, after)
    of_targets, of_preds = _own(targets, preds), _own(preds, targets)
    inner = {_inner(name, *of_preds) for name in preds} - {None}
    return (of_targets, of_preds) if {_inner(name, *of_targets) for name in targets} <= inner else None


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

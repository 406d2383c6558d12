"""Which prediction belongs to which sample: every problem of a folder is found in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.base import Dataset, Sample
from segbench.datasets.folder_samples import FolderSamples
from segbench.datasets.wildcards import files_named
from segbench.errors import DataError
from segbench.files.made import Made
from segbench.files.name_list import NameList, StemIndex, stem_of
from segbench.files.names import bare, composed
from segbench.files.remote import FILES, same_file
from segbench.images.folders import RARE_SUFFIXES, SUFFIXES, by_kind, files_below, names_by_kind, what_lies_in
from segbench.scoring.unpaired import way_out_of_unpaired

NO_PREDICTION = "no prediction"

Find = Callable[[Sample], list[Path]]


@dataclass(frozen=True)
class Pairing:
    """Sample and prediction, in the dataset's order; and by sample id what is wrong with those that have no prediction or several.

    ``files`` are all that may be predictions. ``way_out``: what helps where samples have none.
    """

    pairs: Sequence[tuple[Sample, Path]]
    unpaired: Mapping[str, str]
    files: Sequence[Path] = ()
    way_out: str = ""

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each sample without its prediction."""
        return tuple(f"{name}: {problem}" for name, problem in self.unpaired.items())


def pair_predictions(preds: Path, dataset: Dataset, names: str | None = None) -> Pairing:
    """Find the prediction of every sample below a folder, or of one in a file.

    A dataset with ``prefix_pairing`` takes, in any sub-folder, the one PNG whose name begins with the sample's id, as cityscapesScripts
    does; here the id must end there (``..._000019`` is not found in ``..._0000190_pred.png``). Others take the file at the
    target's relative path, whatever its suffix, or else the one file with the sample's stem, if no other sample has that stem. Then the
    same is tried without double endings (``im.jpg.png``) and in other forms of Unicode, and among files of rarer kinds. Files that belong
    to no sample are ignored.

    :param names: a pattern of the predictions' names; what stands for its wildcards is the sample's id, or the end of it.
    :raises DataError: the folder does not exist or holds no label maps at all.
    """
    if preds.is_file():
        return _pair_one(preds, dataset)
    if not preds.is_dir():
        problem = "this is neither a folder nor a file" if preds.exists() else "there is no such folder"
        raise DataError(f"{preds}: {problem}", way_out="PREDS is the folder with one label map for each target")
    if names is None and isinstance(dataset.samples, FolderSamples) and (all_paired := _by_same_names(preds, dataset.samples)):
        return all_paired
    if names is not None:
        files, finders = _by_pattern(preds, names, dataset)
    else:
        usual, rare = by_kind(files_below(preds))
        files, finders = usual or rare, [_finder(preds, kind, dataset) for kind in (usual, rare) if kind]
    if not files:
        looked = f"looked for {names or ', '.join(sorted(SUFFIXES | RARE_SUFFIXES))} in it and in its sub-folders"
        raise DataError(f"{preds}: no label maps here; {what_lies_in(preds)}", way_out=looked)
    pairs, unpaired = [], {}
    for sample in dataset.samples:
        candidates = _different(next((found for find in finders if (found := find(sample))), []))
        if len(candidates) == 1:
            pairs.append((sample, candidates[0]))
        elif candidates:
            unpaired[sample.id] = f"{len(candidates)} predictions: " + ", ".join(str(c.relative_to(preds)) for c in candidates)
        else:
            unpaired[sample.id] = NO_PREDICTION
    way_out = way_out_of_unpaired(preds, files, dataset, pairs) if NO_PREDICTION in unpaired.values() else ""
    return Pairing(tuple(pairs), unpaired, tuple(files), way_out)


class _SameNames(Made[tuple[Sample, Path]]):
    """Samples of a folder, and of each the file that is called the same below another."""

    def __init__(self, samples: FolderSamples, preds: Path, names: NameList, places: NDArray[np.int32]) -> None:
        self.samples, self.preds, self.names, self.places = samples, preds, names, places

    def __len__(self) -> int:
        return len(self.places)

    def made(self, place: int) -> tuple[Sample, Path]:
        """The sample at a place, and its file."""
        return self.samples[place], self.preds / self.names[int(self.places[place])]


class _Files(Made[Path]):
    """Names below a folder as paths."""

    def __init__(self, root: Path, names: NameList) -> None:
        self.root, self.names = root, names

    def __len__(self) -> int:
        return len(self.names)

    def made(self, place: int) -> Path:
        """The path at a place."""
        return self.root / self.names[place]


def _by_same_names(preds: Path, samples: FolderSamples) -> Pairing | None:
    """The pairing where every sample has one file of the usual kinds at its own relative path; ``None`` where it is not that simple."""
    usual, _ = names_by_kind(preds)
    index, places = StemIndex(usual), np.zeros(len(samples), np.int32)
    for at, name in enumerate(samples.names):
        found = index.places(stem_of(name))
        if len(found) != 1:
            return None
        places[at] = found[0]
    return Pairing(_SameNames(samples, preds, usual, places), {}, _Files(preds, usual))


def _pair_one(pred: Path, dataset: Dataset) -> Pairing:
    """One file: with the only sample, or with the one of its name.

    :raises DataError: several samples are called so, or none.
    """
    samples = list(dataset.samples)
    if len(samples) != 1:
        find = _finder(pred.parent, [pred], dataset)
        samples = [sample for sample in samples if find(sample)]
    if len(samples) != 1:
        which = f"{len(samples)} targets are called so" if samples else f"no target of the {len(dataset)} is called so"
        raise DataError(f"{pred}: {which}", way_out="give the file of the target, too: segbench score PRED TARGET")
    return Pairing(((samples[0], pred),), {}, (pred,))


def _finder(preds: Path, files: list[Path], dataset: Dataset) -> Find:
    return _by_prefix(files) if dataset.prefix_pairing else _by_path_or_stem(preds, files, dataset)


def _different(candidates: list[Path]) -> list[Path]:
    """Without those that are another one's file, reached by a link."""
    if len(candidates) < 2 or not any(same_file(candidates[0], other) for other in candidates[1:] if other.exists()):
        return candidates
    return [path for at, path in enumerate(candidates) if not any(same_file(path, other) for other in candidates[:at])]


def _by_pattern(preds: Path, names: str, dataset: Dataset) -> tuple[list[Path], list[Find]]:
    """The files that a pattern fits, in any sub-folder if it names none."""
    by_key = files_named(preds, names)
    by_stem: dict[str, list[Path]] = {}
    for key, path in by_key.items():
        by_stem.setdefault(key.rpartition("/")[2], []).append(path)
    samples_of_stem = Counter(composed(sample.id).rpartition("/")[2] for sample in dataset.samples)

    def find(sample: Sample) -> list[Path]:
        whole = composed(sample.id)
        stem = whole.rpartition("/")[2]
        if whole in by_key:
            return [by_key[whole]]
        return by_stem.get(stem, []) if samples_of_stem[stem] == 1 else []

    return list(by_key.values()), [find]


class _by_prefix:  # noqa: N801 (a closure with a table)
    """Files by every prefix of their name that ends before a character that cannot continue an id; PNG files, where there are any."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.files: dict[str, list[Path]] = {}
        self.others: dict[str, list[Path]] = {}
        for path in files:
            table = self.files if path.suffix.lower() == ".png" else self.others
            stem = path.name[: -len(path.suffix)]
            ends = [i for i, char in enumerate(stem) if not char.isalnum()] + [len(stem)]
            for end in ends:
                table.setdefault(stem[:end], []).append(path)

    def __call__(self, sample: Sample) -> list[Path]:
        return self.files.get(sample.id) or self.others.get(sample.id, [])


class _by_path_or_stem:  # noqa: N801
    def __init__(self, preds: Path, files: list[Path], dataset: Dataset) -> None:
        self.preds, self.files, self.dataset = preds, files, dataset
        self.samples_of_stem = Counter(Path(sample.id).name for sample in dataset.samples)
        self.by_path: dict[Path, list[Path]] = {}
        self.by_stem: dict[str, list[Path]] = {}
        for path in files:
            self.by_path.setdefault(path.relative_to(preds).with_suffix(""), []).append(path)
            self.by_stem.setdefault(path.stem, []).append(path)

    def __call__(self, sample: Sample) -> list[Path]:
        target, root = sample.target, self.dataset.root
        relative = (
            target.relative_to(root).with_suffix("") if isinstance(target, FILES) and target.is_relative_to(root) else Path(sample.id)
        )
        if found := self.by_path.get(relative) or self.by_path.get(Path(sample.id)):
            return found
        stem = Path(sample.id).name
        if self.samples_of_stem[stem] == 1 and (found := self.by_stem.get(stem)):
            return found
        return self._by_bare_name(relative) or self._by_bare_name(Path(sample.id))

    def _by_bare_name(self, path: Path) -> list[Path]:
        """By names without endings, in one form of Unicode."""
        by_path, by_stem, samples_of_stem = self._bare
        stem = bare(path.name)
        return by_path.get(_bare_path(path)) or (by_stem.get(stem, []) if samples_of_stem[stem] == 1 else [])

    @cached_property
    def _bare(self) -> tuple[dict[Path, list[Path]], dict[str, list[Path]], Counter[str]]:
        by_path, by_stem = dict[Path, list[Path]](), dict[str, list[Path]]()
        for path in self.files:
            by_path.setdefault(_bare_path(path.relative_to(self.preds)), []).append(path)
            by_stem.setdefault(bare(path.name), []).append(path)
        return by_path, by_stem, Counter(bare(Path(sample.id).name) for sample in self.dataset.samples)


def _bare_path(path: Path) -> Path:
    return Path(composed(str(path.parent)), bare(path.name))

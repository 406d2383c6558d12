"""Which prediction belongs to which sample: every problem of a folder is found in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segbench.datasets.base import Dataset, Sample
from segbench.errors import DataError
from segbench.images.folders import SUFFIXES, label_map_files


@dataclass(frozen=True)
class Pairing:
    """Sample and prediction, in the dataset's order; and by sample id what is wrong with those that have no prediction or several."""

    pairs: tuple[tuple[Sample, Path], ...]
    unpaired: Mapping[str, str]

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each sample without its prediction."""
        return tuple(f"{name}: {problem}" for name, problem in self.unpaired.items())


def pair_predictions(preds: Path, dataset: Dataset) -> Pairing:
    """Find the prediction of every sample below a folder.

    A dataset with ``prefix_pairing`` takes, in any sub-folder, the one PNG whose name begins with the sample's id, as cityscapesScripts
    does; here the id must end there (``..._000019`` is not found in ``..._0000190_pred.png``). Others take the file at the
    target's relative path, whatever its suffix, or else the one file with the sample's stem, if no other sample has that stem. Files
    that belong to no sample are ignored.

    :raises DataError: the folder does not exist or holds no label maps at all.
    """
    if not preds.is_dir():
        problem = "this is a file, not a folder" if preds.exists() else "there is no such folder"
        raise DataError(f"{preds}: {problem}", way_out="PREDS is the folder with one label map for each target")
    files = list(label_map_files(preds))
    if not files:
        links = [f"{path} is a link: links to folders are not followed" for path in sorted(preds.iterdir()) if path.is_symlink()]
        looked = f"looked for {', '.join(sorted(SUFFIXES))} in it and in its sub-folders"
        raise DataError(f"{preds}: no label maps here", links, looked)
    find = _by_prefix(files) if dataset.prefix_pairing else _by_path_or_stem(preds, files, dataset)
    pairs, unpaired = [], {}
    for sample in dataset.samples:
        candidates = find(sample)
        if len(candidates) == 1:
            pairs.append((sample, candidates[0]))
        elif candidates:
            unpaired[sample.id] = f"{len(candidates)} predictions: " + ", ".join(str(c.relative_to(preds)) for c in candidates)
        else:
            unpaired[sample.id] = "no prediction"
    return Pairing(tuple(pairs), unpaired)


class _by_prefix:  # noqa: N801 (a closure with a table)
    """Files by every prefix of their name that ends before a character that cannot continue an id."""

    def __init__(self, files: list[Path]) -> None:
        self.files: dict[str, list[Path]] = {}
        for path in files:
            if path.suffix.lower() != ".png":
                continue
            stem = path.name[: -len(path.suffix)]
            ends = [i for i, char in enumerate(stem) if not char.isalnum()] + [len(stem)]
            for end in ends:
                self.files.setdefault(stem[:end], []).append(path)

    def __call__(self, sample: Sample) -> list[Path]:
        return self.files.get(sample.id, [])


class _by_path_or_stem:  # noqa: N801
    def __init__(self, preds: Path, files: list[Path], dataset: Dataset) -> None:
        self.root = dataset.root
        self.samples_of_stem = Counter(Path(sample.id).name for sample in dataset.samples)
        self.by_path: dict[Path, list[Path]] = {}
        self.by_stem: dict[str, list[Path]] = {}
        for path in files:
            self.by_path.setdefault(path.relative_to(preds).with_suffix(""), []).append(path)
            self.by_stem.setdefault(path.stem, []).append(path)

    def __call__(self, sample: Sample) -> list[Path]:
        inside = isinstance(sample.target, Path) and sample.target.is_relative_to(self.root)
        relative = sample.target.relative_to(self.root).with_suffix("") if inside else Path(sample.id)
        if found := self.by_path.get(relative) or self.by_path.get(Path(sample.id)):
            return found
        stem = Path(sample.id).name
        return self.by_stem.get(stem, []) if self.samples_of_stem[stem] == 1 else []

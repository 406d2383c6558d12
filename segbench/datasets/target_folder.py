"""A folder of targets and a label space: enough to score label maps."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from segbench.datasets import cityscapes, isbi2012
from segbench.datasets.base import Dataset, Sample
from segbench.datasets.folder_samples import FolderSamples
from segbench.datasets.wildcards import files_named
from segbench.errors import DataError
from segbench.files.name_list import StemIndex
from segbench.files.names import bare
from segbench.files.remote import locate
from segbench.images.folders import files_below, names_by_kind, what_lies_in
from segbench.labels.space import LabelSpace

GTS = "GTS is the folder with the targets (ground truth), or the file of one"


def target_folder(root: Path | str, labels: LabelSpace | None = None, split: str = "val", names: str | None = None) -> Dataset:
    """Open a folder of targets, or the file of one, for scoring label maps.

    Without a label space it must be Cityscapes: the official layout, or files named so.

    Otherwise each label map below the folder is a target, whose id is its relative path without the suffix. In the labels of ISBI 2012 its
    segments are scored too.

    :param names: a pattern of the targets' names, in any sub-folder if it names none; what stands for its wildcards is the id.
    :raises DataError: there is no such folder, there are no targets, or nothing says which label space they are in.

    >>> import segbench
    >>> dataset = segbench.target_folder("gts", segbench.open_dataset("mydata.yaml").labels)
    >>> [sample.id for sample in dataset.samples]
    ['a', 'b', 'c']
    """
    root = locate(root)
    if not root.exists():
        raise DataError(f"{root}: there is no such folder", way_out=GTS)
    if names is None and labels in (None, cityscapes.LABELS):
        if (root / "gtFine" / split).is_dir():
            return cityscapes.read_layout("cityscapes", root, split)
        if named := [path for path in _files(root) if path.name.endswith(cityscapes.TARGET_SUFFIX)]:
            return _cityscapes_files(root, sorted(named, key=lambda path: path.name))
    if labels is None:
        raise DataError(
            f"{root}: no file here is named like a Cityscapes target (*{cityscapes.TARGET_SUFFIX})",
            way_out="say which labels these are: --dataset NAME or --labels FILE.yaml",
        )
    folder = root if root.is_dir() else root.parent
    targets = _targets(root, names)
    if not targets:
        looked = f", and nothing that is called {names}" if names else ""
        raise DataError(f"{root}: no label maps here; {what_lies_in(folder)}{looked}", way_out=GTS)
    segments = isbi2012.CELLS if labels == isbi2012.LABELS else None
    samples = targets if isinstance(targets, FolderSamples) else tuple(Sample(name, None, path) for name, path in targets.items())
    return Dataset(folder.resolve().name, "custom", labels, samples, folder, segments=segments)


def _files(root: Path) -> Iterable[Path]:
    return files_below(root) if root.is_dir() else [root]


def _targets(root: Path, names: str | None) -> dict[str, Path] | FolderSamples:
    """Targets by their ids, or the samples that they are.

    :raises DataError: two names differ in their endings alone, so that it is open which of them is the target.
    """
    if not root.is_dir():
        return {root.with_suffix("").name: root}
    if names is not None:
        return files_named(root, names)
    usual, rare = names_by_kind(root)
    if usual and rare:
        beside = {bare(name.rpartition("/")[2]) for name in usual}
        if left_out := [str(root / name) for name in rare if bare(name.rpartition("/")[2]) not in beside]:
            way_out = "move what is no target elsewhere, or say which are with --target-names '*.png' for instance"
            raise DataError(f"{root}: {len(left_out)} files of a rare kind would be left out", left_out, way_out)
    found = usual or rare
    if twins := [f"{root / found[first]} and {found[other].rpartition('/')[2]}" for first, other in StemIndex(found).doubled()]:
        raise DataError(
            f"{root}: {len(twins)} targets stand there twice", twins, "keep one of each, or say which with --target-names '*.png'"
        )
    return FolderSamples(root, found)


def _cityscapes_files(root: Path, targets: list[Path]) -> Dataset:
    def sample(target: Path) -> Sample:
        instances = target.with_name(target.name.replace("labelIds", "instanceIds"))
        extras = {"instances": instances} if instances.exists() else {}
        return Sample(target.name.removesuffix(cityscapes.TARGET_SUFFIX), None, target, extras)

    samples = tuple(sample(target) for target in targets)
    without = [s.target for s in samples if "instances" not in s.extras]
    if 0 < len(without) < len(samples):
        problems = [f"{target}: no instanceIds map beside it" for target in without]
        raise DataError(
            f"{len(without)} of {len(samples)} instance maps are missing", problems, "add them, or remove them all to leave iIoU out"
        )
    rule = None if without else cityscapes.INSTANCES
    folder = root if root.is_dir() else root.parent
    return Dataset(
        "cityscapes", "custom", cityscapes.LABELS, samples, folder, instances=rule, prefix_pairing=True, official_size=cityscapes.SIZE
    )

"""A folder of targets and a label space: enough to score label maps."""

from __future__ import annotations

from pathlib import Path

from segbench.datasets import cityscapes, isbi2012
from segbench.datasets.base import Dataset, Sample
from segbench.errors import DataError
from segbench.images.folders import label_map_files
from segbench.labels.space import LabelSpace


def target_folder(root: Path, labels: LabelSpace | None = None, split: str = "val") -> Dataset:
    """Targets below ``root``. Without a label space it must be Cityscapes: the official layout, or files named as its targets are.

    Otherwise each label map below the folder is a target, whose id is its relative path without the suffix. In the labels of ISBI 2012 its
    segments are scored too.

    :raises DataError: there is no such folder, there are no targets, or nothing says which label space they are in.

    >>> import segbench
    >>> from pathlib import Path
    >>> dataset = segbench.target_folder(Path("gts"), segbench.open_dataset("mydata.yaml").labels)
    >>> [sample.id for sample in dataset.samples]
    ['a', 'b', 'c']
    """
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder", way_out="GTS is the folder with the targets (ground truth)")
    if labels in (None, cityscapes.LABELS):
        if (root / "gtFine" / split).is_dir():
            return cityscapes.read_layout("cityscapes", root, split)
        if named := sorted(root.rglob(f"*{cityscapes.TARGET_SUFFIX}"), key=lambda path: path.name):
            return _cityscapes_files(root, named)
    if labels is None:
        raise DataError(
            f"{root}: no file here is named like a Cityscapes target (*{cityscapes.TARGET_SUFFIX})",
            way_out="say which labels these are: --dataset NAME or --labels FILE.yaml",
        )
    samples = tuple(Sample(path.relative_to(root).with_suffix("").as_posix(), None, path) for path in label_map_files(root))
    if not samples:
        raise DataError(f"{root}: no label maps here", way_out="GTS is the folder with the targets (ground truth)")
    segments = isbi2012.CELLS if labels == isbi2012.LABELS else None
    return Dataset(root.resolve().name, "custom", labels, samples, root, segments=segments)


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
    return Dataset(
        "cityscapes", "custom", cityscapes.LABELS, samples, root, instances=rule, prefix_pairing=True, official_size=cityscapes.SIZE
    )

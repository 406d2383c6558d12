"""What a dataset is: a label space and a list of file pairs. Plain data; every reader is a function that returns one."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.errors import DataError, ImageError, UsageError
from segbench.images.buffers import Allocate
from segbench.images.files import Picture, read_image, read_uint16
from segbench.images.label_maps import LabelMaps
from segbench.images.library import TURNED, orientation_in
from segbench.labels.space import LabelSpace
from segbench.metrics.instance_iou import InstanceRule


@dataclass(frozen=True)
class Sample:
    """One image and its target.

    ``id`` is unique in the dataset and is what predictions are paired by. ``image`` is ``None`` where only label maps are to be scored.
    ``extras`` holds further files by kind: ``instances`` (uint16 instance ids), ``depth`` (Cityscapes: the 16-bit disparity map).

    >>> import segbench
    >>> from pathlib import Path
    >>> segbench.Sample("a", Path("images/a.png"), Path("gts/a.png")).id
    'a'
    """

    id: str
    image: Picture | None
    target: Picture
    extras: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class TargetFiles:
    """Reads targets that are label maps of ids, as nearly all are."""

    maps: LabelMaps

    def __call__(self, sample: Sample) -> NDArray[np.uint8]:
        """A sample's label ids, uint8[H, W]."""
        return self.maps.read(sample.target)


@dataclass(frozen=True)
class Dataset:
    """A label space and samples in a fixed (sorted) order.

    ``read_target`` gives a sample's label ids, uint8[H, W]; without one they stand in the target's file (:class:`TargetFiles`).
    ``prefix_pairing``: the prediction of a sample is the file whose name begins with the sample's id, as the Cityscapes scripts have it.
    ``builtin``: segbench makes the data itself. ``read_depth`` gives float32[H, W] in the units that networks are fed, which are a fact of
    the dataset; ``None`` where there is no depth.
    ``official_images``: how many this split has as it is handed out; ``official_size`` is the (height, width) of all its targets, where
    they have one. ``shared_folders``: its folders hold other images too, of other splits for instance, and that is no mistake.
    ``opened_as`` is what it was asked for by, for commands that repeat a run; it is empty where the dataset was made by hand.
    ``segments``: the class whose regions are to be told apart, so that V_rand and V_info are scored; ``None`` where regions mean
    nothing. ``facts``: what records say of where the data are from, a revision for instance. ``whole``: how many samples there were, where
    only the first were taken. ``splits``: those that can be opened beside this one, where it says so itself.
    ``corruption``: by name and severity, what networks see of every image (:mod:`segbench.images.corruptions.corrupting`); ``None`` is the
    image itself.

    >>> import segbench
    >>> from pathlib import Path
    >>> samples = tuple(segbench.Sample(name, Path(f"images/{name}.png"), Path(f"gts/{name}.png")) for name in ("a", "b"))
    >>> dataset = segbench.Dataset("mine", "val", segbench.label_space("camvid"), samples, Path())
    >>> len(dataset), dataset.title
    (2, 'mine-val')
    """

    name: str
    split: str
    labels: LabelSpace
    samples: Sequence[Sample]
    root: Path
    read_target: Callable[[Sample], NDArray[np.uint8]] = None  # type: ignore[assignment]
    instances: InstanceRule | None = None
    prefix_pairing: bool = False
    builtin: bool = False
    read_depth: Callable[[Sample], NDArray[np.float32]] | None = None
    official_images: int | None = None
    official_size: tuple[int, int] | None = None
    shared_folders: bool = False
    opened_as: str = ""
    segments: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    whole: int | None = None
    splits: tuple[str, ...] = ()
    corruption: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        if self.read_target is None:
            object.__setattr__(self, "read_target", TargetFiles(LabelMaps(self.labels)))

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def split_size(self) -> int:
        """How many samples the split has, whether or not all were taken."""
        return len(self) if self.whole is None else self.whole

    def first(self, number: int | None) -> Dataset:
        """The dataset with its first samples alone; ``None`` takes all.

        :raises UsageError: they are less than one.
        """
        if number is not None and number < 1:
            raise UsageError(f"the first {number} samples of {self.name} are none; take one at least")
        return self if number is None else replace(self, samples=self.samples[:number], whole=self.split_size)

    def only(self, ids: Container[str], which: str) -> Dataset:
        """The dataset with these samples alone; ``which`` they are is said in records."""
        samples = tuple(sample for sample in self.samples if sample.id in ids)
        return replace(self, samples=samples, whole=self.split_size, facts={**self.facts, "subset": which})

    @property
    def reference(self) -> str:
        """What to ask for it by."""
        return self.opened_as or self.name

    @property
    def is_described(self) -> bool:
        """Whether a file that it is asked for by says where its data are."""
        return self.reference.endswith((".yaml", ".yml")) or ":" in self.reference

    @property
    def title(self) -> str:
        """Name and split, as records and boards call it."""
        return f"{self.name}-{self.split}"


def read_photograph(sample: Sample, allocate: Allocate | None = None) -> NDArray[np.uint8]:
    """A sample's image, uint8[H, W, 3] RGB; ``allocate`` gives the memory that it is written to.

    :raises DataError: the sample has a target only, or the file cannot be read.
    """
    if sample.image is None:
        raise DataError(
            f"{sample.id}: this dataset has targets but no images", way_out="its label maps can be scored, models cannot run on it"
        )
    return read_image(sample.image, allocate)


def turned_by_exif(sample: Sample, image: tuple[int, ...], target: tuple[int, ...]) -> str:
    """Why an image and its target, of these (height, width), do not fit, if it is that EXIF turns the image; else nothing."""
    if sample.image is None or image[1::-1] != target or (orientation := orientation_in(sample.image)) not in TURNED:
        return ""
    return f"; EXIF turns the image ({orientation}), its target is drawn on what is stored"


def read_depth(dataset: Dataset, sample: Sample, size: tuple[int, int]) -> NDArray[np.float32]:
    """A sample's depth, float32[H, W], of the size of its image.

    :raises DataError: the dataset or the sample has none, or it is of another size.
    """
    if dataset.read_depth is None:
        raise DataError(f"{dataset.name} has no depth", way_out="choose models that need photographs only, or a dataset with depth")
    depth = dataset.read_depth(sample)
    if depth.shape != size:
        raise DataError(f"{sample.id}: depth is {depth.shape}, its image {size} (height, width)")
    return depth


def read_instances(sample: Sample, size: tuple[int, ...]) -> NDArray[np.uint16]:
    """A sample's instance map, uint16[H, W], of the size of its target.

    :raises DataError: the sample has none, or it cannot be read or is of another size.
    """
    if "instances" not in sample.extras:
        raise DataError(f"{sample.id}: there is no instance map", way_out="weights of pixels from instances need a dataset that has them")
    instances = read_uint16(sample.extras["instances"])
    if instances.shape != size:
        raise ImageError(sample.extras["instances"], f"size {instances.shape[::-1]}, the target is {size[::-1]} (width, height)")
    return instances


def require(paths: Mapping[str, Picture], what: str, way_out: str) -> None:
    """Check that every path exists.

    :raises DataError: naming every one that does not.
    """
    missing = [f"{path}: {role} is missing" for role, path in paths.items() if not path.exists()]
    if missing:
        raise DataError(f"{what}: {len(missing)} of {len(paths)} files are missing", missing, way_out)

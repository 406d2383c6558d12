"""Your own data, described in one YAML file: ``--dataset mydata.yaml``, or ``folder:mydata.yaml``.

    name: yard                             # default: the file's name
    root: data                             # where the patterns start; default: the file's folder; --data overrides it
    splits:
      train: {images: train/*.jpg, targets: train-masks/*.png}
      val: {images: val/*.jpg, targets: val-masks/*.png}
    classes:
      - {name: road, ids: [7], color: [128, 64, 128]}
      - {name: vehicle, ids: [26, 27]}     # default: its position in the list, and a colour of its own
    void:
      - {name: sky, ids: [23]}
    ignore: [0, 255, -1]                   # values that are not evaluated and need no name
    anomaly: [254]                         # values of what no class is, which `run --ood` looks for
    known: [253]                           # values of what is known, though of no class that is told: masks of anomalies hold such
    encoding: ids                          # of targets: ids, train-ids (positions, and 255 for void) or color

``images`` and ``targets`` at the top level are one split, ``val``. An image and a target belong together if the same text stands for their
wildcards. ``labels: cityscapes`` takes the classes of a builtin dataset instead of ``classes``, ``void`` and ``ignore``. ``palette`` is a
list of colours for classes that are plain names. Every problem of a file is found in one pass, and named with its line and its key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.base import Dataset, Sample, TargetFiles
from segbench.datasets.opening import label_space
from segbench.datasets.wildcards import matches, partners, wildcards
from segbench.errors import DataError, ImageError
from segbench.files.remote import locate
from segbench.files.settings import one_of, text
from segbench.files.yaml_schema import Key, named, plain, read_yaml, section
from segbench.images.label_maps import LabelMaps
from segbench.labels.encodings import FOREIGN, Encoding, id_of_byte
from segbench.labels.files import classes_reader, color, ids, label_reader, map_ids, read_label_space, void_reader
from segbench.labels.space import LabelClass, LabelSpace, void_in_bytes
from segbench.labels.tables import voc_color

ENCODINGS = ("ids", "train-ids", "color")
SPLIT = "val"


@dataclass(frozen=True)
class OwnData:
    """What the file says. ``splits``: name to (pattern of images or ``None``, pattern of targets).

    ``insists``: it says itself that targets are ids or train ids, whatever a palette shows.
    """

    name: str
    root: Path
    splits: Mapping[str, tuple[str | None, str]]
    labels: LabelSpace
    encoding: Encoding
    insists: bool = False


def own_dataset(yaml: str, data: Path | None = None, split: str | None = None) -> Dataset:
    """Your own images and targets, described in one YAML file.

    :raises DataError: the file has problems, there is no such split, or images and targets do not pair up; all are named.
    """
    path = Path(yaml)
    own = read_own(path)
    split = split or (SPLIT if SPLIT in own.splits else next(iter(own.splits)))
    if split not in own.splits:
        raise DataError(f"{path}: no split {split!r}", way_out=f"its splits are {', '.join(own.splits)}")
    root = own.root if data is None else data
    samples = _samples(path, root, *own.splits[split])
    reading, splits = _reading(path, own), tuple(own.splits)
    return Dataset(own.name, split, own.labels, samples, root, read_target=reading, shared_folders=True, splits=splits)


def read_own(path: Path) -> OwnData:
    """The description of a dataset.

    :raises DataError: it is missing, or has problems: each is named with its line.
    """
    try:
        labels = replace(KEYS["labels"], read=plain(partial(_labels_in, path.parent)))
        said = read_yaml(path, section("dataset", KEYS | {"labels": labels}, _checked))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file", way_out="--dataset takes a registered name, or a YAML file") from None
    name = said.get("name", path.stem)
    splits = said.get("splits") or {SPLIT: (said.get("images"), said["targets"])}
    return OwnData(
        name, path.parent / locate(said.get("root", ".")), splits, labels_of(name, said), said.get("encoding", "ids"), "encoding" in said
    )


def _labels_in(folder: Path, value: object) -> LabelSpace:
    """The label space of a builtin dataset, or of a file whose path starts at a folder."""
    name = text(value)
    return read_label_space(folder / name) if name.endswith((".yaml", ".yml")) else label_space(name)


def _samples(path: Path, root: Path, image_pattern: str | None, target_pattern: str) -> tuple[Sample, ...]:
    targets = matches(root, target_pattern)
    if not targets:
        raise DataError(
            f"{path}: no file fits the pattern of targets, {root / target_pattern}", way_out="patterns start at root, or at --data DIR"
        )
    if image_pattern is None:
        return tuple(Sample(key, None, target) for key, target in targets.items())
    images = matches(root, image_pattern)
    if problems := partners(images, targets):
        raise DataError(
            f"{path}: {len(problems)} files have no partner among {len(images)} images and {len(targets)} targets",
            problems,
            f"they belong together if the same text stands for the wildcards of {image_pattern} and {target_pattern}",
        )
    return tuple(Sample(key, images[key], target) for key, target in targets.items())


def _reading(path: Path, own: OwnData) -> Callable[[Sample], NDArray[np.uint8]]:
    """How a target becomes label ids uint8[H, W]."""
    advice = {encoding: f"say `encoding: {encoding}` in {path}" for encoding in ENCODINGS}
    if own.labels.name == own.name:  # and not those of a builtin dataset
        advice["void"] = f"add {{}} to `ignore` in {path}"
    maps = LabelMaps(own.labels, own.encoding, insists=own.insists, advice=advice)
    if own.encoding == "color":
        return TargetFiles(maps)
    table = id_of_byte(own.labels, own.encoding)
    id_of, foreign = table.astype(np.uint8), table == FOREIGN

    def read(sample: Sample) -> NDArray[np.uint8]:
        target = maps.read(sample.target)
        if (unknown := foreign[target]).any():
            found = np.unique(target[unknown]).tolist()
            raise ImageError(
                sample.target,
                f"the bytes {found} stand for no label of {own.labels.name!r} (encoding {own.encoding}); name them, or `ignore` them",
            )
        return target if own.encoding == "ids" else id_of[target]

    return read


def _checked(said: dict[str, Any]) -> dict[str, Any]:
    """The keys that do not go together.

    :raises ValueError: naming them.
    """
    if ("splits" in said) == ("targets" in said) or ("splits" in said and "images" in said):
        raise ValueError("give either splits, or images and targets of one split")
    if "splits" not in said:
        _check_patterns(said)
    return check_labels(said)


def check_labels(said: dict[str, Any]) -> dict[str, Any]:
    """The keys that say which labels there are.

    :raises ValueError: they do not go together.
    :raises LabelError: two labels own one id or share a name.
    """
    if ("labels" in said) == ("classes" in said):
        raise ValueError("give either classes, or labels: the name of a builtin dataset that has the same")
    if "labels" in said and (extra := sorted({"void", "ignore", "palette"} & set(said))):
        raise ValueError(f"{' and '.join(extra)} belong to classes, not to labels")
    labels_of("classes, void and ignore", said)
    return said


def _check_patterns(said: Mapping[str, Any]) -> tuple[str | None, str]:
    """(images, targets) of one split.

    :raises ValueError: there are no targets, or the wildcards of the two are not the same.
    """
    images, targets = said.get("images"), said.get("targets")
    if targets is None:
        raise ValueError("targets are missing: say where they are, e.g. targets: masks/*.png")
    if not wildcards(targets) or (images is not None and wildcards(images) != wildcards(targets)):
        raise ValueError(
            f"images {images!r} and targets {targets!r} need the same wildcards, at least one: what they stand for pairs the files"
        )
    return images, targets


def labels_of(name: str, said: Mapping[str, Any]) -> LabelSpace:
    """The label space of a whole description.

    :raises LabelError: two labels own one id or share a name.
    :raises ValueError: colours are missing or too few.
    """
    marked = {key: said[key] for key in ("anomaly", "known") if key in said}
    space = _own_labels(name, said)
    return space.marking(**marked) if marked else space


def _own_labels(name: str, said: Mapping[str, Any]) -> LabelSpace:
    """The labels without what is said of anomalies."""
    if "labels" in said:
        return said["labels"]  # type: ignore[no-any-return]
    palette = said.get("palette")
    if palette is not None and len(palette) != len(said["classes"]):
        raise ValueError(f"palette has {len(palette)} colours for {len(said['classes'])} classes")
    colors = palette or [voc_color(index + 1) for index in range(len(said["classes"]))]
    entries = [{"color": color} | entry for entry, color in zip(said["classes"], colors, strict=True)]
    bare = [] if palette else [entry["name"] for entry in said["classes"] if "color" not in entry]
    if said.get("encoding") == "color" and bare:
        raise ValueError(f"encoding: color needs a color for {', '.join(bare)}")
    space = LabelSpace.from_dict({"name": name, "classes": entries, "void": said.get("void", [])})
    classes = tuple(replace(label, own_color=label.name not in bare) for label in space.classes)
    ignored = (LabelClass("ignored", tuple(said["ignore"]), (0, 0, 0), own_color=False),) if said.get("ignore") else ()
    return replace(space, classes=classes, void=void_in_bytes(classes, space.void + ignored))


def _palette(value: object) -> Sequence[tuple[int, ...]]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list of [red, green, blue]")
    return [color(each) for each in value]


_TEXT = plain(text)
LABEL_KEYS = {
    "labels": Key(
        plain(lambda value: label_space(text(value))),
        "the name of a dataset, or a YAML file",
        "Takes the classes of a builtin dataset, or of a label space beside this file, instead of `classes`.",
    ),
    "classes": Key(
        classes_reader(label_reader(map_ids)),
        "a list of labels, or of names",
        "The classes; names alone are the bytes 0, 1, ... in their order.",
    ),
    "palette": Key(plain(_palette), "a list of [red, green, blue]", "A colour for each class, where classes are names alone."),
    "void": Key(void_reader(ids), "a list of labels with ids", "Labels whose pixels are not evaluated."),
    "ignore": Key(plain(ids), "a whole number, or a list of them", "Label ids that are not evaluated and need no name."),
    "anomaly": Key(plain(ids), "a whole number, or a list of them", "Label ids of anomalies, which `run --ood` looks for."),
    "known": Key(
        plain(ids),
        "a whole number, or a list of them",
        "Label ids of what is no anomaly, though the targets do not tell its class; mIoU leaves it out.",
    ),
}
_IMAGES = Key(
    _TEXT, "a path with wildcards", "Where images are, e.g. `val/*.jpg`. Without images label maps can be scored, and models cannot run."
)
_TARGETS = Key(
    _TEXT, "a path with wildcards", "Where targets are; an image and a target belong together if the same text stands for their wildcards."
)
SPLIT_KEYS = {"images": _IMAGES, "targets": _TARGETS}
KEYS = {
    "name": Key(_TEXT, "text", "What records call the dataset. Default: the file's name without its ending."),
    "root": Key(_TEXT, "a folder", "Where the patterns start. Default: the folder of the file; `--data` overrides it."),
    **SPLIT_KEYS,
    "splits": Key(
        named(section("split", SPLIT_KEYS, _check_patterns)),
        "a name: its images and targets",
        "Several splits by name, each with `images` and `targets` of its own; without it there is one split, `val`.",
    ),
    **LABEL_KEYS,
    "encoding": Key(
        plain(one_of(*ENCODINGS)),
        "`ids`, `train-ids` or `color`",
        "How targets are written: bytes that are ids, positions of classes with 255 for void, or colours. Default: ids.",
    ),
}

"""Folders as datasets are handed out: where a layout begins, its splits and lists, and which target belongs to which image.

Whatever is missing is an error that names every missing file at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PureWindowsPath

from segbench.datasets.base import Sample, require
from segbench.errors import DataError
from segbench.files.names import as_written, composed
from segbench.files.remote import locate
from segbench.files.text import read_text
from segbench.images.content import Picture


def folder_of(name: str, data: Path | None, holds: Sequence[str], nested: Sequence[str], way_out: str) -> Path:
    """Where a layout begins: ``data``, or the first of the folders ``nested`` below it, that holds all of ``holds``.

    :raises DataError: no folder is given, or it is none of these.
    """
    if data is None:
        raise DataError(f"{name}: no folder given", way_out=way_out)
    top = locate(data)
    candidates = [top, *(top / folder for folder in nested)]
    for folder in candidates:
        if all((folder / entry).exists() for entry in holds):
            return folder
    raise DataError(f"{name}: {' and '.join(holds)} not found in {' or '.join(map(str, candidates))}", way_out=way_out)


def require_split(name: str, split: str, splits: Iterable[str]) -> None:
    """Check that a dataset has a split.

    :raises DataError: it has not; its splits are named.
    """
    if split not in splits:
        raise DataError(f"{name} has no split {split!r}", way_out=f"its splits are {', '.join(splits)}")


def read_list(name: str, path: Path, way_out: str) -> list[str]:
    """The ids of a list, sorted, each once: of each line the first word or cell, without folders (as any system writes them) and suffix.

    :raises DataError: the list is missing or empty.
    """
    require({"list of the split": path}, name, way_out)
    words = (re.split(r"[\s;,]", line.strip())[0].strip('"') for line in read_text(path).splitlines())
    ids = {PureWindowsPath(word).stem for word in words if word}
    if not ids:
        raise DataError(f"{path}: the list of the split is empty", way_out=way_out)
    return sorted(ids)


def listed_samples(
    name: str, ids: Iterable[str], image: Callable[[str], Path], target: Callable[[str], Path], way_out: str
) -> tuple[Sample, ...]:
    """The samples of a list of ids, whose files a rule names.

    :raises DataError: files are missing; all are named.
    """
    samples = tuple(Sample(i, as_written(image(i)), as_written(target(i))) for i in ids)
    files = {f"target of {s.id}": s.target for s in samples} | {f"image of {s.id}": s.image for s in samples if s.image}
    require(files, name, way_out)
    return samples


def files_by_id(folder: Path, suffix: str, suffixes_of_others: tuple[str, ...] = ()) -> dict[str, Path]:
    """The files of a folder that end in ``suffix``, in whatever case, by the rest of their names; none where there is no such folder.

    ``suffixes_of_others``: longer endings that some tool puts beside them.
    """
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    wanted = (n for n in names if n.lower().endswith(suffix) and not n.startswith(".") and not n.lower().endswith(suffixes_of_others))
    return {composed(n[: -len(suffix)]): folder / n for n in wanted}


def paired_samples(
    name: str, images: Mapping[str, Picture], targets: Mapping[str, Picture], looked_for: str, way_out: str
) -> tuple[Sample, ...]:
    """The samples of a folder of images and a folder of targets, sorted by id.

    :param looked_for: what was looked for, for the error if there is nothing.
    :raises DataError: both are empty, or an image has no target or a target no image; all are named.
    """
    if not images and not targets:
        raise DataError(f"{name}: there is nothing in {looked_for}", way_out=way_out)
    problems = [f"{images[i]}: its target is missing" for i in sorted(set(images) - set(targets))]
    problems += [f"{targets[i]}: its image is missing" for i in sorted(set(targets) - set(images))]
    if problems:
        raise DataError(f"{name}: {len(problems)} files have no partner", problems, way_out)
    return tuple(Sample(i, images[i], targets[i]) for i in sorted(images))

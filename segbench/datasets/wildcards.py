"""Files that belong together: those for which the same text stands in the wildcards of two patterns.

photos/*_rgb.jpg      photos/bern_rgb.jpg, photos/chur_rgb.jpg     ->  bern, chur
masks/*_labels.png    masks/bern_labels.png                        ->  bern            chur has no target
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from segbench.errors import DataError
from segbench.files.names import ENDINGS, bare, composed
from segbench.files.remote import RemotePath
from segbench.images.folders import files_below, require_folder

WILDCARD = re.compile(r"\*\*/|\*|\?")
_MEANING = {"**/": r"((?:[^/]+/)*)", "*": r"([^/]*)", "?": r"([^/])"}


def wildcards(pattern: str) -> list[str]:
    """The wildcards of a pattern in their order: ``*`` within a name, ``?`` for one character, ``**/`` for any folders."""
    return WILDCARD.findall(pattern)


def matches(root: Path, pattern: str) -> dict[str, Path]:
    """Files below ``root`` that a pattern finds, by what stands in its wildcards, parts joined by ``/``; in sorted order.

    Names that Unicode has several forms for are the same in any of them.

    :raises DataError: a folder cannot be read, or a link to one leads nowhere.
    """
    found: dict[str, Path] = {}
    for key, name in _matching(root, pattern):
        found[key if key not in found else Path(name).as_posix()] = root / name
    return dict(sorted(found.items()))


def files_named(root: Path, names: str) -> dict[str, Path]:
    """Label maps whose names a pattern fits, in any sub-folder if it names none, by what stands in its wildcards.

    ``.*`` at its end is the ending of a picture, or two of them, and no part of that.

    :raises DataError: a folder cannot be read, or two files differ in their endings alone.
    """
    pattern = names if "/" in names else f"**/{names}"
    if not names.endswith(".*"):
        return matches(root, pattern)
    files: dict[str, list[Path]] = {}
    for key, name in _matching(root, pattern):
        if (path := root / name).suffix.lower() in ENDINGS:
            files.setdefault(bare(key.rpartition("/")[0]), []).append(path)
    if twins := [" and ".join(map(str, paths)) for paths in files.values() if len(paths) > 1]:
        way_out = f"keep one of each, or say which: '{names[:-1]}png' for instance"
        raise DataError(f"{root}: {len(twins)} files that '{names}' fits differ in their endings alone", twins, way_out)
    return {key: paths[0] for key, paths in sorted(files.items())}


def _matching(root: Path, pattern: str) -> Iterator[tuple[str, str]]:
    """What stands in the wildcards, and the name below ``root``, of every file that a pattern fits."""
    expression = _expression(composed(pattern))
    for name in _candidates(root, pattern):
        match = expression.fullmatch(composed(Path(name).as_posix()))
        if match and not (root / name).is_dir():
            yield "/".join(part.strip("/") for part in match.groups() if part), name


def _candidates(root: Path, pattern: str) -> Iterable[str]:
    """Names below ``root`` that a pattern may fit."""
    if "**/" not in pattern and pattern.isascii() and not isinstance(root, RemotePath):
        # Brackets are names of folders here, not sets of characters.
        literal = re.sub(r"([\[\]])", r"[\1]", pattern)
        for end in (at for at, character in enumerate(literal) if character == "/" and at):
            for name in glob.glob(literal[:end], root_dir=root) if WILDCARD.search(literal[:end]) else ():
                require_folder(root / name)
        return glob.glob(literal, root_dir=root)
    folder = WILDCARD.split(pattern)[0].rpartition("/")[0] or ("/" if pattern.startswith("/") else "")
    start = root / folder
    if not start.is_dir():
        return []
    return [str(Path(folder) / path.relative_to(start)) for path in files_below(start)]


def partners(images: Mapping[str, Path], targets: Mapping[str, Path]) -> tuple[str, ...]:
    """A line for each image without a target, and each target without an image."""
    return (
        *(f"{targets[key]}: a target without an image" for key in targets if key not in images),
        *(f"{images[key]}: an image without a target" for key in images if key not in targets),
    )


def _expression(pattern: str) -> re.Pattern[str]:
    literal = WILDCARD.split(pattern)
    parts: Iterable[str] = (_MEANING[wildcard] + re.escape(text) for wildcard, text in zip(wildcards(pattern), literal[1:], strict=True))
    return re.compile(re.escape(literal[0]) + "".join(parts))

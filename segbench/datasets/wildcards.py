"""Files that belong together: those for which the same text stands in the wildcards of two patterns.

photos/*_rgb.jpg      photos/bern_rgb.jpg, photos/chur_rgb.jpg     ->  bern, chur
masks/*_labels.png    masks/bern_labels.png                        ->  bern            chur has no target
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

WILDCARD = re.compile(r"\*\*/|\*|\?")
_MEANING = {"**/": r"((?:[^/]+/)*)", "*": r"([^/]*)", "?": r"([^/])"}


def wildcards(pattern: str) -> list[str]:
    """The wildcards of a pattern in their order: ``*`` within a name, ``?`` for one character, ``**/`` for any folders."""
    return WILDCARD.findall(pattern)


def matches(root: Path, pattern: str) -> dict[str, Path]:
    """Files below ``root`` that a pattern finds, by what stands in its wildcards, parts joined by ``/``; in sorted order."""
    found = {}
    # Brackets are names of folders here, not sets of characters.
    for name in glob.glob(re.sub(r"([\[\]])", r"[\1]", pattern), root_dir=root, recursive=True):
        match = _expression(pattern).fullmatch(Path(name).as_posix())
        if match and (root / name).is_file():
            found["/".join(part.strip("/") for part in match.groups() if part)] = root / name
    return dict(sorted(found.items()))


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

"""What the adapters share: optional packages, checksums of weight files, classes by name, and the line that says what a network is fed."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from segbench.errors import MissingPackageError, ProtocolError, UsageError, WeightsError
from segbench.labels.space import MAX_CLASSES, LabelClass, LabelSpace
from segbench.models.segmenter import InputRule, Normalize, Segmenter

NAMED_CLASSES = 5


def import_package(name: str, *, purpose: str, pip: str) -> Any:
    """An optional package.

    :raises MissingPackageError: it is not installed, or it cannot be imported: compiled packages fail in their own ways beside a torch that
        they were not built for.
    """
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == name.partition(".")[0]
        raise MissingPackageError(name.partition(".")[0], purpose, pip, problem="" if missing else str(error)) from error


def sha256_of_files(paths: Iterable[Path]) -> str:
    """SHA-256 of one file's bytes; of several files, that of their names and checksums in the order of their names.

    :raises WeightsError: there is no file.

    >>> import segbench
    >>> from pathlib import Path
    >>> len(segbench.sha256_of_files([Path("enet.safetensors")]))
    64
    """
    digests = []
    for path in sorted(paths, key=lambda path: (path.name, path)):
        with path.open("rb") as file:
            digests.append((path.name, hashlib.file_digest(file, "sha256").hexdigest()))
    if not digests:
        raise WeightsError("there are no weight files to take a checksum of")
    if len(digests) == 1:
        return digests[0][1]
    return hashlib.sha256("".join(f"{name}\0{digest}\n" for name, digest in digests).encode()).hexdigest()


def existing_file(reference: str, prefix: str) -> Path:
    """The file that a name such as ``onnx:FILE`` means.

    :raises WeightsError: there is none.
    """
    path = Path(reference)
    if not path.is_file():
        raise WeightsError(f"{prefix}:{reference}: there is no such file")
    return path


def named_classes(space: str, names: Sequence[str]) -> LabelSpace:
    """A label space of class names in the order of a network's scores; class index and label id are the same.

    :raises WeightsError: there are none or too many, or a name stands there twice.

    >>> import segbench
    >>> segbench.named_classes("theirs", ["road", "car"]).id_of_index.tolist()
    [0, 1]
    """
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated or not 0 < len(names) <= MAX_CLASSES:
        problem = f"{', '.join(repeated)} more than once" if repeated else f"{len(names)} classes; it needs 1 to {MAX_CLASSES}"
        raise WeightsError(f"{space} names {problem}")
    return LabelSpace(space, tuple(LabelClass(name, (index,), (0, 0, 0)) for index, name in enumerate(names)))


def refuse_size(title: str, size: tuple[int, int]) -> NoReturn:
    """Say how a network that takes one (height, width) only is evaluated.

    :raises ProtocolError: always.
    """
    only = f"{size[0]}x{size[1]}"
    raise ProtocolError(
        f"{title} takes images of {only} only: bring others to that size with "
        f"--input-size {only}, or cut larger ones into windows with --crop {only} --stride HxW"
    )


def from_unit_range(mean: Sequence[float], std: Sequence[float], *, scale: float = 1 / 255, bgr: bool = False) -> Normalize:
    """Normalisation that others write for values ``byte * scale``, in units of a byte.

    :raises WeightsError: they are not three finite numbers of each, or a ``std`` is not positive.
    """
    try:
        return Normalize(_rounded(mean, scale), _rounded(std, scale), "BGR" if bgr else "RGB")
    except (ArithmeticError, UsageError) as error:
        found = f"mean {list(mean)} and std {list(std)} of values {scale:g} times a byte"
        raise WeightsError(f"normalisation by {found}: there must be three finite numbers of each, and std positive") from error


def _rounded(values: Sequence[float], scale: float) -> tuple[float, ...]:
    # 0.485 * 255 is 123.67499999999999: twelve digits are more than anybody wrote down.
    return tuple(float(f"{value / scale:.12g}") for value in values)


def feeds(segmenter: Segmenter) -> str:
    """One line that says what the network gets for a photograph, and what its scores stand for."""
    how = segmenter.normalize
    names = segmenter.labels.class_names
    shown = ", ".join(names[:NAMED_CLASSES]) + (", ..." if len(names) > NAMED_CLASSES else "")
    parts = [
        f"{segmenter.name} feeds {how.order}, (x - {_numbers(how.mean)}) / {_numbers(how.std)} of bytes 0..255",
        _sizes(segmenter.input_rule, segmenter.runtime.only_size),
        *segmenter.runtime.notes,
        f"{len(names)} classes ({shown})",
    ]
    if note := (segmenter.trained_on or {}).get("input_note"):
        parts.append(str(note))
    if segmenter.weights_sha256:
        parts.append(f"weights sha256 {segmenter.weights_sha256[:8]}")
    return "; ".join(parts)


def _numbers(values: Sequence[float]) -> str:
    return f"{values[0]:.6g}" if len(set(values)) == 1 else "[" + " ".join(f"{value:.6g}" for value in values) + "]"


def _sizes(rule: InputRule, only: tuple[int, int] | None) -> str:
    if only is not None:
        return f"images of {only[0]}x{only[1]} only"
    if rule == InputRule():
        return "sides as they are"
    remainder = f" k + {rule.remainder}" if rule.remainder else ""
    multiples = [f"multiples of {rule.divisor}{remainder}"] if rule.divisor > 1 else []
    least = [f"at least {rule.min_size}"] if rule.min_size > 1 else []
    context = f", with {rule.context} px of context" if rule.context else ""
    return f"sides mirrored to {', '.join(multiples + least) or 'fit'}{context}"

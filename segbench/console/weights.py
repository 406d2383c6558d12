"""`segbench weights`: public weights brought in, and what there are maps for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segbench.console.terminal import console, table
from segbench.datasets.opening import label_space
from segbench.errors import UnknownNameError, WeightsError
from segbench.kernels.bilinear import Grid
from segbench.labels.files import read_label_space
from segbench.labels.space import LabelSpace
from segbench.models.checkpoints import read_state
from segbench.models.public_weights import SOURCES, Imported, adopt, identify, provenance, sources_of
from segbench.models.segmenter import Normalize
from segbench.models.sources.base import UNIT, Source
from segbench.models.weights import save, sha256_of

NORMALIZE = {"imagenet": Normalize(), "unit": UNIT}
NORMALIZE_FORM = "imagenet, unit (0..1), or MEAN/STD/ORDER in bytes, e.g. 104,117,123/1,1,1/BGR"
TRUNK_LABELS = "cityscapes"
WHERE: dict[Grid, str] = {
    "half_pixel": "enlarged by half pixels (align_corners=False)",
    "align_corners": "enlarged with aligned corners",
    "asymmetric": "enlarged so that each lies on the first of its pixels",
}


def import_weights(
    model: str,
    file: Path,
    out: Path | None,
    *,
    labels: str | None,
    normalize: str | None,
    half: bool,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Read public weights, write them as ours, and say what came from where.

    :param settings: arguments of the model, for files that can be of two kinds.
    :raises WeightsError: a tensor does not fit; every one that does not is named, and nothing is written.
    """
    state = read_state(file)
    source = identify(model, state, file, settings)
    space, dataset = _labels(labels, source, file)
    imported = adopt(model, source, state, space, file=file, normalize=parse_normalize(normalize) if normalize else None)
    out = out or Path(f"{file.stem}-{model}.safetensors")
    if out.resolve() == file.resolve():
        raise WeightsError(f"{out}: the imported weights would overwrite the file that they come from; give another --out")
    save(out, imported.segmenter, trained_on=provenance(imported, file, sha256_of(file)), recipe={}, half=half)
    _report(imported, dataset, out)


def _labels(name: str | None, source: Source, file: Path) -> tuple[LabelSpace, str]:
    """The label space that was asked for, by a dataset's name or as a YAML file, or else the source's own; and the dataset's name."""
    if name is not None and name.endswith((".yaml", ".yml")):
        return read_label_space(Path(name)), "NAME"
    if name is None and isinstance(source.labels, LabelSpace):
        return source.labels, source.labels.name
    if name is None and source.labels is None and source.scores:
        raise WeightsError(f"{file}: nothing says which classes its scores are; give --labels, a dataset's name or a YAML file")
    dataset = name or (source.labels if isinstance(source.labels, str) else TRUNK_LABELS)
    return label_space(dataset), dataset


def parse_normalize(text: str) -> Normalize:
    """A named normalisation, or ``MEAN/STD/ORDER`` with three numbers each, in units of a byte.

    :raises UnknownNameError: it is neither.
    """
    if text in NORMALIZE:
        return NORMALIZE[text]
    try:
        mean, std, order = text.split("/")
        values = [tuple(float(number) for number in part.split(",")) for part in (mean, std)]
        return Normalize(values[0], values[1], order)  # type: ignore[arg-type]
    except ValueError:
        raise UnknownNameError(f"--normalize {text!r} is not {NORMALIZE_FORM}") from None


def _report(imported: Imported, dataset: str, out: Path) -> None:
    """Where the weights are from, what was left out or stays random, how images are normalised, and what to do next."""
    show, segmenter, source = console(stderr=True), imported.segmenter, imported.source
    show.print(f"{segmenter.name}: {source.name} ({source.url}), trained on {source.trained_on}")
    for name, reason in imported.left_out.items():
        show.print(f"  left out: {name} ({reason})")
    for name in imported.random:
        show.print(f"  random: {name}" + ("" if imported.start else " (only training needs it)"))
    facts = asdict(segmenter.normalize)
    show.print(f"  images: {facts['order']}, minus {_numbers(facts['mean'])}, over {_numbers(facts['std'])}, in bytes")
    show.print(f"  scores: {WHERE[segmenter.grid]}")
    show.print(f"  classes: {len(segmenter.labels.classes)}, of {segmenter.labels.name}")
    if source.note:
        show.print(f"  note: {source.note}")
    show.print(f"wrote {out} ({out.stat().st_size / 1e6:.2f} MB)")
    if imported.start:
        show.print("it is a start for training, and never evaluated:")
        show.print(f"  segbench train {segmenter.name} --dataset {dataset} --init {out} --out {segmenter.name}.safetensors")
    else:
        show.print("evaluate it with:")
        show.print(f"  segbench run --models {segmenter.name} --dataset {dataset} --weights {segmenter.name}={out}")


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.6g}" for value in values)


def list_sources() -> None:
    """Print the public weights that each model can take."""
    rows = [
        [model, source.name, "a start" if source.trunk else "whole", source.url]
        for model in SOURCES.table
        for source in sources_of(model)
        if not source.differs
    ]
    console().print(table(["model", "source", "gives", "where"], rows, text=("source", "gives", "where")))

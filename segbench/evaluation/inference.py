"""Segmenters on a dataset: each image is read and decoded once, for all of them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segbench.datasets.base import Dataset, Sample, read_depth, read_photograph, turned_by_exif
from segbench.errors import DataError, ImageError, LabelError, ProtocolError, blaming
from segbench.evaluation.graphs import Outputs, ReplayedPass
from segbench.evaluation.memory import is_out_of_memory, out_of_memory
from segbench.evaluation.multi_view import Beneath, protocol_scores
from segbench.evaluation.precision import arithmetic
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.transfer import Array, download, pinned_room, upload
from segbench.files.remote import read_ahead
from segbench.images.corruptions.corrupting import corrupt
from segbench.kernels.confidence_bins import length
from segbench.labels.decoding import Decoding
from segbench.metrics.calibration import Calibration
from segbench.metrics.image_counts import NOTHING, Beside, Counting, ImageCounts
from segbench.metrics.ood import Ood
from segbench.metrics.pair_counts import PairCounts
from segbench.models.finite import refuse_infinite_weights, refuse_unit_normalisation
from segbench.models.outputs import refuse_infinite
from segbench.models.segmenter import Segmenter
from segbench.parallel import map_ordered

Item = TypeVar("Item")

Keeping = bool | Callable[[Sample], bool]
"""Of which samples class maps are kept: of all, of none, or of those for which it is true."""

PAIRS = 256 * 256

HALF_HINT = "in fp16 numbers above 65504 are infinite: use --precision bf16 or fp32"


@dataclass(frozen=True, eq=False)
class Evaluated:
    """One sample: for each segmenter what was counted, over (target label id, predicted class index), and its class map.

    In a run of several models ``counts`` holds ``None`` for one that has failed (:mod:`segbench.evaluation.surviving`).

    ``class_maps`` uint8[H, W] class indices; empty unless they were asked for. ``passes``: how each pass was run; see
    :mod:`segbench.evaluation.graphs`.
    """

    sample: Sample
    counts: list[ImageCounts]
    class_maps: list[NDArray[np.uint8]]
    passes: list[str] = field(default_factory=list)


def evaluate(
    segmenters: Sequence[Segmenter],
    dataset: Dataset,
    *,
    protocol: Protocol | None = None,
    keep_class_maps: Keeping = False,
    graphs: bool = True,
    beside: Beside = NOTHING,
) -> Iterator[Evaluated]:
    """Run every segmenter on every sample, in the dataset's order.

    Networks are put into evaluation mode and must be on one device. Images of any size, one at a time: no padding, no duplicates. Class
    indices are the dataset's, those of a mapped segmenter too; C is outside then.

    :param keep_class_maps: of which samples class maps are given.
    :param graphs: whether passes on a CUDA device may be replayed from CUDA graphs.
    :param beside: what else is counted: in class maps, and of confidence.
    :raises LabelError: a segmenter's classes are neither the dataset's nor mapped to them; or a target holds ids that are of no label.
    :raises DataError: an image and its target differ in size, or cannot be read.
    :raises NetworkError: a network holds weights that are NaN or infinite, or gives something else than finite scores for each class.

    >>> import segbench
    >>> for image in segbench.evaluate([segbench.load_model("enet.safetensors")], segbench.open_dataset("mydata.yaml")):
    ...     print(image.sample.id, image.counts[0].pairs.pixels.sum())
    a 768
    b 768
    c 768
    """
    protocol = protocol or Protocol()
    for segmenter in segmenters:
        segmenter.network.eval()
        with blaming(segmenter.title):
            refuse_unfit(segmenter, dataset, protocol)
            if beside.ood:
                _refuse_unmarked(dataset)
            if beside.calibration:
                _refuse_mapped(segmenter)
    if protocol.void == "masked":
        segmenters = [_without_void(segmenter) for segmenter in segmenters]
    with_depth = any("depth" in segmenter.inputs for segmenter in segmenters)
    device = segmenters[0].device
    workers = decoders(device)
    read = partial(read_sample, dataset=dataset, with_depth=with_depth, device=device)
    depth = ("depth",) if with_depth else ()
    ahead = read_ahead(dataset.samples, lambda s: (s.image, s.target, *(s.extras.get(kind) for kind in depth)))
    reads = map_ordered(read, dataset.samples if ahead is None else ahead, workers=workers, ahead=2 * workers)
    countings = [counting_of(segmenter, dataset, beside) for segmenter in segmenters]
    replayed = graphs and device.type == "cuda"
    passes = [_Pass(segmenter, protocol, counting, graphs=replayed) for segmenter, counting in zip(segmenters, countings, strict=True)]
    whole_maps = any(counting.beside_pairs for counting in countings)
    kept = keep_class_maps if callable(keep_class_maps) else lambda _: bool(keep_class_maps)
    runs = ((each.sample, _run(passes, each, whole_maps or kept(each.sample))) for each in reads)
    for sample, (take_pairs, take_class_maps, ways) in _delayed(runs, by=2 if device.type == "cuda" else 0):
        counts = _counts_of(sample, segmenters, countings, take_pairs(), HALF_HINT if protocol.precision == "fp16" else "")
        class_maps = [_of_dataset(segmenter, take()[0]) for segmenter, take in zip(segmenters, take_class_maps, strict=False)]
        if whole_maps:
            target = dataset.read_target(sample)
            counts = [_with_maps(target, *each) for each in zip(countings, counts, class_maps, strict=True)]
        yield Evaluated(sample, counts, class_maps if kept(sample) else [], ways)


def counting_of(segmenter: Segmenter, dataset: Dataset, beside: Beside = NOTHING) -> Counting:
    """What is counted of a network that runs on a dataset, and what its class indices stand for; ``beside`` as in :func:`evaluate`."""
    return Counting(Decoding.of_network(dataset.labels, segmenter.mapping), segments=dataset.segments, **vars(beside))


def refuse_unfit(segmenter: Segmenter, dataset: Dataset, protocol: Protocol) -> None:
    """Check that a segmenter can run on a dataset under a protocol.

    :raises LabelError, DataError, ProtocolError, NetworkError: it cannot.
    """
    labels = segmenter.mapping.source if segmenter.mapping else dataset.labels
    if labels.wide or dataset.labels.wide:
        raise LabelError(
            f"models are run on up to 254 classes, and {dataset.labels.name!r} needs 16 bits a pixel; "
            "write class maps of 16 bits, and `segbench score` counts them"
        )
    if segmenter.labels.class_names != labels.class_names:
        raise LabelError(
            f"model {segmenter.name!r} knows the classes of {segmenter.labels.name!r}, not those of {dataset.labels.name!r}; "
            "--map by-name, or --map FILE, says which stand for which"
        )
    if unknown := set(segmenter.inputs) - {"rgb", "depth"}:
        raise DataError(f"model {segmenter.name!r} needs {' and '.join(sorted(unknown))}, which no dataset gives")
    if segmenter.temperature:
        refuse_without_logits(segmenter, protocol)
    refuse_infinite_weights(segmenter)
    refuse_unit_normalisation(segmenter)
    if protocol.precision == "tf32" and segmenter.device.type != "cuda":
        raise ProtocolError(f"tf32 is an arithmetic of CUDA devices, and the models are on {segmenter.device.type}; leave out --precision")


def refuse_without_logits(segmenter: Segmenter, protocol: Protocol) -> None:
    """Check that a network's class map is the argmax of logits, so that a temperature means something and moves no pixel.

    :raises ProtocolError: it is the argmax of probabilities.
    """
    if segmenter.probabilities:
        raise ProtocolError(f"model {segmenter.name!r} gives probabilities, and a temperature is for logits; leave it out")
    if len(protocol.views) > 1 or protocol.post != "none":
        raise ProtocolError(
            "a temperature is for logits, and --scales, --flip and --post dense-crf average probabilities; leave out these or it"
        )


def _refuse_mapped(segmenter: Segmenter) -> None:
    """Check that a segmenter's classes are the dataset's own.

    :raises LabelError: they are not.
    """
    if segmenter.mapping:
        raise LabelError(
            f"model {segmenter.name!r} has classes of its own, and the confidence of a class that is mapped is not defined; "
            "leave out --calibration, or run models that know the dataset's classes"
        )


def _refuse_unmarked(dataset: Dataset) -> None:
    """Check that the targets tell anomalies.

    :raises LabelError: they do not.
    """
    if not dataset.labels.marks_anomalies:
        raise LabelError(
            f"the label space {dataset.labels.name!r} of {dataset.title} marks no anomalies, so --ood finds none; leave it out, "
            "or say in a YAML file of your own data which ids are anomalies: `anomaly: [254]`"
        )


def _counts_of(
    sample: Sample, segmenters: Sequence[Segmenter], countings: Sequence[Counting], found: Array, hint: str
) -> list[ImageCounts]:
    """What every model gave for a sample, from the numbers of :func:`_run`.

    :raises NetworkError: scores are not finite.
    """
    largest = found[:, PAIRS : PAIRS + 1].copy().view(np.float64).ravel().tolist()
    for segmenter, own in zip(segmenters, largest, strict=True):
        with blaming(segmenter.title):
            refuse_infinite(own, segmenter.name, sample.id, hint)
    tables = found[:, :PAIRS].reshape(-1, 256, 256)
    counts = [_counts(sample, *each) for each in zip(segmenters, countings, tables, strict=True)]
    sums = found[:, PAIRS + 1 :].copy().view(np.float64)
    return [_with_sums(*each) for each in zip(segmenters, countings, counts, sums, strict=True)]


def _with_sums(segmenter: Segmenter, counting: Counting, counts: ImageCounts, sums: NDArray[np.float64]) -> ImageCounts:
    """The counts, with what was counted beneath the class map; ``sums`` are its numbers one after the other."""
    if counting.calibration:
        confidence, sums = np.split(sums, [length(len(segmenter.labels.classes))])
        counts = replace(counts, calibration=Calibration(confidence))
    return replace(counts, ood=Ood.of_image(sums.astype(np.int64))) if counting.ood else counts


def _counts(sample: Sample, segmenter: Segmenter, counting: Counting, counts: NDArray[np.int64]) -> ImageCounts:
    """What int64[256, 256] over the segmenter's own class indices give."""
    pairs = PairCounts.of(segmenter.mapping.fold(counts) if segmenter.mapping else counts)
    if problem := counting.decoding.problem(pairs.cells):
        raise LabelError(f"{sample.id}: {problem}: is this a map in another encoding?")
    return ImageCounts(pairs)


def _of_dataset(segmenter: Segmenter, class_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A class map in the dataset's class indices."""
    return segmenter.mapping.pred_index[class_map] if segmenter.mapping else class_map


def _with_maps(target: NDArray[np.uint8], counting: Counting, counts: ImageCounts, pred: NDArray[np.uint8]) -> ImageCounts:
    """The counts, with what is counted in whole class maps."""
    from segbench.metrics.counting import count_extras  # numba: only where it is asked for

    return replace(counts, **count_extras(counting, target, pred))


def decoders(device: torch.device) -> int:
    """How many threads read images for a device. A CPU is busy with the network; a GPU leaves all cores but two idle."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return max(2, cores - 2) if device.type == "cuda" else 2


def pass_of(segmenter: Segmenter, protocol: Protocol, counting: Counting | None = None, *, graphs: bool) -> ReplayedPass:
    """A segmenter's pass from (images, targets[, depth]) to class maps and counts."""
    beneath = Beneath() if counting is None else _beneath(segmenter, counting)

    def work(images: Tensor, targets: Tensor, depth: Tensor | None = None) -> Outputs:
        return protocol_scores(segmenter, images, depth, protocol).counts(targets, beneath)

    return ReplayedPass(work, "" if graphs and protocol.post == "none" else "not asked for")


def _beneath(segmenter: Segmenter, counting: Counting) -> Beneath:
    """What is counted of a segmenter's scores, with its tables on the segmenter's device."""
    decoding, device = counting.decoding, segmenter.device
    confidence_of = torch.from_numpy(decoding.target_index.astype(np.int32)).to(device) if counting.calibration else None
    role_of = torch.from_numpy(np.array(decoding.target_labels.role_of_id)).to(device) if counting.ood else None
    return Beneath(confidence_of, role_of, segmenter.temperature.value if segmenter.temperature else 1.0)


def _without_void(segmenter: Segmenter) -> Segmenter:
    """The segmenter without the scores that stand for no class of the dataset."""
    if segmenter.mapping is None:
        return segmenter
    mapping, outside = segmenter.mapping, len(segmenter.mapping.target.classes)
    inside = tuple(index for index, at in enumerate(mapping.target_of) if at < outside)
    labels = replace(mapping.source, classes=tuple(mapping.source.classes[index] for index in inside))
    rest = replace(mapping, source=labels, target_of=tuple(mapping.target_of[index] for index in inside))
    return replace(segmenter, labels=labels, channels=inside, scores=len(mapping.source.classes), mapping=rest)


@dataclass(frozen=True, eq=False)
class Uploaded:
    """A sample whose files were read. ``take()`` gives image, target and depth as batches of one on the device."""

    sample: Sample
    take: Callable[[], list[Tensor | None]]


class _Pass:
    """A segmenter's pass under a protocol; what fails in it is the model's fault, and says so."""

    def __init__(self, segmenter: Segmenter, protocol: Protocol, counting: Counting, *, graphs: bool) -> None:
        self.segmenter, self.protocol = segmenter, protocol
        self.replayed = pass_of(segmenter, protocol, counting, graphs=graphs)

    def __call__(self, sample: Sample, inputs: Sequence[Tensor]) -> tuple[Outputs, str]:
        with blaming(self.segmenter.title):
            try:
                with arithmetic(inputs[0].device, self.protocol.precision):
                    return self.replayed(*inputs)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                said = str(error)
            # Outside of the handler: the error holds what was computed so far.
            raise out_of_memory(self.segmenter, sample.id, inputs, self.protocol) from RuntimeError(said)


@torch.inference_mode()
def _run(passes: Sequence[_Pass], read: Uploaded, keep: bool) -> tuple[Callable[[], Array], list[Callable[[], Array]], list[str]]:
    """Start every network on a sample.

    Returns what waits for int64[models, 65537], the counts and behind them the bits of the largest magnitude as a float64, and of what was
    counted of its confidence; what waits for each class map if they are kept; and how each pass was run.
    """
    inputs = [plane for plane in read.take() if plane is not None]
    results = [each(read.sample, inputs) for each in passes]
    class_maps = [download(outputs[0]) for outputs, _ in results] if keep else []
    numbers = [(counts.view(-1), *(each.double().view(-1).view(torch.int64) for each in more)) for (_, counts, *more), _ in results]
    parts = [part for of_model in numbers for part in of_model]
    return download(torch.cat(parts).view(len(results), -1)), class_maps, [how for _, how in results]


def _delayed(items: Iterable[Item], by: int) -> Iterator[Item]:
    """The items, each given out when the one ``by`` places behind it has been made."""
    waiting: deque[Item] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) > by:
            yield waiting.popleft()
    yield from waiting


def read_sample(sample: Sample, dataset: Dataset, with_depth: bool, device: torch.device) -> Uploaded:
    """A sample's image, target and depth, on their way to the device.

    :raises DataError: they cannot be read, or differ in size.
    """
    try:
        image, target = read_photograph(sample, pinned_room(device)), dataset.read_target(sample)
    except ImageError as error:
        raise DataError(str(error), way_out=f"`segbench data check {dataset.reference}` names every file that cannot be read") from error
    if dataset.corruption is not None:
        image[...] = corrupt(image, *dataset.corruption, sample.id)
    if image.shape[:2] != target.shape:
        raise DataError(
            f"{sample.id}: image {sample.image} is {image.shape[:2]}, target {sample.target} is {target.shape} (height, width)"
            + turned_by_exif(sample, image.shape[:2], target.shape),
            way_out="segbench scores at the target's own size and never resizes a target",
        )
    depth = read_depth(dataset, sample, target.shape) if with_depth else None
    return Uploaded(sample, upload((image, target, depth), device))

"""Temperatures: found on a dataset for every network, and given to networks that run with them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segbench.datasets.base import Dataset
from segbench.errors import DataError, LabelError, RecordError, UsageError, blaming
from segbench.evaluation.inference import decoders, read_sample, refuse_unfit, refuse_without_logits
from segbench.evaluation.multi_view import Beneath, protocol_scores
from segbench.evaluation.precision import arithmetic
from segbench.evaluation.protocol import Protocol
from segbench.files.settings import number_in
from segbench.metrics.tempering import AROUND, GRID, Fitted, fit, guess
from segbench.models.outputs import refuse_infinite
from segbench.models.segmenter import Segmenter
from segbench.models.temperature import Temperature
from segbench.parallel import map_ordered
from segbench.records.data_facts import data_facts
from segbench.records.temperature import read_temperatures

Floats = NDArray[np.float64]
Histogram = tuple[str, NDArray[np.int64]]


def fit_temperatures(
    segmenters: Sequence[Segmenter], dataset: Dataset, protocol: Protocol
) -> Generator[tuple[int, int], None, tuple[list[Fitted], dict[str, Any]]]:
    """Find the temperature of every network on the labelled pixels of a dataset, in two passes over its images.

    Yields how many images of how many were seen, and returns the temperatures and the facts of the data.

    :raises ProtocolError, LabelError, DataError, NetworkError: a network has no logits or does not fit, or no temperature is the best.
    """
    for segmenter in segmenters:
        segmenter.network.eval()
        with blaming(segmenter.title):
            refuse_unfit(segmenter, dataset, protocol)
            refuse_without_logits(segmenter, protocol)
            if segmenter.mapping:
                raise LabelError(f"model {segmenter.name!r} has classes of its own, and the NLL of a class that is mapped is not defined")
    images, passes = len(dataset), list[list[Floats]]()
    targets = list[Histogram]()
    inverses = [GRID for _ in segmenters]
    for turn in range(2):
        totals = [np.zeros(1 + 3 * len(each)) for each in inverses]
        for done, (histogram, sums) in enumerate(_sums(segmenters, dataset, protocol, inverses), 1):
            totals = [total + own for total, own in zip(totals, sums, strict=True)]
            targets += [histogram] if turn == 0 else []
            yield turn * images + done, 2 * images
        passes.append(totals)
        if turn == 0:
            inverses = [_named(segmenter, guess, total) * AROUND for segmenter, total in zip(segmenters, totals, strict=True)]
    found = [_named(segmenter, fit, *both) for segmenter, both in zip(segmenters, zip(*passes, strict=True), strict=True)]
    return found, data_facts(dataset, targets)


def _named(segmenter: Segmenter, work: Any, *sums: Floats) -> Any:
    """What work on a model's sums gives; an error names the model."""
    try:
        return work(*sums)
    except DataError as error:
        raise DataError(f"{segmenter.title}: {error}") from error


@torch.inference_mode()
def _sums(
    segmenters: Sequence[Segmenter], dataset: Dataset, protocol: Protocol, inverses: Sequence[Floats]
) -> Iterator[tuple[Histogram, list[Floats]]]:
    """Of every image the pixels of each target id, and for every network what :func:`segbench.kernels.tempered.count_tempered` gives."""
    device = segmenters[0].device
    workers, with_depth = decoders(device), any("depth" in segmenter.inputs for segmenter in segmenters)
    index = torch.from_numpy(dataset.labels.index_of_id.astype(np.int32)).to(device)
    tables = [Beneath(confidence_of=index, inverses=torch.tensor(each, dtype=torch.float32, device=device)) for each in inverses]
    read = partial(read_sample, dataset=dataset, with_depth=with_depth, device=device)
    for each in map_ordered(read, dataset.samples, workers=workers, ahead=2 * workers):
        images, targets, depth = each.take()
        assert images is not None
        assert targets is not None
        histogram = np.bincount(targets.cpu().numpy().reshape(-1), minlength=256).astype(np.int64)
        if unknown := sorted(set(np.flatnonzero(histogram).tolist()) - dataset.labels.known_ids):
            raise LabelError(
                f"{each.sample.id}: target ids {unknown} are not in {dataset.labels.name!r}: is this a map in another encoding?"
            )
        found = []
        for segmenter, beneath in zip(segmenters, tables, strict=True):
            with blaming(segmenter.title), arithmetic(device, protocol.precision):
                *_, largest, sums = protocol_scores(segmenter, images, depth, protocol).counts(targets, beneath)
                refuse_infinite(float(largest), segmenter.name, each.sample.id)
            found.append(sums.cpu().numpy())
        yield (each.sample.id, histogram), found


def tempered(
    segmenters: Sequence[Segmenter], source: str, dataset: Dataset, protocol: Protocol, *, fitted_split: bool = False
) -> list[Segmenter]:
    """The networks with a temperature: a number for all, or what a file says of each.

    :param fitted_split: whether a temperature may be used on the very split on which it was found.
    :raises ProtocolError: a network has no logits.
    :raises RecordError: the file cannot be read, or says nothing of some networks (all are named).
    :raises UsageError: it was found on these data.
    """
    for segmenter in segmenters:
        with blaming(segmenter.title):
            refuse_without_logits(segmenter, protocol)
    if (value := number_in(source)) is not None:
        return [replace(segmenter, temperature=Temperature(value)) for segmenter in segmenters]
    file = read_temperatures(Path(source))
    found = {segmenter.title: file.of(segmenter.title, segmenter.weights_sha256) for segmenter in segmenters}
    if lacking := [name for name, own in found.items() if own is None]:
        raise RecordError(
            f"{source}: it holds no temperature of {', '.join(lacking)} with these weights, but of {', '.join(file.models)}\n"
            f"  `segbench temperature --models {','.join(lacking)}` finds one"
        )
    here = (dataset.name, dataset.split)
    if here == (file.dataset["name"], file.dataset["split"]) and not fitted_split:
        raise UsageError(
            f"{source}: its temperatures were fitted on {dataset.title}, and what is measured there would look better than it is; "
            "fit them on another split, or say --allow-fitted-split"
        )
    facts: Mapping[str, Any] = {"dataset": dict(file.dataset), "protocol": dict(file.protocol)}
    own = {name: dict(numbers) for name, numbers in found.items() if numbers is not None}
    return [replace(each, temperature=Temperature(own[each.title]["temperature"], {**facts, **own[each.title]})) for each in segmenters]

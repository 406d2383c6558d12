"""A run that was killed goes on where it was: what was counted in each image is kept in a journal until everything is written.

    OUT/unfinished-1f3a....jsonl     see :mod:`segbench.records.partial`

The file's name is a fingerprint of everything that the counts depend on: models, their code, weights, protocol, data. Another run does not
find it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from segbench.datasets.base import Dataset
from segbench.evaluation.inference import Evaluated
from segbench.files.remote import FILES, state_of
from segbench.models.segmenter import Segmenter
from segbench.records.partial import Journal, Task, digest_of


def unfinished_file(out: Path, task: Task, part: str = "") -> Path | None:
    """Where the counts of a task are kept, or those of a ``part`` of it; ``None`` if it cannot be recognised again.

    That is so for weights that nothing is known of, and for data that are not plain files.
    """
    return out / f"unfinished-{task.digest}{part}.jsonl" if task.here else None


def network_facts(segmenter: Segmenter) -> dict[str, Any]:
    """What the counts of a network depend on, beside what a record says of it."""
    return {
        "weights": weights_digest(segmenter),
        "code": segmenter.runtime.code_sha256,
        "output": segmenter.output,
        "channels": segmenter.channels,
        "probabilities": segmenter.probabilities,
        "grid": segmenter.grid,
        "normalize": asdict(segmenter.normalize),
        "device": segmenter.device.type,
    }


def weights_digest(segmenter: Segmenter) -> str | None:
    """The checksum of its weights: that of their file, else of what the network holds; ``None`` if torch sees nothing of them."""
    if segmenter.weights_sha256 is not None:
        return segmenter.weights_sha256
    digest, state = hashlib.sha256(), segmenter.network.state_dict()
    for name, tensor in state.items():
        if isinstance(tensor, torch.Tensor):
            digest.update(name.encode() + tensor.detach().contiguous().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest() if state else None


def data_digests(dataset: Dataset) -> tuple[str, str]:
    """Of the sizes of all files, which are the same on every machine; and of their paths and times, empty if one is no plain file."""
    files = [picture for sample in dataset.samples for picture in (sample.image, sample.target, *sample.extras.values())]
    if not all(isinstance(file, FILES) and file.is_file() for file in files):
        return "", ""
    states = [(str(file), state_of(file)) for file in files if isinstance(file, FILES)]
    return digest_of([state.size for _, state in states]), digest_of([(name, state.version) for name, state in states])


def resumed(journal: Journal, dataset: Dataset, evaluate: Callable[[Dataset], Iterator[Evaluated]]) -> Iterator[Evaluated]:
    """What was counted before, without class maps, and then ``evaluate`` on the other samples; each image is kept once it was consumed."""
    rest = []
    for sample in dataset.samples:
        if sample.id in journal.done:
            yield Evaluated(sample, list(journal.done[sample.id]), [])  # type: ignore[arg-type]  # complete, or it would not be there
        else:
            rest.append(sample)
    if not rest:
        return
    for result in evaluate(replace(dataset, samples=tuple(rest))):
        yield result
        journal.add(result.sample.id, list(result.counts))


def in_order(results: Sequence[Evaluated], dataset: Dataset) -> list[Evaluated]:
    """What was evaluated in any order, in that of the data set."""
    place = {sample.id: at for at, sample in enumerate(dataset.samples)}
    return sorted(results, key=lambda result: place[result.sample.id])

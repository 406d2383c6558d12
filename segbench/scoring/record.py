"""The record of scored label maps, and the files that are written of it."""

from __future__ import annotations

from pathlib import Path

from segbench.files.json_text import write_text
from segbench.metrics.boundary_iou import Boundaries
from segbench.metrics.region_scores import mean_scores
from segbench.records.data_facts import data_facts
from segbench.records.environment import environment
from segbench.records.per_image import intervals_of, write_per_image
from segbench.records.run_record import RunRecord
from segbench.scoring.cityscapes_json import cityscapes_result, to_text
from segbench.scoring.folder import FolderScores


def record_of(result: FolderScores, name: str, groups: str | None = None) -> RunRecord:
    """The run record of scored label maps: how they were made is not known, and the protocol says so.

    :raises DataError: intervals over ``groups`` were asked for, and the names of the images have none.
    """
    dataset = result.dataset
    data = data_facts(dataset, result.target_histograms)
    iiou = result.instances.class_iiou(result.confusion) if result.instances else {}
    protocol, model = {"source": "label maps"}, {"name": name, "arguments": {}}
    if result.mapping is not None:
        protocol, model = protocol | {"map": result.mapping.signature}, model | {"mapping": result.mapping.facts()}
    command = "segbench score PREDS GTS"
    intervals = intervals_of(dataset.labels, result.ids, result.per_image, groups)
    boundary = Boundaries.total(result.boundaries) if result.boundaries else None
    segments = mean_scores(result.per_image.segments) if result.per_image.segments is not None else None
    return RunRecord(model, data, protocol, environment(), result.confusion, iiou, command, intervals, boundary, segments)


def write_record(path: Path, record: RunRecord, result: FolderScores) -> None:
    """Write the record, and what was counted in every image beside it; nothing beside a terminal or a pipe."""
    write_text(path, record.to_json())
    if path.is_file():
        write_per_image(path.with_suffix(".npz"), result.ids, result.per_image)


def write_official(path: Path, result: FolderScores) -> None:
    """Write what cityscapesScripts writes."""
    assert result.instances is not None
    write_text(path, to_text(cityscapes_result(result.dataset.labels, result.pairs, result.instances)))

"""The record of scored label maps, and the official file that is written of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segbench.datasets.base import Dataset
from segbench.files.json_text import write_text
from segbench.metrics.image_counts import Counted
from segbench.records.groups import AS_USUAL, Draws
from segbench.records.run_record import RunRecord
from segbench.scoring.cityscapes_json import cityscapes_result, to_text

COMMAND = "segbench score PREDS GTS"
PROTOCOL = {"source": "label maps"}
"""How they were made is not known, and the protocol says so."""


def model_of(name: str) -> dict[str, Any]:
    """What a record says of label maps."""
    return {"name": name, "arguments": {}}


def make_record(counted: Counted, dataset: Dataset, name: str, draws: Draws = AS_USUAL) -> RunRecord:
    """The run record of scored label maps.

    :raises DataError: intervals over groups were asked for, and the names of the images have none.
    """
    return RunRecord.of(counted, dataset, model=model_of(name), protocol=PROTOCOL, command=COMMAND, draws=draws)


def write_official(path: Path, counted: Counted) -> None:
    """Write what cityscapesScripts writes."""
    assert counted.instances is not None
    write_text(path, to_text(cityscapes_result(counted.labels, counted.pairs, counted.instances)))

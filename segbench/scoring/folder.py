"""Folders of label maps to what was counted in them: every bad file is named, and nothing is scored unless all are good."""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.errors import DataError
from segbench.files.remote import locate
from segbench.labels.decoding import Decoding
from segbench.labels.encodings import Encoding
from segbench.labels.mapping import LabelMapping
from segbench.metrics.image_counts import NOTHING, Beside, Counted, Counting
from segbench.scoring.encoding_check import WAY_OUT, refuse_misreading, refuse_suspects, way_out_of
from segbench.scoring.pair_counting import count_folder
from segbench.scoring.selection import select


def score_folder(
    preds: Path | str,
    dataset: Dataset,
    *,
    encoding: Encoding = "auto",
    target_encoding: Encoding = "auto",
    mapping: LabelMapping | None = None,
    beside: Beside = NOTHING,
    workers: int = 2,
) -> Counted:
    """Score a folder of label maps, or a single one, against a dataset.

    :param encoding: of the predictions; ``auto`` is label ids, and refuses what looks like something else.
    :param target_encoding: of the targets.
    :param mapping: the predictions are in its source's label ids, and stand for classes of the dataset as it says.
    :param beside: what else is counted; :attr:`~segbench.metrics.image_counts.Counted.total` holds it.
    :raises DataError: naming every file that is missing, ambiguous, unreadable or of the wrong kind, and every foreign id.

    >>> import segbench
    >>> counted = segbench.score_folder("preds", segbench.open_dataset("mydata.yaml"))
    >>> round(counted.scores.miou, 3)
    0.813
    >>> counted.worst(1)
    [('c', 0.728)]
    """
    preds = locate(preds)
    dataset = select(dataset, preds)
    decoding = Decoding.of_files(dataset.labels, encoding=encoding, target_encoding=target_encoding, mapping=mapping)
    more = beside.of_label_maps()
    counting = Counting(decoding, instances=dataset.instances, segments=dataset.segments, **more)
    counted = Counted.of(counting, count_folder(preds, dataset, counting, workers=workers))
    require_scorable(counted)
    return counted


def require_scorable(counted: Counted) -> None:
    """Check a whole set.

    :raises DataError: naming every image that cannot be scored; or the set looks like another encoding, and nobody said which it is in.
    """
    decoding, problems = counted.counting.decoding, counted.problems
    if not decoding.wide:
        refuse_suspects(counted.byte_pairs, decoding, problems)
    refuse_misreading(counted)
    if problems:
        summary = f"{len(problems)} of {len(counted)} pairs cannot be scored, so nothing is:"
        raise DataError(
            summary,
            problems,
            "\n".join(counted.ways_out) or (WAY_OUT if decoding.wide else way_out_of(counted.byte_pairs, decoding.labels)),
        )

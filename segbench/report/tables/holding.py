"""What records must hold before it can be shown: of each kind of what is counted beside pairs, what it is called and what counts it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segbench.errors import RecordError
from segbench.records.run_record import RunRecord

_SAID = {
    "errors": ("no errors by cause are", "`run --errors` and `score --errors` count them"),
    "trimap": ("no trimap curve is", "`run --trimap` and `score --trimap` count it"),
    "surface": ("no surface Dice is", "`run --surface PIXELS` and `score --surface PIXELS` count it"),
    "calibration": ("no calibration is", "`run --calibration` counts it"),
    "ood": ("no scores of anomaly are", "`run --ood` counts them"),
}


def require_counted(records: Sequence[RunRecord], kind: str) -> None:
    """Check that all records hold a kind (a field of :class:`~segbench.metrics.extras.Extras`).

    :raises RecordError: naming every one that does not.
    """
    if lacking := [record.name for record in records if getattr(record, kind) is None]:
        nothing, counts = _SAID[kind]
        raise RecordError(f"{nothing} in {len(lacking)} of {len(records)} records: {', '.join(lacking)}; {counts}")


def counted_in(record: RunRecord, kind: str) -> Any:
    """What a record holds of a kind.

    :raises RecordError: nobody asked for it when it was made.
    """
    require_counted([record], kind)
    return getattr(record, kind)

"""What a reader must know before he believes a score: what was averaged, and what was not looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segbench.records.run_record import RunRecord

MUCH_VOID = 1 / 3
MUCH_OUTSIDE = 0.005
MOST_NAMES = 12


def averaging(record: RunRecord) -> str:
    """Which pixels and classes the mIoU is a mean of; absent classes by name."""
    confusion, names = record.confusion, np.array(record.labels.class_names)
    in_targets, in_preds = confusion.targets > 0, confusion.preds > 0
    if not in_targets.any():
        return "mIoU: undefined, no pixel was evaluated"
    chosen = np.isin(np.arange(len(names)), record.labels.averaged)
    averaged = int(((in_targets | in_preds) & chosen).sum())
    parts = [f"mIoU: one confusion matrix over the pixels of all images, mean of {averaged} of {len(names)} classes"]
    if (absent := names[~in_targets & ~in_preds & chosen]).size:
        parts.append(f"left out, in neither targets nor predictions: {_named(absent)}")
    if (only := names[~in_targets & in_preds & chosen]).size:
        parts.append(f"only predicted, so IoU 0: {_named(only)}")
    if (outside := names[~chosen]).size:
        parts.append(f"left out on request, while their pixels count as errors of the others: {_named(outside)}")
    return "; ".join(parts)


def cautions(record: RunRecord) -> list[str]:
    """Why the scores may mean less than they seem to; usually nothing."""
    targets, outside = record.confusion.targets, record.confusion.outside
    evaluated = int(targets.sum())
    pixels = int(record.dataset.get("pixels", evaluated))
    if not evaluated and any(label.role for label in record.labels.void):
        way_out = "" if record.ood else "; `run --ood` says how well anomalies are found"
        return [f"the targets say what is known and what is an anomaly and tell no classes, so no mIoU is defined{way_out}"]
    if not evaluated:
        way_out = "the test server has the real ones: see `segbench pack`"
        return [f"every target pixel is void, so no score is defined; if these are the withheld targets of a test split, {way_out}"]
    said = []
    images, of = record.dataset.get("images"), record.dataset.get("of")
    if images is not None and of is not None and images < of:
        which = f" ({subset})" if (subset := record.dataset.get("subset")) else ""
        said.append(f"{images} of the {of} images were scored{which}, so the scores compare with no others")
    trained = (record.model.get("trained_on") or {}).get("targets_sha256")
    if trained is not None and trained == record.dataset.get("targets_sha256"):
        said.append("these are the images that it was trained on, so the scores say nothing of others")
    fitted = ((record.model.get("temperature") or {}).get("fitted") or {}).get("dataset") or {}
    if fitted and fitted.get("targets_sha256") == record.dataset.get("targets_sha256"):
        said.append("its temperature was fitted on these very images, so its calibration looks better than it is")
    if unofficial := record.dataset.get("unofficial"):
        name, how = record.dataset["name"], "; ".join(unofficial)
        said.append(f"these are not the data of {name} as they are handed out, so the scores compare with no others: {how}")
    if pixels - evaluated > MUCH_VOID * pixels:
        said.append(
            f"{_percent(pixels - evaluated, pixels)} of the target pixels are void and are not evaluated, whatever is predicted there: "
            "is a class that should count, the background for instance, among the void ids?"
        )
    present = np.flatnonzero(targets)
    if len(present) == 1 and len(record.labels.classes) > 1:
        name = record.labels.class_names[present[0]]
        said.append(f"the targets hold one class only, {name!r}: nothing can be taken for it by mistake, so its IoU is its recall")
    if outside > MUCH_OUTSIDE * evaluated:
        said.append(
            f"{_percent(outside, evaluated)} of the evaluated pixels are predicted as no class (void, for instance); they count as wrong"
        )
    return said


def notes(records: Sequence[RunRecord]) -> list[str]:
    """What was averaged in each of several records of one table: one line, or a line for each where they differ."""
    lines = {record.name: averaging(record) for record in records}
    return [*lines.values()][:1] if len(set(lines.values())) == 1 else [f"{name}: {line}" for name, line in lines.items()]


def warnings(records: Sequence[RunRecord]) -> list[str]:
    """The cautions of several records, each once."""
    return list(dict.fromkeys(f"{record.name}: {line}" for record in records for line in cautions(record)))


def _named(names: NDArray[np.str_]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"

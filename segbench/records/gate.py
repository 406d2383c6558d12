"""A gate for changes: ``miou > -0.3 @95`` lets a change through unless the images say that the metric fell by more than 0.3 points.

It is closed only where the whole interval of the difference (after minus before) lies below the margin, so noise alone closes it in about
half of the cases that the level leaves out: 2.5 % at 95 where the margin is 0, and fewer where it is below.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from segbench.errors import LabelError, RecordError, UnknownNameError, nearest
from segbench.metrics.per_image import KINDS, kind_of
from segbench.records.comparison import Compared
from segbench.records.seeds import SeedsCompared

WHOLE = tuple(name for name, kind in KINDS.items() if kind == "one")
CLASSES = tuple(name for name, kind in KINDS.items() if kind == "class")
FORM = "METRIC > POINTS @LEVEL, as in 'miou > -0.3 @95' or 'class_iou.person > -2'"


@dataclass(frozen=True)
class Gate:
    """``text`` is how it was written. ``margin`` is a fraction, mostly negative; ``class_name`` is there where ``metric`` is of classes."""

    text: str
    metric: str
    class_name: str | None
    margin: float
    level: float = 0.95


@dataclass(frozen=True)
class Judgement:
    """What a gate says of two records: scores before and after, after minus before with its interval at the gate's level; fractions."""

    gate: Gate
    before: float
    after: float
    interval: tuple[float, float]

    @property
    def change(self) -> float:
        """After minus before."""
        return self.after - self.before

    @property
    def closed(self) -> bool:
        """Whether the whole interval lies below the margin."""
        return self.interval[1] < self.gate.margin


def parse_gate(text: str) -> Gate:
    """A gate as people write it: points are per cent points, and the level is 95 where it is left out.

    :raises ValueError: it is none; the message shows how one is written.
    """
    found = re.fullmatch(r"\s*(\S.*?)\s*>\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*(?:@\s*(\d+(?:\.\d+)?)\s*%?)?\s*", text)
    if found is None:
        raise ValueError(f"{text!r} is no gate; one is written {FORM}")
    name, class_name = _parts(found[1])
    metric, level = name.casefold(), float(found[3] or 95)
    if not _is(metric, "class" if class_name else "one"):
        known = [f"{each}.{class_name}" for each in CLASSES] if class_name else WHOLE
        raise ValueError(f"{found[1]!r} is no metric; {nearest(found[1], known, 'there are')}")
    if not 50 <= level < 100:
        raise ValueError(f"@{level:g} is no level; it is a per cent from 50 to below 100")
    return Gate(" ".join(text.split()), metric, class_name or None, float(found[2]) / 100, level / 100)


def _parts(text: str) -> tuple[str, str]:
    """The name of a metric, which may hold points (``nsd_0.008``), and that of a class behind it."""
    words = text.split(".")
    for number in range(len(words) - 1, 0, -1):
        name = ".".join(words[:number])
        if _is(name.casefold(), "class") and not _is(text.casefold(), "one"):
            return name, ".".join(words[number:])
    return (text, "") if _is(text.casefold(), "one") else (words[0], ".".join(words[1:]))


def _is(metric: str, kind: str) -> bool:
    try:
        return kind_of(metric) == kind
    except KeyError:
        return False


def judge(gate: Gate, compared: Compared | SeedsCompared) -> Judgement:
    """Hold a comparison, ``a`` before and ``b`` after the change, against a gate.

    :raises UnknownNameError: the metric is not one of both records.
    :raises LabelError: there is no such class.
    :raises RecordError: the images give no interval, so nothing can be said.
    """
    found, labels = compared.found, compared.labels
    if gate.metric not in found.difference:
        raise UnknownNameError(
            f"gate {gate.text!r}: {gate.metric} is not in both records; {nearest(gate.metric, found.difference, 'there are')}"
        )
    if gate.class_name is not None and gate.class_name not in labels.class_names:
        raise LabelError(f"gate {gate.text!r}: no class {gate.class_name!r}; {nearest(gate.class_name, labels.class_names, 'there are')}")
    at = () if gate.class_name is None else labels.class_names.index(gate.class_name)
    before, after = (float(scores[gate.metric][at]) for scores in compared.scores)
    low, high = found.interval(gate.metric, gate.level)[at].tolist()
    if math.isnan(low):
        raise RecordError(
            f"gate {gate.text!r}: there is no interval of {gate.metric}, for fewer than two {found.unit} define it; "
            "choose a metric that these data have, or give more images"
        )
    return Judgement(gate, before, after, (-high, -low))

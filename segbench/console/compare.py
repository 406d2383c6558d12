"""`segbench compare`: the differences of two records as tables, as JSON, or as a comment of a pull request."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from segbench.checks.label_noise import Ceiling
from segbench.console.terminal import console, table
from segbench.errors import RecordError
from segbench.files.json_text import dump_json
from segbench.records.comparison import Compared, Difference, compare_records
from segbench.records.gate import Gate, Judgement, judge
from segbench.records.groups import Draws
from segbench.records.profile import Profile, read_profile
from segbench.records.reading import PROFILED
from segbench.report.tables.comment import comment_of, differences_beside
from segbench.report.tables.formats import DASH
from segbench.report.tables.frames import setting
from segbench.report.tables.intervals import DRAWN_ALSO, paired_method
from segbench.report.tables.metrics import METRICS
from segbench.report.tables.numbers import interval, p_value, percent, shown_classes, signed
from segbench.report.tables.speed import ms

OF_CLASSES = {"IoU": "class_iou", "boundary IoU": "boundary_iou", "iIoU": "class_iiou"}


@dataclass(frozen=True)
class Show:
    """How a comparison is shown: ``form`` terminal, json or markdown, and how many ``images`` that changed most.

    ``ceiling``: what redrawn targets reach, to stand beside the difference.
    """

    form: str = "terminal"
    images: int = 10
    ceiling: Ceiling | None = None


def compare_and_print(a: Path, b: Path, draws: Draws, show: Show, gates: Sequence[Gate] = ()) -> bool:
    """Print what differs: every metric, every class, and the images that changed most. Return whether every gate is open."""
    compared = compare_records(a, b, draws.groups, draws.replicates)
    judgements = [judge(gate, compared) for gate in gates]
    noise = [label_noise(compared, show.ceiling)] if show.ceiling else []
    if show.form == "json":
        known = facts(compared, show.images) | {"speed": _speed_facts(speeds_beside(a, b))}
        known |= {"ceiling": show.ceiling.to_dict()} if show.ceiling else {}
        print(dump_json(known | ({"gates": list(map(judgement_facts, judgements))} if judgements else {})), end="")
    elif show.form == "markdown":
        print(comment_of(compared, judgements, show.images), end="")
        print("".join(f"\n{line}\n" for line in noise), end="")
    else:
        _print(compared, speeds_beside(a, b), show.images)
        for line in noise:
            console().print(line, markup=False, soft_wrap=True)
        print_judgements(judgements)
    return not any(each.closed for each in judgements)


def _print(compared: Compared, speeds: tuple[Profile, Profile] | None, images: int) -> None:
    names = _names(compared)
    show = console()
    columns = [*names, "difference", "95 % interval", "p"]
    metrics = [replace(known, name=name) for name, metric in METRICS.items() if (known := compared.metric(metric.field))]
    show.print(table(["metric", *columns], [*map(_row, metrics), *_speed_rows(speeds)]))
    for metric, field in OF_CLASSES.items():
        if classes := compared.classes(field):
            shown = [classes[index] for index in shown_classes([each.difference for each in classes])]
            few = "" if len(shown) == len(classes) else f", the {len(shown)} of {len(classes)} that differ most"
            show.print(table([f"class {metric}{few}", *columns], list(map(_row, shown))))
    for _, title, found in differences_beside(compared):
        show.print(table([title, *columns], list(map(_row, found))))
    if chosen := compared.changed_most(images):
        x, y = compared.image_mious
        rows = [[compared.ids[i], percent(x[i]), percent(y[i]), signed(x[i] - y[i])] for i in chosen]
        show.print(table(["images that changed most (mIoU in the image)", *names, "difference"], rows))
    show.print(verdict(compared, names), markup=False)
    for note in (*_notes(compared), *([f"network_ms: {setting(speeds[0])}"] if speeds else [])):
        show.print(note, style="dim", soft_wrap=True, markup=False)


def facts(compared: Compared, images: int) -> dict[str, Any]:
    """The same as plain data: scores are fractions under the names that records use, ``better`` is ``a``, ``b`` or nothing."""
    intervals, exact = compared.found.intervals, compared.found.exact
    x, y = compared.image_mious.tolist()
    return {
        "a": compared.a.name,
        "b": compared.b.name,
        "signature": compared.a.signature,
        "better": compared.better,
        "metrics": [asdict(known) for metric in METRICS.values() if (known := compared.metric(metric.field))],
        "classes": {field: list(map(asdict, found)) for field in OF_CLASSES.values() if (found := compared.classes(field))},
        **{called: list(map(asdict, rows)) for called, _, rows in differences_beside(compared)},
        "images": [{"id": compared.ids[i], "a": x[i], "b": y[i], "difference": x[i] - y[i]} for i in compared.changed_most(images)],
        "intervals": {key: getattr(intervals, key) for key in ("level", "units", "unit", "replicates", "seed", "method")},
        "exchanges": "all" if exact else intervals.replicates,
    }


def print_judgements(judgements: Sequence[Judgement]) -> None:
    """A line for each gate."""
    for each in judgements:
        line = f"gate {each.gate.text}: {'closed' if each.closed else 'open'}, {signed(each.change)} {interval(*each.interval)}"
        console().print(line, markup=False, soft_wrap=True)


def judgement_facts(each: Judgement) -> dict[str, Any]:
    """A gate and what it says, as plain data; fractions."""
    known = {"gate": each.gate.text, "margin": each.gate.margin, "level": each.gate.level, "before": each.before, "after": each.after}
    return known | {"change": each.change, "interval": list(each.interval), "closed": each.closed}


def speeds_beside(a: Path, b: Path) -> tuple[Profile, Profile] | None:
    """The profiles that `run` wrote beside two records, if there are both and they were measured alike."""
    files = [path.with_suffix(PROFILED) for path in (a, b)]
    if not all(file.is_file() for file in files):
        return None
    first, second = map(read_profile, files)
    return (first, second) if setting(first) == setting(second) else None


def _speed_rows(speeds: tuple[Profile, Profile] | None) -> list[list[str]]:
    if speeds is None:
        return []
    a, b = (profile.network_ms for profile in speeds)
    return [["network_ms", ms(a), ms(b), f"{'+' if a > b else '-' if a < b else ''}{ms(abs(a - b))}", DASH, DASH]]


def _speed_facts(speeds: tuple[Profile, Profile] | None) -> dict[str, Any] | None:
    if speeds is None:
        return None
    return {"network_ms": {"a": speeds[0].network_ms, "b": speeds[1].network_ms}, "setting": setting(speeds[0])}


def verdict(compared: Compared, names: tuple[str, str]) -> str:
    """Which of the two is better, or that these images do not tell."""
    miou = compared.metric("miou")
    if miou is None or math.isnan(miou.difference):
        return "No mIoU is defined, so nothing is better."
    if compared.better is None:
        return f"These images do not tell the mIoU of {names[0]} and {names[1]} apart ({_p_is(miou.p)})."
    (better, worse), difference, (low, high) = names, miou.difference, miou.interval
    if compared.better == "b":
        better, worse, difference, low, high = worse, better, -difference, -high, -low
    return f"The mIoU of {better} is higher than that of {worse} by {100 * difference:.1f} {interval(low, high)}, {_p_is(miou.p)}."


def label_noise(compared: Compared, ceiling: Ceiling) -> str:
    """Whether the difference in mIoU is below what redrawing the targets alone costs.

    :raises RecordError: the ceiling is of other targets.
    """
    if compared.a.dataset["targets_sha256"] != ceiling.targets_sha256:
        raise RecordError(f"the ceiling is of other targets ({ceiling.dataset}) than the records; make it for {compared.a.dataset['name']}")
    miou, room = compared.metric("miou"), 1 - ceiling.miou
    below = miou is not None and abs(miou.difference) < room
    return (
        f"The difference is {'below' if below else 'above'} the label noise at {ceiling.jitter:g} px: targets with redrawn edges reach "
        f"{percent(ceiling.miou)} % mIoU, {100 * room:.1f} points less than themselves."
    )


def _names(compared: Compared) -> tuple[str, str]:
    first, second = compared.a.name, compared.b.name
    return (first, second) if first != second else (f"{first} (A)", f"{second} (B)")


def _row(known: Difference) -> list[str]:
    return [known.name, percent(known.a), percent(known.b), signed(known.difference), interval(*known.interval), p_value(known.p)]


def _notes(compared: Compared) -> list[str]:
    intervals = compared.found.intervals
    if intervals.method == "bootstrap":
        exchanges = "all" if compared.found.exact else f"{intervals.replicates} drawn"
        how = f"({intervals.replicates} replicates, seed {intervals.seed}); p: {exchanges} exchanges of the two models on these"
    else:
        how = f"(nothing is drawn; {DRAWN_ALSO}); p: of a normal distribution with the same variance"
    return [
        f"{paired_method(intervals)} {how}; of classes: Holm-corrected for the number of classes, while the interval of a class is "
        "of it alone: it may leave out 0 where p does not tell the two apart",
        compared.a.signature,
    ]


def _p_is(value: float) -> str:
    return f"p {p_value(value)}" if value < 0.001 else f"p = {p_value(value)}"

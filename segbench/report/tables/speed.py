"""Boards and tables of speed: profiles without an accuracy. Nobody is called faster than somebody else while their intervals overlap."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from segbench.metrics.latency import is_tied, ranks
from segbench.records.profile import Profile
from segbench.report.tables.formats import DASH
from segbench.report.tables.frames import distinct, label, machine_parts
from segbench.report.tables.numbers import count

# What the header says, and the column of speed_table; the interval is made of two of them.
COLUMNS = (
    *(("rank", "rank"), ("network", "network"), ("params", "params"), ("MACs", "MACs")),
    *(("network_ms", "network_ms"), ("p90", "network_ms p90"), ("p99", "network_ms p99")),
    *(("predict_ms", "predict_ms"), ("95 %", "interval"), ("p90", "predict_ms p90"), ("p99", "predict_ms p99")),
    *(("images/s", "images_per_s"), ("peak MB", "peak_memory_mb"), ("runs", "runs")),
)
TIED = "~"
EXECUTIONS = {"channels_last": "channels last", "compiled": "compiled"}  # as `segbench run` writes them into an environment


def machine(profile: Profile) -> str:
    """What must be equal for two rows to stand in one table: machine, size, batch, threads and torch, but not the way of running."""
    return ", ".join(machine_parts(profile))


def by_machine(profiles: Iterable[Profile]) -> dict[str, list[Profile]]:
    """Profiles by :func:`machine`, the largest group first."""
    groups: dict[str, list[Profile]] = {}
    for profile in profiles:
        groups.setdefault(machine(profile), []).append(profile)
    return {name: groups[name] for name in sorted(groups, key=lambda name: (-len(groups[name]), name))}


def row_name(profile: Profile) -> str:
    """A network and how it was run, where that is not the usual way."""
    way = [profile.backend] * (profile.backend != "eager") + [profile.precision] * (profile.precision != "fp32")
    way += [word for fact, word in EXECUTIONS.items() if profile.environment.get(fact)]
    return ", ".join([label(profile.model, profile.changed_arguments), *way])


def row_names(profiles: Sequence[Profile]) -> list[str]:
    """The name of each row of a table, no two alike."""
    return distinct([row_name(profile) for profile in profiles], [profile.weights_sha256 for profile in profiles])


def fastest_first(profiles: Iterable[Profile]) -> list[Profile]:
    """By the median time to class maps, then by name."""
    return sorted(profiles, key=lambda profile: (profile.predict_ms, row_name(profile), profile.to_json()))


def speed_table(profiles: Sequence[Profile]) -> pd.DataFrame:
    """One row a profile, the fastest first: every digit, times in milliseconds, NaN where a value is not known.

    ``rank`` is one more than the number of rows whose interval ends before the row's own begins; ``tied`` rows overlap another one.
    """
    rows = fastest_first(profiles)
    intervals = [profile.predict.interval for profile in rows]
    table: dict[str, Any] = {
        "rank": pd.Series(ranks(intervals), dtype="Int64"),
        "tied": [is_tied(index, intervals) for index in range(len(rows))],
        "network": row_names(rows),
        "params": pd.Series([profile.params for profile in rows], dtype="Int64"),
        "MACs": pd.Series([profile.macs for profile in rows], dtype="Int64"),
    }
    for name, timings in (("network", [p.network for p in rows]), ("predict", [p.predict for p in rows])):
        table[f"{name}_ms"] = [timing.median for timing in timings]
        for side, bound in enumerate(("low", "high")):
            table[f"{name}_ms {bound}"] = [timing.interval[side] if timing.interval else math.nan for timing in timings]
        for percentile in ("p90", "p99"):
            table[f"{name}_ms {percentile}"] = [timing.percentiles.get(percentile, math.nan) for timing in timings]
    for name in ("images_per_s", "peak_memory_mb", "activations_mb", "weights_mb"):
        table[name] = pd.Series([getattr(profile, name) for profile in rows], dtype="float64")
    frame = pd.DataFrame(table | {"runs": [profile.repeats for profile in rows]})
    return frame.sort_values("rank", kind="stable", ignore_index=True)  # a wide interval has a better rank than a narrow one before it


def readable_speeds(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of :func:`speed_table` as people read them: ``~3`` is a rank that is shared or might be."""
    texts = [speed_texts(row) for row in table.to_dict("records")]
    return [name for name, _ in COLUMNS], [[text[column] for _, column in COLUMNS] for text in texts]


def speed_texts(row: Mapping[Hashable, Any]) -> dict[str, str]:
    """A row of :func:`speed_table`, rounded; ``interval`` is that of predict_ms."""
    texts = {name: DASH if pd.isna(row[name]) else text(row[name]) for name, text in _TEXTS.items()}
    if row["tied"]:
        texts["rank"] = TIED + texts["rank"]
    low, high = texts["predict_ms low"], texts["predict_ms high"]
    return texts | {"interval": DASH if DASH in (low, high) else f"{low}–{high}"}


def speed_note(profiles: Sequence[Profile]) -> str:
    """What the columns of such a table mean, and how certain they are."""
    processes = sorted({max(1, len(profile.predict.samples)) for profile in profiles})
    numbers = " or ".join(map(str, processes))
    busy = busy_note(profiles)
    return (
        f"rank by predict_ms; {TIED}: the 95 % interval of the median overlaps another row's, so neither is called faster; "
        f"{numbers} process{'es' if processes != [1] else ''} each"
    ) + (f"; {busy}" if busy else "")


def busy_note(profiles: Sequence[Profile]) -> str | None:
    """Which of them were measured while others worked on the machine; ``None`` if it was quiet for all."""
    busy = [f"{name} ({profile.busy})" for name, profile in zip(row_names(profiles), profiles, strict=True) if profile.busy]
    return f"measured while others worked on the machine, so take no ratio: {', '.join(busy)}" if busy else None


def ms(value: float) -> str:
    """Milliseconds with a decimal where it tells something."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:.0f}"


_TIMES = [f"{name}_ms{part}" for name in ("network", "predict") for part in ("", " low", " high", " p90", " p99")]
_TEXTS: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("rank", "network", "runs"), str),
    **dict.fromkeys(("params", "MACs"), count),
    **dict.fromkeys(_TIMES, ms),
    "images_per_s": lambda value: f"{value:.3g}",
    "peak_memory_mb": lambda value: f"{value:.0f}",
}

"""Boards and tables of speed: profiles without an accuracy. Nobody is called faster than somebody else while their intervals overlap."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from segbench.core.latency import is_tied, ranks
from segbench.profiles import Profile
from segbench.report.formats import DASH
from segbench.report.tables import label, machine_parts
from segbench.report.terminal import count

HEADER = (
    *("rank", "network", "params", "MACs", "network_ms", "p90", "p99"),
    *("predict_ms", "95 %", "p90", "p99", "images/s", "peak MB", "runs"),
)
TIED = "~"


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
    return ", ".join([label(profile.model, profile.arguments), *way])


def fastest_first(profiles: Iterable[Profile]) -> list[Profile]:
    """By the median time to class maps, then by name."""
    return sorted(profiles, key=lambda profile: (profile.predict_ms, row_name(profile), profile.to_json()))


def speed_table(profiles: Sequence[Profile]) -> pd.DataFrame:
    """One row a profile, the fastest first: every digit, times in milliseconds, NaN where a value is not known.

    ``rank`` is one more than the number of rows that are faster for certain; ``tied`` rows cannot be told from another one.
    """
    rows = fastest_first(profiles)
    intervals = [profile.predict.interval for profile in rows]
    table: dict[str, Any] = {
        "rank": pd.Series(ranks(intervals), dtype="Int64"),
        "tied": [is_tied(index, intervals) for index in range(len(rows))],
        "network": [row_name(profile) for profile in rows],
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


def speed_cells(table: pd.DataFrame) -> tuple[tuple[str, ...], list[list[str]]]:
    """The header and the rows of :func:`speed_table` as people read them: ``~3`` is a rank that is shared or might be."""
    cells = []
    for row in table.to_dict("records"):
        rank = DASH if pd.isna(row["rank"]) else f"{TIED if row['tied'] else ''}{row['rank']}"
        times = [ms(row[f"network_ms{part}"]) for part in ("", " p90", " p99")]
        bounds = [ms(row[f"predict_ms {bound}"]) for bound in ("low", "high")]
        times += [ms(row["predict_ms"]), DASH if DASH in bounds else f"{bounds[0]}–{bounds[1]}"]
        times += [ms(row[f"predict_ms {part}"]) for part in ("p90", "p99")]
        memory = DASH if pd.isna(row["peak_memory_mb"]) else f"{row['peak_memory_mb']:.0f}"
        speed = f"{row['images_per_s']:.3g}"
        sizes = [count(None if pd.isna(row[name]) else row[name]) for name in ("params", "MACs")]
        cells.append([rank, row["network"], *sizes, *times, speed, memory, str(row["runs"])])
    return HEADER, cells


def speed_note(profiles: Sequence[Profile]) -> str:
    """What the columns of such a table mean, and how certain they are."""
    processes = sorted({max(1, len(profile.predict.samples)) for profile in profiles})
    numbers = " or ".join(map(str, processes))
    return (
        f"rank by predict_ms; {TIED}: the 95 % interval of the median overlaps another row's, so neither is called faster; "
        f"{numbers} process{'es' if processes != [1] else ''} each"
    )


def ms(value: float) -> str:
    """Milliseconds with a decimal where it tells something."""
    if math.isnan(value):
        return DASH
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:.0f}"

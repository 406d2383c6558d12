"""``python -m tests.bench [--quick] [--only NAME ...]``: measure every ``*_bench.py`` of this folder against its peers.

Prints a table and writes ``leaderboards/evaluator-speed.md`` and ``.json``, or with --quick or --only what --out says. A module that fails
loses its own rows only; the exit status is 1 then, and 0 where figures are merely missed: they are shown as missed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import time
import traceback
from pathlib import Path

from rich.console import Console

from tests.bench import page
from tests.bench.profile import pair_stages, start_stages
from tests.bench.rows import Row

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "leaderboards" / "evaluator-speed.md"
# Those that are known come first and in this order.
ORDER = ("process", "scoring", "boundary")


def main() -> int:
    """The exit status."""
    names = sorted(path.stem.removesuffix("_bench") for path in HERE.glob("*_bench.py"))
    names.sort(key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure segbench against its peers.")
    parser.add_argument("--quick", action="store_true", help="small sets and few rounds: does everything work?")
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}; repeatable")
    parser.add_argument(
        "--out", type=Path, help=f"the page to write  [default: {PAGE.name} in leaderboards, or none with --quick or --only]"
    )
    options = parser.parse_args()
    show, rows, failed = Console(width=None if Console().is_terminal else 160, emoji=False), [], []
    for name in options.only or names:
        show.print(f"{name} ...", style="dim")
        start = time.perf_counter()
        found = _measure(name, options.quick)
        failed += [name] if found is None else []
        rows += found or []
        show.print(f"{name}: {time.perf_counter() - start:.0f} s", style="dim")
    show.print(page.terminal_table(rows))
    out = options.out or (None if options.quick or options.only else PAGE)
    if out is not None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        profiles = {"One pair, one thread": pair_stages(), "A warm start, processor time": start_stages()}
        content = (rows, page.facts(cores), profiles, options.quick)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page.page(*content), encoding="utf-8")
        out.with_suffix(".json").write_text(json.dumps(page.document(*content), indent=1) + "\n", encoding="utf-8")
        show.print(f"wrote {out}")
    if failed:
        show.print(f"failed: {', '.join(failed)}", style="red")
    return bool(failed)


def _measure(name: str, quick: bool) -> list[Row] | None:
    try:
        rows: list[Row] = importlib.import_module(f"tests.bench.{name}_bench").measure(quick)
    except Exception:
        traceback.print_exc()
        return None
    return rows


if __name__ == "__main__":
    raise SystemExit(main())

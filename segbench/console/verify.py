"""`segbench verify`: a line for each record that was counted again, and in what it is false."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from segbench.benchmark.events import Progress
from segbench.benchmark.verification import Steps, Verified
from segbench.console.terminal import NOTE, console, progress_bar
from segbench.errors import SegbenchError
from segbench.files.json_text import dump_json
from segbench.report.tables.numbers import percent

MOST = 10


def verify_and_print(paths: Iterable[Path], steps: Callable[[Path], Steps], *, as_json: bool) -> int:
    """Verify records and print what came out. Return 0 where every record holds, 1 where one is false, 2 where one could not be verified.

    :param steps: how one of them is verified.
    :raises SegbenchError: the only record could not be verified.
    """
    paths, facts, worst = list(paths), [], 0
    for path in paths:
        try:
            verified = _with_progress(steps(path))
        except SegbenchError as error:
            if len(paths) == 1:
                raise
            facts.append({"record": str(path), "holds": None, "reason": str(error)})
            console(stderr=True).print(f"{path.name}: not verified: {error}", markup=False, soft_wrap=True)
            worst = worst or 2
            continue
        worst = worst if verified.holds else 1
        facts.append(facts_of(verified))
        if not as_json:
            _print(verified)
    if as_json:
        print(dump_json(facts if len(paths) != 1 else facts[0]), end="")
    return worst


def facts_of(verified: Verified) -> dict[str, Any]:
    """What came out, as plain data; scores are fractions."""
    found, check = verified.agreement, verified.check
    return {
        "record": str(verified.path),
        "name": verified.record.name,
        "holds": verified.holds,
        "exact": found.exact,
        "problems": list(found.problems),
        "images": found.images,
        "of": verified.record.dataset["images"],
        "seed": check.seed if check.sample else None,
        "pixels": found.pixels,
        "moved": found.moved,
        "apart": [{"id": name, "pixels": pixels} for name, pixels in found.apart],
        "differ": list(found.extras),
        "miou": {"recorded": found.before, "counted": found.after, "tolerance": check.tolerance},
        "machine": list(verified.machine),
    }


def _with_progress(steps: Steps) -> Verified:
    with progress_bar("verifying") as bar:
        task = bar.add_task("verifying", total=None)
        for step in steps:
            if isinstance(step, Progress):
                bar.update(task, completed=step.done, total=step.total)
            else:
                verified = step
    return verified


def _print(verified: Verified) -> None:
    show, found, check = console(), verified.agreement, verified.check
    name, of = verified.record.name, verified.record.dataset["images"]
    drawn = f" (drawn with --seed {check.seed})" if check.sample and found.images < of else ""
    counted = f"{found.images} of {of} images{drawn}, {found.pixels} pixels"
    if found.problems:
        show.print(f"{name}: FALSE", style="red", markup=False, soft_wrap=True)
    elif found.exact:
        show.print(f"{name}: exact: every integer of {counted}", markup=False, soft_wrap=True)
    else:
        _print_moved(verified, counted)
    for problem in found.problems[:MOST]:
        show.print(f"  {problem}", markup=False, soft_wrap=True)
    if len(found.problems) > MOST:
        show.print(f"  and {len(found.problems) - MOST} more", markup=False)


def _print_moved(verified: Verified, counted: str) -> None:
    show, found, check = console(), verified.agreement, verified.check
    moved = f"{found.moved} pixels are in other cells" if found.moved else f"{' and '.join(found.extras)} differ"
    score = f"mIoU {percent(found.before)} recorded, {percent(found.after)} counted ({100 * (found.after - found.before):+.3f} points)"
    if not verified.machine:
        said = "FALSE on the machine and packages of the record, where integers are exact"
    else:
        within = "within" if verified.holds else "FALSE: beyond"
        said = f"{within} the tolerance of {100 * check.tolerance:g} points for another machine"
    show.print(f"{verified.record.name}: {said}", style="" if verified.holds else "red", markup=False, soft_wrap=True)
    show.print(f"  {moved} of {counted}; {score}", markup=False, soft_wrap=True)
    for name, pixels in found.apart[:MOST]:
        show.print(f"  {name}: {pixels} pixels", markup=False, soft_wrap=True)
    for line in verified.machine:
        show.print(f"  {line}", style=NOTE, markup=False, soft_wrap=True)

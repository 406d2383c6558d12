"""`segbench profile`: what is measured, in which processes, what is kept of it, and the table."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import torch

from segbench.console.code_note import say_code_runs
from segbench.console.terminal import console, progress_bar, table
from segbench.errors import ProtocolError, SegbenchError
from segbench.files.atomic import require_writable
from segbench.files.json_text import write_text
from segbench.files.names import file_stem
from segbench.leaderboards.board import raise_unreadable
from segbench.models.loading import random_models
from segbench.profiling.fresh_process import Request, measure_in_process
from segbench.profiling.profiler import Runner, measure, measuring, runner
from segbench.profiling.timing import Effort
from segbench.records.profile import Profile, joined, read_profile
from segbench.report.pages.board_files import write as write_board
from segbench.report.tables.macs import macs_note
from segbench.report.tables.speed import by_machine, readable_speeds, speed_note, speed_table

Size = tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """Which networks are measured, and how. ``restarts``: processes for each; 0 measures them in turn in this one.

    ``batches`` may be empty: then one image at a time, and larger batches as long as that gains.
    """

    names: Sequence[str]
    classes: int
    sizes: Sequence[Size]
    batches: Sequence[int]
    backends: Sequence[str]
    effort: Effort
    restarts: int
    device: torch.device
    command: str = ""


@dataclass(frozen=True)
class Case:
    """One row of the table: a network, a backend, a size, a batch."""

    name: str
    size: Size
    batch: int
    backend: str

    @property
    def title(self) -> str:
        """As it is printed."""
        return f"{self.name}, {self.backend}, {self.size[0]}x{self.size[1]}, batch {self.batch}"

    def file(self, folder: Path) -> Path:
        """Where its record lies in a board."""
        return folder / "records" / f"{file_stem(self.name)}.{self.size[0]}x{self.size[1]}.b{self.batch}.{self.backend}.profile.json"


@dataclass
class Progress:
    """What has been measured so far, and why the rest has not."""

    profiles: dict[Case, Profile] = field(default_factory=dict)
    refused: dict[Case, str] = field(default_factory=dict)


def run_profiles(plan: Plan, out: Path | None) -> None:
    """Measure, print one table, and write records and a board to ``out``, as soon as each is known.

    What lies there already is kept, so that a long measurement can be interrupted.

    :raises ProtocolError: not one of them could be run.
    """
    ways = product(plan.sizes, plan.batches or (1,), plan.backends, plan.names)
    cases = [Case(name, size, batch, backend) for size, batch, backend, name in ways]
    done = Progress()
    if out:
        require_writable(out)
        done.profiles |= {case: read_profile(case.file(out)) for case in cases if case.file(out).is_file()}
    say = console(stderr=True)
    say_code_runs(plan.names)
    if done.profiles:
        say.print(f"{len(done.profiles)} of {len(cases)} are in {out} already; remove their files to measure them again", style="dim")
    for case, profile in _in_turns(plan, cases, done) if plan.restarts else _together(plan, cases, done):
        done.profiles[case] = replace(profile, command=plan.command)
        if out:
            write_text(case.file(out), done.profiles[case].to_json())
    if not done.profiles:
        raise ProtocolError("nothing could be measured:\n  " + "\n  ".join(f"{case.title}: {why}" for case, why in done.refused.items()))
    print_profiles([done.profiles[case] for case in cases if case in done.profiles])
    for case, why in done.refused.items():
        say.print(f"not measured: {case.title}: {why}", markup=False, soft_wrap=True)
    if out:
        unreadable: list[str] = []
        write_board(out, unreadable)
        print(f"records, table and plots: {out}")
        raise_unreadable(unreadable)


def _in_turns(plan: Plan, cases: Sequence[Case], done: Progress) -> Iterator[tuple[Case, Profile]]:
    """A process for each case, one after another, and all over again: A B A B."""
    with progress_bar("measuring", "now") as bar:
        task = bar.add_task("measuring", total=plan.restarts * len(cases), now="")
        for restart, case in product(range(plan.restarts), cases):
            before = done.profiles.get(case)
            if case not in done.refused and (before is None or len(before.network.samples) <= restart):
                bar.update(task, now=case.title)
                request = Request(
                    case.name, plan.classes, case.size, case.batch, case.backend, str(plan.device), plan.effort, best_batch=not plan.batches
                )
                try:
                    measured = measure_in_process(request)
                    yield case, joined(before, measured) if before else measured
                except SegbenchError as error:
                    done.refused[case] = str(error)
            bar.advance(task)


def _together(plan: Plan, cases: Sequence[Case], done: Progress) -> Iterator[tuple[Case, Profile]]:
    """In this process: the cases of one size and batch in turn."""
    if plan.device.type == "cuda":
        yield from _one_after_the_other(plan, cases, done)
        return
    with progress_bar("timing") as bar:
        for size, batch in product(plan.sizes, plan.batches or (1,)):
            runners: dict[Case, Runner] = {}
            for case in cases:
                if (case.size, case.batch) == (size, batch) and case not in done.profiles:
                    (segmenter,) = random_models([case.name], plan.classes, plan.device)
                    try:
                        runners[case] = runner(segmenter, size, batch_size=batch, backend=case.backend)
                    except SegbenchError as error:
                        done.refused[case] = str(error)
            if runners:
                task = bar.add_task(f"timing {size[0]}x{size[1]}, batch {batch}", total=100)
                waiting = iter(runners)
                for step in measuring(list(runners.values()), plan.effort, best_batch=not plan.batches):
                    if isinstance(step, Profile):
                        yield next(waiting), step
                    else:
                        bar.update(task, completed=100 * step)


def _one_after_the_other(plan: Plan, cases: Sequence[Case], done: Progress) -> Iterator[tuple[Case, Profile]]:
    """In this process, on a CUDA device: a case's memory is given back before the next one, and whatever ends one is its own."""
    with progress_bar("timing", "now") as bar:
        task = bar.add_task("timing", total=len(cases), now="")
        for case in cases:
            bar.update(task, now=case.title)
            if case not in done.profiles:
                try:
                    yield case, _alone(plan, case)
                except (SegbenchError, RuntimeError) as error:  # out of memory, a library's refusal, an operator that is not there
                    done.refused[case] = (str(error).strip().splitlines() or [type(error).__name__])[0]
                gc.collect()
                torch.cuda.empty_cache()
            bar.advance(task)


def _alone(plan: Plan, case: Case) -> Profile:
    (segmenter,) = random_models([case.name], plan.classes, plan.device)
    return measure([runner(segmenter, case.size, batch_size=case.batch, backend=case.backend)], plan.effort, best_batch=not plan.batches)[0]


def print_profiles(profiles: Sequence[Profile]) -> None:
    """A table for each machine, size and batch, the fastest first, on standard output."""
    show = console()
    for title, members in by_machine(profiles).items():
        show.print(table(*readable_speeds(speed_table(members)), text=("network",)))
        show.print(f"{title}; {speed_note(members)}", style="dim")
        if note := macs_note(profiles=members):
            show.print(note, style="dim", markup=False, soft_wrap=True)
        for profile in members:
            if profile.throughput_end:
                best = max(profile.throughput, key=lambda each: each[1])
                end = f"{best[1]:.2f} images/s at batch {best[0]}; {profile.throughput_end}"
                show.print(f"{profile.model}: best throughput {end}", style="dim", markup=False)

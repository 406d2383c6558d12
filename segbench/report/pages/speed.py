"""The page of a board of speed: profiles without an accuracy, a table for each machine, size and batch. No dates, no paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from segbench.leaderboards.board import Board
from segbench.records.profile import Profile
from segbench.report.tables.formats import escape, markdown_lines, to_csv
from segbench.report.tables.frames import file_names
from segbench.report.tables.speed import by_machine, fastest_first, readable_speeds, row_name, speed_note, speed_table

MADE = "<!-- Made by `segbench leaderboard` from the files beside it. Change those, not this file. -->"
PLOT = "plots/latency{}.svg"
READING = """\
## How to read this

- **network_ms** is the median time from tensors to logits, **predict_ms** from images (bytes, on the device) to class maps at full
  size: normalisation, network, upsampling and argmax are inside. **p90** and **p99** stand behind the time they belong to.
- **95 %** is the bootstrap interval of the median of predict_ms, over processes and runs; of fewer than six runs it is about their range.
- **rank** is one more than the number of rows whose interval of times ends before this one begins.
  **~** says that a row's interval overlaps another one: neither may be called faster.
- **MACs** are multiply-accumulates of convolutions, matrix products and attention of one image; norms, activations, resizes and pooling are
  not counted. **images/s** is of predict_ms at this batch size.
- **peak MB** is, on a CPU, the most memory that a process of its own held, less what it held with torch loaded and no network.
- Weights are random: they do not change what is computed. Every sample, the state of the machine and what MACs leave out are in the
  records."""


def speed_plots(board: Board) -> Iterator[tuple[str, str, list[Profile]]]:
    """(machine, file, profiles) of each picture, the largest group first."""
    groups = by_machine(board.profiles)
    endings = ["", *(f"-{name}" for name in file_names(list(groups)[1:]))]
    for (title, profiles), ending in zip(groups.items(), endings, strict=True):
        yield title, PLOT.format(ending), profiles


def speed_csv(board: Board) -> str:
    """All rows with every digit; the last column says on what they were measured."""
    tables = [speed_table(profiles).assign(measured_on=title) for title, profiles in by_machine(board.profiles).items()]
    return "".join(to_csv(table) if i == 0 else to_csv(table).partition("\n")[2] for i, table in enumerate(tables))


def speed_page(board: Board, rules: str) -> str:
    """The page as Markdown."""
    parts = [f"# {escape(board.rules.title)}", MADE, *([rules] if rules else [])]
    for title, file, profiles in speed_plots(board):
        header, rows = readable_speeds(speed_table(profiles))
        cells = [[escape(cell) for cell in row] for row in rows]
        parts += [f"## {escape(title)}", markdown_lines(header, cells, text=("network",)), f"{escape(speed_note(profiles)).capitalize()}."]
        parts += [f"![Latency: {escape(title)}]({file})"]
    return "\n\n".join([*(part.strip("\n") for part in parts), READING, *_reproduced(board.profiles)]) + "\n"


def speed_index(boards: Sequence[Board]) -> str:
    """The list of boards of speed, each machine with its fastest network; empty if there are none."""
    rows = []
    for board in (each for each in boards if each.speed_only):
        link = f"[{escape(board.name)}]({board.name.replace(' ', '%20')}/leaderboard.md)"
        for title, profiles in by_machine(board.profiles).items():
            first = fastest_first(profiles)[0]
            rows.append([link, escape(title), str(len(profiles)), escape(row_name(first)), f"{first.predict_ms:.1f}"])
    header = ["board of speed", "measured on", "rows", "fastest", "predict_ms"]
    return "\n" + markdown_lines(header, rows, text=("board of speed", "measured on", "fastest")) if rows else ""


def _reproduced(profiles: Sequence[Profile]) -> list[str]:
    commands = list(dict.fromkeys(profile.command for profile in fastest_first(profiles) if profile.command))
    environments = sorted({_environment(profile) for profile in profiles})
    parts = ["## How to reproduce", "```sh\n" + "\n".join(f"{command} --out BOARD" for command in commands) + "\n```"] if commands else []
    return [*parts, "Measured with:", "\n".join(f"- {escape(text)}" for text in environments)]


def _environment(profile: Profile) -> str:
    facts = {**profile.environment, "device": profile.device, "threads": profile.threads}
    return ", ".join(f"{key} {value}" for key, value in facts.items() if isinstance(value, str | int | float))

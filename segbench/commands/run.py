"""`segbench run` and `segbench profile`: progress, speed, overlays, the comparison table."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

from segbench.benchmark import Outcome, image_size, run, save_class_maps
from segbench.datasets.base import Dataset, read_depth, read_photograph
from segbench.inference import Evaluated
from segbench.models.base import Segmenter, predict
from segbench.profiling import profile
from segbench.protocols import Protocol
from segbench.records import Profile, RunRecord, write_text
from segbench.report.intervals import interval_note
from segbench.report.samples import sample_overlay
from segbench.report.tables import half_widths, leaderboard, per_class, without_bounds
from segbench.report.terminal import console, count, percent, progress_bar, table

OVERLAYS = 3
FORMATS: dict[str, Callable[[Any], str]] = {"params": count, "MACs": count, "network_ms": "{:.1f}".format, "images_per_s": "{:.2f}".format}


def portable_command(names: Sequence[str], dataset: Dataset, weights: Mapping[str, Path], precision: str, limit: int | None) -> str:
    """The command that repeats a run on another machine: folders are placeholders, files their names."""
    parts = ["segbench run", f"--models {','.join(names)}", f"--dataset {dataset.name}", f"--split {dataset.split}"]
    parts += [] if dataset.builtin else ["--data DIR"]
    parts += [f"--weights {name}={file.name}" for name, file in weights.items()]
    parts += [f"--precision {precision}"] * (precision != "fp32") + [f"--limit {limit}"] * (limit is not None)
    return " ".join(parts)


def run_with_progress(
    segmenters: Sequence[Segmenter],
    dataset: Dataset,
    protocol: Protocol,
    out: Path,
    *,
    command: str,
    limit: int | None,
    save_predictions: bool,
    repeats: int,
) -> tuple[list[Outcome], list[Profile]]:
    """Evaluate, then measure speed at the size of the first image; one bar each."""
    names = [segmenter.name for segmenter in segmenters]
    with progress_bar("evaluating") as bar:
        task = bar.add_task("evaluating", total=min(limit or len(dataset), len(dataset)))

        def on_image(result: Evaluated) -> None:
            if save_predictions:
                save_class_maps(out / "predictions", names, dataset, result)
            bar.advance(task)

        outcomes = run(
            segmenters, dataset, protocol=protocol, limit=limit, command=command, on_image=on_image, keep_class_maps=save_predictions
        )
    size = image_size(dataset.samples[0])
    return outcomes, profile_with_progress(segmenters, size, repeats=repeats, protocol=protocol) if repeats else []


def profile_with_progress(
    segmenters: Sequence[Segmenter], size: tuple[int, int], *, batch_size: int = 1, repeats: int, protocol: Protocol | None = None
) -> list[Profile]:
    """Profile with a bar that counts the rounds."""
    with progress_bar("timing") as bar:
        task = bar.add_task("timing", total=repeats + 2)
        return profile(segmenters, size, batch_size=batch_size, repeats=repeats, protocol=protocol, on_round=lambda: bar.advance(task))


def write_overlays(folder: Path, segmenters: Sequence[Segmenter], dataset: Dataset) -> None:
    """``sample-NAME-ID.png``: image, target, prediction and errors, for a few samples spread over the split."""
    for sample in dataset.samples[:: max(1, len(dataset) // OVERLAYS)][:OVERLAYS]:
        image, target = read_photograph(sample), dataset.labels.index_of_id[dataset.read_target(sample)]
        for segmenter in segmenters:
            depth = read_depth(dataset, sample, target.shape)[None] if "depth" in segmenter.inputs else None
            pred = predict(segmenter, image[None], depth)[0]
            path = folder / f"sample-{segmenter.name}-{Path(sample.id).name}.png"
            sample_overlay(image, target, pred, dataset.labels, None, path)


def print_table(records: Sequence[RunRecord], profiles: Sequence[Profile], *, per_class: bool) -> None:
    """The comparison table, best mIoU first, on standard output."""
    show = console()
    board = leaderboard(records, profiles)
    frame, widths = without_bounds(board), half_widths(board)
    rows = [_row(row, width) for row, width in zip(frame.to_dict("records"), widths, strict=True)]
    show.print(table(list(map(str, frame.columns)), rows))
    if per_class:
        print_per_class(records)
    show.print("scores in per cent; MACs and times at the images' size, batch 1; times belong to this machine", style="dim")
    if note := interval_note(records):
        show.print(note, style="dim")
    show.print(records[0].signature, style="dim")


def _row(row: dict[Hashable, Any], width: float) -> list[str]:
    cells = {name: value if isinstance(value, str) else FORMATS.get(str(name), percent)(value) for name, value in row.items()}
    return list((cells | {"mIoU": percent(row["mIoU"], width)}).values())


def print_per_class(records: Sequence[RunRecord]) -> None:
    """IoU of every class, a column for each model."""
    frame = per_class(records)
    rows = [[str(name), *(percent(value) for value in row)] for name, row in zip(frame.index, frame.to_numpy(), strict=True)]
    console().print(table(["class IoU", *map(str, frame.columns)], rows))


def print_profiles(profiles: Sequence[Profile], out: Path | None) -> None:
    """Size and speed of every network, fastest first."""
    header = ["model", "params", "MACs", "network_ms", "predict_ms", "p95", "images/s"]
    rows = [
        [
            p.model,
            count(p.params),
            count(p.macs),
            f"{p.network_ms:.1f}",
            f"{p.predict_ms:.1f}",
            f"{p.predict_p95_ms:.1f}",
            f"{p.images_per_s:.2f}",
        ]
        for p in sorted(profiles, key=lambda p: p.predict_ms)
    ]
    first = profiles[0]
    show = console()
    show.print(table(header, rows))
    height, width = first.input_size
    setting = f"{height}x{width}, batch {first.batch_size}, {first.precision}, {first.device}, {first.threads} threads"
    show.print(f"{setting}; medians of {first.repeats}", style="dim")
    for p in profiles if out else []:
        write_text(Path(str(out)) / f"{p.model}.profile.json", p.to_json())

"""`segbench models NAME`: the stages of a model, printed."""

from __future__ import annotations

from segbench.console.terminal import console, table
from segbench.models.anatomy import UNPUBLISHED, describe_inputs, on_meta, stages
from segbench.report.tables.numbers import count


def show_model(name: str, size: tuple[int, int], classes: int) -> None:
    """Print a model's stages: the submodules in the order in which they run, with their output's size and parameters."""
    segmenter = on_meta(name, classes)
    show, paper = console(), segmenter.paper
    show.print(f"{name}: {paper.title} ({paper.authors}, {paper.year}) {paper.url}" if paper else f"{name}: {UNPUBLISHED.title}")
    show.print(describe_inputs(segmenter))
    rows = [[path, " x ".join(map(str, shape)), count(params)] for path, shape, params in stages(segmenter, size)]
    show.print(table(["stage", "output (channels x height x width)", "params"], rows))

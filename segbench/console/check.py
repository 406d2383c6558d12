"""`segbench check`: one line for each property of a model or a dataset."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch

from segbench.checks.findings import Finding
from segbench.checks.model_contract import check_dataset, check_model
from segbench.console.code_note import say_code_runs
from segbench.console.terminal import console, progress_bar
from segbench.datasets.base import Dataset
from segbench.datasets.opening import is_dataset
from segbench.errors import SegbenchError, WeightsError
from segbench.labels.space import LabelSpace, numbered_labels
from segbench.models import MODELS
from segbench.models.loading import brings_weights, model_of
from segbench.registry import Factory

REDUCED = 1 / 8


Plan = tuple[str, Iterable[Finding]]


def check(wanted: Sequence[str], settings: dict[str, Any], *, full: bool, classes: int, open_dataset: Callable[[str], Dataset]) -> int:
    """Print what holds and what does not for each name; ``all`` is every registered model. Returns how many properties do not hold.

    Models are built for the classes of the data set that is named beside them, or else for so many ``classes`` called 0, 1 ...

    :raises SegbenchError: a name, or the data of a dataset, is not there; before anything is checked.
    """
    factories = {name: _model_factory(name) for name in wanted if name != "all"}
    datasets = {name: open_dataset(name) for name, factory in factories.items() if factory is None}
    labels = next(iter(datasets.values())).labels if len(datasets) == 1 else numbered_labels(classes)

    def plan(name: str) -> Plan:
        if name in datasets:
            return name, _check_dataset(datasets[name])
        factory = factories.get(name) or MODELS.resolve(name)
        width = {} if full else reduced(factory, settings)
        note = f" (width {width['width']:g}; --full checks it as published)" if width else ""
        return name + note, _check_model(name, labels, settings | width)

    plans = [_plan_of_plugin(plan, name) for name in MODELS.names()] if "all" in wanted else [plan(name) for name in wanted]
    findings = [finding for heading, found in plans for finding in _print(heading, found)]
    failed = sum(not finding.holds for finding in findings)
    print(f"{failed} of {len(findings)} properties do not hold" if failed else f"all {len(findings)} properties hold")
    return failed


def _plan_of_plugin(plan: Callable[[str], Plan], name: str) -> Plan:
    """As ``plan``; that a plugin cannot be imported is a finding about it, not the end of the others."""
    try:
        return plan(name)
    except SegbenchError as error:
        return name, [Finding(name, "It can be imported", str(error))]


def _model_factory(name: str) -> Factory | None:
    """The factory of a model; ``None`` if the name is a dataset's. A file's function is a dataset's if it says that it returns one."""
    if is_dataset(name) and name not in MODELS.names():
        return None
    factory = MODELS.resolve(name)
    made = inspect.signature(factory).return_annotation
    return None if getattr(made, "__name__", made) == Dataset.__name__ else factory


def reduced(factory: Factory, settings: dict[str, Any]) -> dict[str, Any]:
    """The width at which a network is quick to check, if its factory takes one and none is asked for."""
    return {"width": REDUCED} if "width" in inspect.signature(factory).parameters and "width" not in settings else {}


def _check_model(name: str, labels: LabelSpace, arguments: dict[str, Any]) -> Iterator[Finding]:
    torch.manual_seed(0)
    say_code_runs([name])
    try:
        segmenter = model_of(name, labels, **arguments)
    except SegbenchError as error:
        yield Finding(name, "It can be built", str(error))
        return
    if MODELS.is_adapted(name) and brings_weights(segmenter):
        raise WeightsError(
            f"{name} was trained elsewhere, and the contract is for networks that can be built anew; try: segbench profile {name}"
        )
    yield from check_model(segmenter)


def _check_dataset(dataset: Dataset) -> Iterator[Finding]:
    with progress_bar(dataset.title) as bar:
        task = bar.add_task(dataset.title, total=len(dataset))
        yield from check_dataset(dataset, on_sample=lambda: bar.advance(task))


def _print(heading: str, findings: Iterable[Finding]) -> list[Finding]:
    show = console()
    show.print(heading, style="bold", markup=False, soft_wrap=True)
    seen = []
    for finding in findings:
        verdict, style = ("ok  ", "") if finding.holds else ("FAIL", "red")
        what = finding.claim if finding.problem is None else f"{finding.claim}: {finding.problem}"
        show.print(f"  {verdict}  {what}", style=style, markup=False, soft_wrap=True)
        seen.append(finding)
    return seen

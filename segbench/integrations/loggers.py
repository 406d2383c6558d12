"""A run record in the dashboards of others: TensorBoard, Weights & Biases, MLflow. Each is told numbers, the signature and the record."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from segbench.errors import UsageError
from segbench.integrations.scores import flat
from segbench.models.adapters.base import import_package
from segbench.records.run_record import RunRecord


def numbers_of(record: RunRecord, prefix: str = "val") -> dict[str, float]:
    """What dashboards draw: scores and ``iou/CLASS`` as fractions, and ``miou/low`` and ``miou/high``; what is undefined is left out."""
    numbers = flat(record.scores, record.labels)
    if record.intervals is not None and "miou" in numbers:
        low, high = record.intervals.bounds["miou"].tolist()
        numbers |= {"miou/low": low, "miou/high": high}
    return {f"{prefix}/{name}" if prefix else name: value for name, value in numbers.items()}


def log_to_tensorboard(record: RunRecord, writer: Any, step: int = 0, *, prefix: str = "val") -> None:
    """Write a record into TensorBoard's files.

    :param writer: a ``SummaryWriter`` (torch's or tensorboardX's), which stays open; or a folder, for which one is opened and closed.
    :raises MissingPackageError: it is a folder, and tensorboard is not installed.

    >>> import segbench
    >>> from segbench.integrations import log_to_tensorboard
    >>> log_to_tensorboard(segbench.read_run("ours.json"), "logs", step=5)
    """
    if isinstance(writer, str | Path):
        import_package("tensorboard", purpose="segbench.integrations.log_to_tensorboard", pip="tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(writer)) as opened:
            log_to_tensorboard(record, opened, step, prefix=prefix)
        return
    for name, value in numbers_of(record, prefix).items():
        writer.add_scalar(name, value, step)
    writer.add_text(f"{prefix}/signature" if prefix else "signature", f"`{record.signature}`", step)


def log_to_wandb(record: RunRecord, run: Any = None, step: int | None = None, *, prefix: str = "val") -> None:
    """Log a record to a run of Weights & Biases.

    :param run: what ``wandb.init()`` gave; by default the one that is open.
    :param step: of the run; by default its next one.
    :raises MissingPackageError: no run is given, and wandb is not installed.
    :raises UsageError: no run is given, and none is open.
    """
    if run is None:
        run = import_package("wandb", purpose="segbench.integrations.log_to_wandb", pip="wandb").run
    if run is None:
        raise UsageError("no run of Weights & Biases is open: call wandb.init() first, or give run=")
    run.log(numbers_of(record, prefix), step=step)
    run.summary[f"{prefix}/signature" if prefix else "signature"] = record.signature


def log_to_mlflow(record: RunRecord, step: int | None = None, *, prefix: str = "val", client: Any = None) -> None:
    """Log a record to MLflow's active run, and the record itself as its artifact ``PREFIX/NAME.json``.

    :param client: what has ``log_metrics``, ``set_tag`` and ``log_text``; by default the package ``mlflow``.
    :raises MissingPackageError: mlflow is not installed.
    """
    if client is None:
        client = import_package("mlflow", purpose="segbench.integrations.log_to_mlflow", pip="mlflow")
    client.log_metrics({_plain(name): value for name, value in numbers_of(record, prefix).items()}, step=step)
    client.set_tag("segbench.signature", record.signature)
    client.log_text(record.to_json(), f"{prefix}/{_plain(record.name, slashes=False)}.json".lstrip("/"))


def _plain(name: str, *, slashes: bool = True) -> str:
    """A name as MLflow takes them: letters, digits, underscores, dashes, dots, blanks and, in those of metrics, slashes."""
    return re.sub(r"[^\w\-. /]" if slashes else r"[^\w\-. ]", "_", name, flags=re.ASCII)

"""Every exception that segbench raises on purpose.

    SegbenchError
    |-- UsageError           arguments of a function that do not fit together; a ValueError too
    |-- UnknownNameError     a model, dataset or key that is not registered; names the nearest one
    |-- LabelError           bytes that a label space does not own, or a label space that contradicts itself
    |-- DataError            files that are missing, ambiguous, unreadable or of the wrong kind; names every one
    |   `-- ImageError       one such file
    |-- NetworkError         a network that returns something else than finite scores for its classes
    |-- WeightsError         a weights file that is absent, foreign or does not fit its network
    |-- ProtocolError        a way to run a network that makes no sense
    |-- RecordError          a run record that cannot be read, or does not belong with its neighbours
    |-- TrainingError        a training that diverged; names the last good state
    `-- MissingPackageError  an optional package; names the pip command

Each message names the thing and says the way out. The command line prints it without a traceback and exits with status 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path


class SegbenchError(Exception):
    """Base of all errors that are the input's fault, not the code's.

    >>> import segbench
    >>> try:
    ...     segbench.open_dataset("cityscape")
    ... except segbench.SegbenchError as error:
    ...     print(error)
    dataset 'cityscape' is not registered; did you mean 'cityscapes'?
    """


@contextmanager
def blaming(model: str) -> Iterator[None]:
    """Errors in the block are a model's: they carry its name as ``of_model``, so that a run of several goes on without it."""
    try:
        yield
    except Exception as error:
        if not hasattr(error, "of_model"):
            error.of_model = model  # type: ignore[attr-defined]
        raise


class UsageError(SegbenchError, ValueError):
    """Arguments of a function that do not fit together: shapes, types, devices."""


class UnknownNameError(SegbenchError):
    """A name that nothing is registered under."""


class LabelError(SegbenchError):
    """Label bytes without a meaning, or a label space that contradicts itself."""


class DataError(SegbenchError):
    """Files that cannot be used. ``problems`` holds one line for each bad file."""

    def __init__(self, summary: str, problems: Iterable[str] = (), way_out: str = "") -> None:
        self.summary = summary
        self.problems = tuple(problems)
        self.way_out = way_out
        super().__init__("\n".join(part for part in (summary, *(f"  {line}" for line in self.problems), way_out) if part))


class ImageError(DataError):
    """One file that cannot be read as what it should be. ``reason`` is the sentence without the file's name, ``summary`` with it."""

    def __init__(self, path: object, reason: str, way_out: str = "") -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}", way_out=way_out)


class NetworkError(SegbenchError):
    """A network that returns something else than finite scores for its classes; names the network, and the image or the output."""


class WeightsError(SegbenchError):
    """A weights file that is absent, foreign or does not fit its network."""


class ProtocolError(SegbenchError):
    """A way to run a network that makes no sense; every contradiction is named."""


class RecordError(SegbenchError):
    """A run record that cannot be read, or that does not belong with its neighbours."""


class TrainingError(SegbenchError):
    """A training that diverged: the loss is infinite or no number from step ``step`` on. ``saved``: the step of its last checkpoint."""

    def __init__(self, step: int, learning_rate: float, checkpoint: Path, saved: int | None = None) -> None:
        way_out = f"train with a lower --learning-rate (it was {learning_rate:g}), or in --precision fp32"
        good = "there is no good state of it: it diverged before the first validation"
        if saved is not None:
            good = f"the last good state is {checkpoint}, of step {saved}"
        super().__init__(f"the training diverged: from step {step} on its loss is no number.\n  {way_out}\n  {good}")


class MissingPackageError(SegbenchError):
    """An optional package is not installed, or is and cannot be imported: ``problem`` says why."""

    def __init__(self, package: str, purpose: str, pip: str, *, problem: str = "") -> None:
        state, verb = (f"which cannot be imported ({problem})", "repair") if problem else ("which is not installed", "install")
        super().__init__(f"{purpose} needs the package {package!r}, {state}; {verb} it with: pip install {pip}")


def nearest(name: object, names: Iterable[str], otherwise: str = "known:", *, number: int = 1) -> str:
    """The way out for a name that there is not: ``did you mean 'enet'?``, or all names behind ``otherwise``; case does not matter.

    Where ``otherwise`` is empty there are too many to list, and the answer is empty too.
    """
    wanted, spelt = str(name).casefold(), {each.casefold(): each for each in names}
    matches = get_close_matches(wanted, spelt, number, 0.5)
    alike = [SequenceMatcher(None, each, wanted).ratio() for each in matches]
    near = [repr(spelt[each]) for each, ratio in zip(matches, alike, strict=True) if ratio > alike[0] - 0.25]  # else it is plain which one
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"{otherwise} {', '.join(spelt.values())}" if otherwise else ""

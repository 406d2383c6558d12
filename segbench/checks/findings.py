"""What a check says: one finding for each property of a model or a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


class ContractError(AssertionError):
    """A property does not hold; the message says what was found instead."""


@dataclass(frozen=True)
class Finding:
    """Whether ``subject``, a model or a dataset, keeps to a claim. ``problem`` says what was found instead; ``None`` if it holds."""

    subject: str
    claim: str
    problem: str | None = None

    @property
    def holds(self) -> bool:
        """Nothing was found."""
        return self.problem is None


def require(holds: bool, problem: str) -> None:
    """Raise :class:`ContractError` with ``problem`` unless ``holds``."""
    if not holds:
        raise ContractError(problem)


def problem_of(attempt: Callable[[], object]) -> str | None:
    """What is wrong with what is attempted: the message of a :class:`ContractError`, or an exception of another kind and its message."""
    try:
        attempt()
    except ContractError as error:
        return str(error)
    except Exception as error:  # whatever the thing under test does wrong belongs into the report
        return f"{type(error).__name__}: {error}"
    return None


def title(property_: Callable[..., object]) -> str:
    """What a property says: the first line of its docstring."""
    return (property_.__doc__ or property_.__name__).splitlines()[0].rstrip(".")


def some(names: Iterable[str], shown: int = 3) -> str:
    """The first few of many names."""
    names = sorted(names)
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")

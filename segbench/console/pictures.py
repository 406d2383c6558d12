"""The picture that a command draws where ``--plot`` is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from segbench.console.terminal import console
from segbench.errors import UsageError

SUFFIXES = (".svg", ".png")


def require_format(plot: Path | None) -> None:
    """Check that the name of a picture tells its format, before anything is read.

    :raises UsageError: it does not.
    """
    if plot is not None and plot.suffix not in SUFFIXES:
        raise UsageError(f"--plot {plot} ends on neither of {', '.join(SUFFIXES)}, and so tells no format")


def draw(plot: Path, picture: Callable[[Path | None, Path | None], None]) -> None:
    """Draw a ``picture(svg, png)`` in the format that the name tells, and say so."""
    picture(*((plot, None) if plot.suffix == ".svg" else (None, plot)))
    console(stderr=True).print(f"wrote {plot}", markup=False, soft_wrap=True)

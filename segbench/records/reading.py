"""What readers of records have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import RecordError
from segbench.files.foreign import read_json

PROFILED, CORRUPTED = ".profile.json", ".corruptions.json"
"""How files are called that stand beside a run record, NAME.json, and are of its network."""


def is_run_file(path: Path) -> bool:
    """Whether a file is called as run records are, and not as what stands beside them."""
    return path.suffix == ".json" and not path.name.endswith((PROFILED, CORRUPTED))


def record_in(path: Path) -> Any:
    """What the JSON of a record holds, whatever it is.

    :raises RecordError: the file is missing, or no JSON.
    """
    try:
        return read_json(path)
    except FileNotFoundError:
        raise RecordError(f"{path}: the record is missing") from None
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: not a record in JSON ({error})") from error


def whole_numbers(rows: Any) -> NDArray[np.int64]:
    """The rows of a confusion matrix.

    :raises ValueError: they hold something else than whole numbers that fit.
    """
    counts = np.array(rows)
    if counts.dtype != np.int64:
        raise ValueError(f"the confusion matrix holds {counts.dtype} values; it must hold whole numbers below 2^63")
    return counts

"""Label spaces from YAML files."""

from __future__ import annotations

from pathlib import Path

import yaml

from segbench.errors import LabelError
from segbench.labels.space import LabelSpace


def read_label_space(path: Path) -> LabelSpace:
    """A label space from YAML: ``name``, ``classes`` (a list of names or of {name, ids, color}), ``void`` (a list of {name, ids, color}).

    :raises LabelError: the file is missing, is no YAML, or is no label space.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        return LabelSpace.from_dict(data)
    except FileNotFoundError:
        raise LabelError(f"{path}: the label file is missing") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LabelError(f"{path}: not a YAML file ({error})") from error
    except LabelError as error:
        raise LabelError(f"{path}: {error}") from error

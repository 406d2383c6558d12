"""What notebooks ask a value for. The pages stand in report/, above everything that is shown, and are loaded when one is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Shown:
    """A value that notebooks show as a table."""

    def _repr_html_(self) -> str:
        """HTML without colours of its own: it takes those of the notebook, dark or light."""
        return str(import_module("segbench.report.tables.notebook").html_of(self))


def drawn(record: object, kind: str) -> Any:
    """The picture of a record; see :mod:`segbench.plots`."""
    return import_module("segbench.plots").of_record(record, kind)

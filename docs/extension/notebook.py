"""The page of a notebook: its text, its code, and its outputs as they are stored in it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.extension.text import fenced

NOTEBOOK = Path(__file__).parents[1] / "how-to" / "notebook.ipynb"
HEAD = "This page is a notebook, `docs/how-to/notebook.ipynb`, with the outputs that it had when it was last run; the tests run it.\n"


def page() -> str:
    """Markdown; a link to a page beside the notebook leads there from the reference."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    title, *rest = [part for cell in cells for part in _cell(cell)]
    heading, _, text = title.partition("\n")
    return "\n".join([heading, "", HEAD, text, *rest])


def _cell(cell: dict[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source.replace("](", "](../how-to/") + "\n"
        return
    yield fenced("python", source)
    yield from map(_output, cell["outputs"])


def _output(output: dict[str, Any]) -> str:
    """An output in the richest form that is stored; pictures are part of the page.

    :raises ValueError: it is an error.
    """
    data = {kind: "".join(value) for kind, value in output.get("data", {}).items()}
    if output["output_type"] == "error":
        raise ValueError(f"{NOTEBOOK.name}: a cell fails: {output['ename']}")
    if output["output_type"] == "stream":
        return fenced("text", "".join(output["text"]))
    if "image/jpeg" in data:
        return _raw(f'<img alt="photographs" src="data:image/jpeg;base64,{"".join(data["image/jpeg"].split())}">')
    if "image/svg+xml" in data:  # an image of its own, whose styles and ids meet no others
        return _raw(f'<img alt="a plot" src="data:image/svg+xml;base64,{b64encode(data["image/svg+xml"].encode()).decode()}">')
    return _raw(f'<div class="table-wrapper">{data["text/html"]}</div>') if "text/html" in data else fenced("text", data["text/plain"])


def _raw(html: str) -> str:
    return fenced("{raw} html", html)

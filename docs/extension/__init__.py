"""The pages of the reference: made from the code when the documents are built, so that they cannot say something else than it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from docs.extension import api, cli, errors, notebook, record, registered, scaling, yaml_keys

FOLDER = "reference"
PAGES: dict[str, Callable[[], str]] = {
    "cli": cli.page,
    "api": api.page,
    "yaml": yaml_keys.page,
    "record": record.page,
    "errors": errors.page,
    "models": registered.models_page,
    "datasets": registered.datasets_page,
    "notebook": notebook.page,
    "scaling": scaling.page,
}


def write_pages(folder: Path) -> None:
    """Write every page that is not there already as it should be: Sphinx reads again what is newer than before."""
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        path, text = folder / f"{name}.md", page()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """What Sphinx calls."""
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / FOLDER))
    app.connect("missing-reference", api.resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

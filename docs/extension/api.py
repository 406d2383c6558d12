"""The page of the Python API, from ``segbench.__all__``: signatures and docstrings are read by Sphinx's autodoc."""

from __future__ import annotations

import inspect
from typing import Any

import segbench
from docs.extension import doors
from docs.extension.text import fenced, first_sentence, table

NAMES = [name for name in segbench.__all__ if not name.startswith("_")]
HEAD = """# Python API

`import segbench` offers these names; it costs nothing until one is used, and type checkers see them. Two more doors are
[`segbench.integrations`](#segbenchintegrations) and [`segbench.plots`](#segbenchplots). Examples run as they are
printed, in a folder with three images of 32x24 pixels in `images/`, their targets in `gts/` and label maps in `preds/`, described by
`mydata.yaml`. Scores are fractions; sizes are (height, width).

"""
# Where a public object is, to its public name: signatures name the first.
PUBLIC = {place.replace(":", "."): name for name, place in segbench._PLACES.items()}


def page() -> str:
    """A table of all names, a section for each, and the other doors."""
    rows = [[f"[`{name}`](#{_anchor(name)})", first_sentence(getattr(segbench, name))] for name in NAMES]
    return HEAD + table(["name", "what it is"], rows) + "\n" + "\n".join(map(_section, NAMES)) + "\n" + doors.sections()


def _anchor(name: str) -> str:
    """What a link to a name's headline is called: small letters, and a number where another name has the same."""
    same = [other for other in NAMES if other.lower() == name.lower()].index(name)
    return name.lower() + (f"-{same}" if same else "")


def _section(name: str) -> str:
    value = getattr(segbench, name)
    if not inspect.isclass(value):
        directive = f".. autofunction:: segbench.{name}"
    elif issubclass(value, Exception):
        directive = f".. autoexception:: segbench.{name}"
    else:
        directive = f".. autoclass:: segbench.{name}\n   :members:"
    return f"## {name}\n\n{fenced('{eval-rst}', directive)}"


def resolve(app: Any, env: Any, node: Any, content: Any) -> Any:
    """What Sphinx does not find: a public object under the name of its inner module, or by its last name alone."""
    target = str(node.get("reftarget", ""))
    name = PUBLIC.get(target.removeprefix("segbench.")) or (target if target in NAMES else None)
    if node.get("refdomain") != "py" or name is None:
        return None
    domain = env.get_domain("py")
    for role in ("class", "func", "exc"):
        if found := domain.resolve_xref(env, node["refdoc"], app.builder, role, f"segbench.{name}", node, content):
            return found
    return None

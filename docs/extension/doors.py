"""The other doors on the page of the Python API: ``segbench.integrations`` and ``segbench.plots``.

What stands behind the first needs packages that a build of these pages lacks, so signatures and docstrings are read from the source.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from docs.extension.text import fenced, markdown, table
from segbench import plots
from segbench.integrations import _PLACES

PACKAGE = Path(plots.__file__).parent
Documented = ast.ClassDef | ast.FunctionDef
DOORS = {
    "segbench.integrations": (
        "The meter in the loops of others, and records in their dashboards. Each name needs its package.",
        {name: PACKAGE / "integrations" / f"{module}.py" for name, module in _PLACES.items()},
    ),
    "segbench.plots": (
        "Pictures of records and images. Each function gives a `Picture`, which a notebook shows and `save` writes.",
        dict.fromkeys(plots.__all__, PACKAGE / "plots.py"),
    ),
}


def sections() -> str:
    """A section for each door: a table of its names, and what each takes and gives."""
    return "\n".join(_door(door, about, files) for door, (about, files) in DOORS.items())


def _door(door: str, about: str, files: dict[str, Path]) -> str:
    found = {name: _named(path, name) for name, path in files.items()}
    rows = [[f"`{name}`", markdown(" ".join(_doc(node).partition("\n\n")[0].split()))] for name, node in found.items()]
    return (
        f"## {door}\n\n{about}\n\n" + table(["name", "what it is"], rows) + "\n" + "\n".join(_entry(door, node) for node in found.values())
    )


def _entry(door: str, node: Documented) -> str:
    """What Sphinx makes of a class, with its public methods, or of a function."""
    return fenced("{eval-rst}", "\n".join(_directive(f"{door}.{node.name}", node)))


def _directive(name: str, node: Documented, indent: str = "") -> Iterator[str]:
    kind = "method" if indent else "class" if isinstance(node, ast.ClassDef) else "function"
    yield f"{indent}.. py:{kind}:: {name}{_signature(node)}"
    yield ""
    yield from (f"{indent}   {line}".rstrip() for line in _doc(node).splitlines())
    yield ""
    if isinstance(node, ast.ClassDef):
        for each in node.body:
            if isinstance(each, ast.FunctionDef) and not each.name.startswith("_"):
                yield from _directive(each.name, each, indent + "   ")


def _signature(node: Documented) -> str:
    """Names and defaults of what is given, in brackets."""
    function = next((each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"), None)
    function = node if isinstance(node, ast.FunctionDef) else function
    if function is None:
        return ""
    for each in (*function.args.args, *function.args.kwonlyargs, function.args.vararg, function.args.kwarg):
        if each is not None:
            each.annotation = None
    function.args.args = [each for each in function.args.args if each.arg != "self"]
    return f"({ast.unparse(function.args)})"


def _doc(node: Documented) -> str:
    return inspect.cleandoc(ast.get_docstring(node) or "")


def _named(path: Path, name: str) -> Documented:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    (found,) = [each for each in tree.body if isinstance(each, ast.ClassDef | ast.FunctionDef) and each.name == name]
    return found

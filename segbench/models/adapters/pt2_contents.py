"""What may stand in a ``.pt2`` file that runs nothing: tensors as plain bytes, and expressions of sizes.

``torch.export.load`` unpickles whatever else it finds, and evaluates the expressions as Python. Everything is looked at before, by the
reader that torch uses, and a file that holds more than tensors and arithmetic is refused.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from segbench.errors import WeightsError

TEXTS = ("archive_format", "archive_version", "version", "byteorder", ".data/version", ".data/serialization_id")
OBJECTS = ("custom_obj_", "opaque_obj_")
ARITHMETIC = (
    *(ast.Expression, ast.Constant, ast.Name, ast.Call, ast.keyword, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp),
    *(ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context),
)
OF_TENSORS = (ast.Attribute, ast.Subscript, ast.Tuple, ast.List)
ATTRIBUTES = {"size", "dim", "ndim", "shape", "numel", "stride", "storage_offset", "dtype", "device", "layout", "item"}
EVALUATED = {"sympify", "S", "Lambda", "FunctionClass", "UndefinedFunction"}


def refuse_code(path: Path) -> None:
    """Check that loading a program runs nothing that the file brings.

    :raises WeightsError: it holds pickled objects, or expressions that are more than arithmetic.
    """
    problems = [problem for name, data in _members(path) for problem in _problems(name, data)]
    if problems:
        shown = "; ".join(problems[:3])
        way_out = "save it with a newer torch.export.save, of tensors that are no subclass; or export it to ONNX"
        raise WeightsError(f"{path}: loading it would run what it brings ({shown}), so it is refused: {way_out}")


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every file in the archive, as torch reads it; and those of an older layout, which it reads otherwise."""
    reader = torch._C.PyTorchFileReader(str(path))
    for name in reader.get_all_records():
        yield name, reader.get_record(name)
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("serialized_"):
                yield name, archive.read(name)


def _problems(name: str, data: bytes) -> Iterator[str]:
    if name.rpartition("/")[2].startswith(OBJECTS):
        yield f"{name} is an object"
    elif name.endswith("_config.json"):
        yield from (f"{each} is pickled" for each in _pickled(json.loads(data)))
    elif name.endswith(".json") and name not in ("serialized_state_dict.json", "serialized_constants.json"):
        yield from (f"{name} evaluates {text!r}" for text in _expressions(json.loads(data)) if not _is_arithmetic(text))
    elif (name.endswith(".pt") or name.startswith("serialized_") or data[:4] == b"PK\x03\x04") and data and not _is_plain(data):
        yield f"{name} holds pickled objects"


def _pickled(config: Any) -> Iterator[str]:
    """Tensors that are not stored as plain bytes, or whose file is no tensor's."""
    entries = config.get("config") if isinstance(config, Mapping) else None
    for name, entry in (entries if isinstance(entries, Mapping) else {}).items():
        place = str(entry.get("path_name", "")) if isinstance(entry, Mapping) else ""
        if not place or entry.get("use_pickle") or not re.fullmatch(r"(weight|tensor)_\d+", place):
            yield str(name)


def _is_plain(data: bytes) -> bool:
    """Whether torch reads it without running anything: tensors, numbers and texts in lists and dictionaries."""
    try:
        torch.load(io.BytesIO(data), weights_only=True)
    except Exception:  # whatever a file makes it stumble over
        return False
    return True


def _expressions(data: Any) -> Iterator[str]:
    """Every text of a program that is evaluated."""
    if isinstance(data, list):
        for each in data:
            yield from _expressions(each)
    elif isinstance(data, Mapping):
        for key, value in data.items():
            if key == "expr_str" or (key == "guards_code" and isinstance(value, list)):
                yield from map(str, value if isinstance(value, list) else [value])
            else:
                yield from _expressions(value)


def _is_arithmetic(text: str) -> bool:
    """Whether a text is numbers, symbols and functions of them (``Mul(Integer(8), Symbol('s0'))``), or of a tensor's size."""
    try:
        return all(_is_harmless(node) for node in ast.walk(ast.parse(text.strip(), mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _is_harmless(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return not isinstance(node.value, str) or node.value.isidentifier()
    if isinstance(node, ast.Attribute):
        return node.attr in ATTRIBUTES
    if isinstance(node, ast.Call):
        called = node.func
        return isinstance(called, ast.Attribute) or (
            isinstance(called, ast.Name)
            and called.id not in EVALUATED
            and bool(re.fullmatch(r"[A-Z]\w*|len|floor|ceiling|sqrt", called.id))
        )
    if isinstance(node, ast.Name):
        return not node.id.startswith("__")
    return isinstance(node, ARITHMETIC + OF_TENSORS)

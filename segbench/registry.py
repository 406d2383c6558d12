"""Things of one kind by name: a table of strings, entry points, adapters and ``file.py:attr``.

A name resolves as (1) ``adapter:reference`` for the prefixes of the adapters, (2) ``file.py:attr`` or ``package.module:attr``, (3) a line
of the table, (4) an entry point of the group. Listing imports nothing. Two things under one name are an error; an unknown name is answered
with the nearest ones.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from segbench.errors import UnknownNameError, nearest

Factory = Callable[..., Any]


@dataclass(frozen=True)
class Registry:
    """``table``: what comes along, name to ``package.module:attr``. ``kind`` is what a message calls one of them.

    ``group``: entry points that add to it, and that file.py:attr may be named instead; what is found is a factory then. Without one the
    table is all there is. ``adapters``: prefix to ``package.module:attr`` of a factory that takes what stands behind the colon first.
    ``forms``: how files are named, by their endings, with ``{}`` in place of the file.
    """

    kind: str
    table: Mapping[str, str]
    group: str | None = None
    adapters: Mapping[str, str] = field(default_factory=dict)
    forms: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Every registered name: the table in its order, then plugins.

        :raises UnknownNameError: a plugin uses a name that is taken.
        """
        return list(self._targets())

    def resolve(self, name: str) -> Any:
        """What is behind a name.

        :raises UnknownNameError: nothing is registered under it; or its file, module or attribute does not exist, or is no function.
        """
        if self.group is None:
            return self._registered(name)
        factory: Any
        if self.is_adapted(name):
            prefix, _, reference = name.partition(":")
            factory = partial(_load(self.adapters[prefix], name), reference)
        elif ":" in name:
            factory = _load(name, name, self.adapters)
        else:
            factory = self._registered(name)
        if not callable(factory):
            raise UnknownNameError(f"{name!r} is a {type(factory).__name__}; a factory is a function")
        return factory

    def is_adapted(self, name: str) -> bool:
        """Whether a name begins with the prefix of an adapter."""
        prefix, colon, _ = name.partition(":")
        return bool(colon) and prefix in self.adapters

    def code_sha256(self, name: str) -> str | None:
        """SHA-256 of the code behind a name that was loaded: its file, and what that imports from beside it, or from the same package.

        ``None`` for lines of the table and for adapters: their code has a version.
        """
        if name in self.table or self.is_adapted(name):
            return None
        location = (name if ":" in name else self._targets()[name]).rpartition(":")[0]
        digest = hashlib.sha256()
        for file in _sources(location):
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()

    def _registered(self, name: str) -> Any:
        targets = self._targets()
        if name not in targets:
            way_out = f"write {form}" if (form := self._form(name)) else nearest(name, targets, number=3)
            raise UnknownNameError(f"{self.kind} {name!r} is not registered; {way_out}")
        return _load(targets[name], name)

    def _form(self, name: str) -> str:
        """How a file or a folder that stands for a name must be written; nothing if it is none."""
        return self.forms.get("/" if Path(name).is_dir() else Path(name).suffix.lower(), "").format(name) if self.group else ""

    def _targets(self) -> dict[str, str]:
        targets = dict(self.table)
        plugins = entry_points(group=self.group) if self.group else ()
        for plugin in sorted(plugins, key=lambda point: point.name):
            if targets.get(plugin.name, plugin.value) != plugin.value:
                raise UnknownNameError(f"plugin {plugin.value} uses the name {plugin.name!r} of {targets[plugin.name]}; rename one of them")
            targets[plugin.name] = plugin.value
        return targets


def load(target: str) -> Any:
    """What ``package.module:attr`` or ``file.py:attr`` names.

    :raises UnknownNameError: there is no such file, module or attribute.
    """
    return _load(target, target)


def _load(target: str, name: str, adapters: Iterable[str] = ()) -> Any:
    location, _, attribute = target.rpartition(":")
    if not location or (location.startswith(".") and not location.endswith(".py")):
        raise UnknownNameError(f"{name!r}: write file.py:function or package.module:function")
    try:
        module = _import_file(Path(location)) if location.endswith(".py") else importlib.import_module(location)
        return getattr(module, attribute)
    except SyntaxError as error:
        raise UnknownNameError(f"{name!r}: {error.filename}, line {error.lineno}: {error.msg}") from error
    except ImportError as error:
        way_out = f"; adapters: {', '.join(f'{each}:' for each in adapters)}" if adapters else ""
        if location.endswith(".py"):
            way_out = "; its own folder is searched, others if PYTHONPATH names them"
        raise UnknownNameError(f"{name!r}: cannot import {location}: {error}{way_out}") from error
    except FileNotFoundError as error:
        if error.filename is not None:  # one that the code looks for
            raise
        raise UnknownNameError(f"{name!r}: cannot import {location}: {error}") from error
    except AttributeError as error:
        raise UnknownNameError(f"{name!r}: {error}") from error


def _import_file(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    # The path is part of the name: two plugin files may be called alike.
    module_name = f"segbench_file_{abs(hash(str(path.resolve()))):x}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    _search_first(path.resolve().parent)
    sys.modules[module_name] = module  # dataclasses look their module up while it is being executed
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


_SEARCHED: list[Path] = []
"""Folders of files that were loaded by their paths."""


def _search_first(folder: Path) -> None:
    """Let a file import what lies beside it, as a script does, and not what is called alike beside another file."""
    for name, module in list(sys.modules.items()):
        file, top = Path(getattr(module, "__file__", None) or "/"), name.partition(".")[0]
        own = (folder / top).is_dir() or (folder / f"{top}.py").is_file()
        if own and not file.is_relative_to(folder) and any(file.is_relative_to(other) for other in _SEARCHED):
            del sys.modules[name]
    if folder not in _SEARCHED:
        _SEARCHED.append(folder)
    if str(folder) in sys.path:
        sys.path.remove(str(folder))
    sys.path.insert(0, str(folder))


def _sources(location: str) -> list[Path]:
    """The file of ``file.py`` or ``package.module`` and those that it imports from its folder or package, and they in turn."""
    if location.endswith(".py"):
        first, package = Path(location).resolve(), None
        root = first.parent
    else:
        package = location.partition(".")[0]
        top = getattr(sys.modules[package], "__file__", None)
        first = Path(sys.modules[location].__file__ or "")
        root = Path(top).parent.parent if top and Path(top).name == "__init__.py" else first.parent
    found, waiting = set[Path](), [first]
    while waiting:
        file = waiting.pop()
        if file in found or not file.is_file():
            continue
        found.add(file)
        names = [name for name in _imports(file, root) if name and package in (None, name[0])]
        waiting += [each for name in names for each in _files_of(root, name)]
    return sorted(found)


def _imports(file: Path, root: Path) -> Iterator[tuple[str, ...]]:
    """Every module that a file may import, anywhere in it, by the parts of its name; relative ones as seen from a root."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (tuple(each.name.split(".")) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            within: tuple[str, ...] = ()
            if node.level:
                within = file.parents[node.level - 1].relative_to(root).parts if file.is_relative_to(root) else ()
            module = (*within, *(node.module.split(".") if node.module else ()))
            yield from ((*module, each.name) for each in node.names)


def _files_of(root: Path, name: tuple[str, ...]) -> Iterator[Path]:
    """The files that importing a module from a root reads: its own, and those of the packages that hold it."""
    for length in range(1, len(name) + 1):
        folder = root.joinpath(*name[:length])
        yield from (folder / "__init__.py", folder.with_name(f"{folder.name}.py"))

"""Things of one kind by name: a table of strings, entry points, adapters and ``file.py:attr``.

A name resolves as (1) ``adapter:reference`` for the prefixes of the adapters, (2) ``file.py:attr`` or ``package.module:attr``, (3) a line
of the table, (4) an entry point of the group. Listing imports nothing. Two things under one name are an error; an unknown name is answered
with the nearest ones.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
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
    """

    kind: str
    table: Mapping[str, str]
    group: str | None = None
    adapters: Mapping[str, str] = field(default_factory=dict)

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

    def _registered(self, name: str) -> Any:
        targets = self._targets()
        if name not in targets:
            raise UnknownNameError(f"{self.kind} {name!r} is not registered; {nearest(name, targets, number=3)}")
        return _load(targets[name], name)

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
    except (ModuleNotFoundError, FileNotFoundError) as error:
        prefixes = f"; adapters: {', '.join(f'{prefix}:' for prefix in adapters)}" if adapters else ""
        raise UnknownNameError(f"{name!r}: cannot import {location}: {error}{prefixes}") from error
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
    sys.modules[module_name] = module  # dataclasses look their module up while it is being executed
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module

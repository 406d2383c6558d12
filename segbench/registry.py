"""Names to factories: a table of strings, entry points, adapters and ``file.py:attr``.

A name resolves as (1) ``adapter:reference`` for the prefixes of a table of adapters, (2) ``file.py:attr`` or ``package.module:attr``, (3) a
line of the builtin table, (4) an entry point of the group. Listing imports nothing. Two things under one name are an error; an unknown name
is answered with the nearest ones.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any

from segbench.errors import UnknownNameError

Factory = Callable[..., Any]
NO_ADAPTERS: Mapping[str, str] = MappingProxyType({})


def names(builtin: Mapping[str, str], group: str) -> list[str]:
    """Every registered name: the builtin table in its order, then plugins.

    :raises UnknownNameError: a plugin uses a name that is taken.
    """
    return list(_table(builtin, group))


def resolve(name: str, builtin: Mapping[str, str], group: str, adapters: Mapping[str, str] = NO_ADAPTERS) -> Factory:
    """The factory behind a name. An adapter's takes what stands behind the colon as its first argument.

    :raises UnknownNameError: nothing is registered under it, or its file, module or attribute does not exist.
    """
    kind = group.removeprefix("segbench.").removesuffix("s")
    prefix, colon, reference = name.partition(":")
    factory: Factory
    if colon and prefix in adapters:
        factory = partial(_load(adapters[prefix], name), reference)
    elif colon:
        factory = _load(name, name, adapters)
    else:
        factory = resolve_attribute(name, _table(builtin, group), kind)
    if not callable(factory):
        raise UnknownNameError(f"{name!r} is a {type(factory).__name__}; a factory is a function")
    return factory


def resolve_attribute(name: str, table: Mapping[str, str], kind: str) -> Any:
    """What a table of ``package.module:attr`` strings holds under a name.

    :raises UnknownNameError: nothing; the message names what is near.
    """
    if name not in table:
        near = difflib.get_close_matches(name, table, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(table)}"
        raise UnknownNameError(f"{kind} {name!r} is not registered; {hint}")
    return _load(table[name], name)


def _table(builtin: Mapping[str, str], group: str) -> dict[str, str]:
    table = dict(builtin)
    for plugin in sorted(entry_points(group=group), key=lambda point: point.name):
        if table.get(plugin.name, plugin.value) != plugin.value:
            raise UnknownNameError(f"plugin {plugin.value} uses the name {plugin.name!r} of {table[plugin.name]}; rename one of them")
        table[plugin.name] = plugin.value
    return table


def _load(target: str, name: str, adapters: Mapping[str, str] = NO_ADAPTERS) -> Any:
    location, _, attribute = target.rpartition(":")
    if not location or (location.startswith(".") and not location.endswith(".py")):
        raise UnknownNameError(f"{name!r}: write file.py:function or package.module:function")
    try:
        module = _import_file(Path(location)) if location.endswith(".py") else importlib.import_module(location)
        return getattr(module, attribute)
    except (ModuleNotFoundError, FileNotFoundError) as error:
        known = f"; adapters: {', '.join(f'{prefix}:' for prefix in adapters)}" if adapters else ""
        raise UnknownNameError(f"{name!r}: cannot import {location}: {error}{known}") from error
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

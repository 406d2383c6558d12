"""A quick start of commands that need numba but neither torch nor pandas: about a third of it is not needed.

- numba looks whether SciPy is there and not too old, and whether its BLAS is, and so imports ``scipy`` and ``scipy.linalg``. A kernel that
  multiplies matrices looks again by itself; ours do not.
- Importing makes hundreds of thousands of objects, among which the garbage collector looks for garbage again and again.

What can take seconds is compiling the kernels on a machine that has none in its cache. numba says when it does, and that is passed on.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quick_start() -> Iterator[None]:
    """Loads numba. Inside, nothing collects garbage cycles, and standard error says once that kernels are compiled, if any are."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        _import_numba()
        from numba.core import event

        with event.install_listener("numba:compile", _notice(event.Listener)):
            yield
    finally:
        if collecting:
            gc.enable()


def _import_numba() -> None:
    hidden = [name for name in ("scipy", "scipy.linalg") if name not in sys.modules]
    sys.modules |= dict.fromkeys(hidden)  # type: ignore[arg-type]  # which makes their import an ImportError
    try:
        import numba.np.arraymath  # noqa: F401 (one of those that look)
    finally:
        for name in hidden:
            del sys.modules[name]


def _notice(listener: type) -> Any:
    class Notice(listener):  # type: ignore[misc]
        said = False

        def on_start(self, event: Any) -> None:
            if not self.said:
                self.said = True
                sys.stderr.write("compiling kernels, once: from now on they are loaded from numba's cache\n")

        def on_end(self, event: Any) -> None: ...

    return Notice()

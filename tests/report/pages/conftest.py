from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One Chromium for all tests of the page."""
    from tests.report.page_in_browser import chromium

    yield from chromium(tmp_path_factory.mktemp("chromium"))

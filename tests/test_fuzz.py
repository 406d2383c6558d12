"""Every kind of file, damaged at random for a moment; ``tox -e fuzz`` takes a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import fuzz, kinds

KINDS = kinds()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", KINDS)
def test_files_that_are_damaged_at_random_are_read_or_refused(name: str, tmp_path: Path) -> None:
    tried, findings = fuzz(name, KINDS[name], 0.5, 0, tmp_path / "kept")
    assert tried
    assert findings == {}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", KINDS)
def test_the_whole_files_are_read_by_a_reader_of_theirs(name: str, tmp_path: Path) -> None:
    file = tmp_path / KINDS[name].name
    whole = 0
    for content in KINDS[name].seeds:
        file.write_bytes(content)
        for read in KINDS[name].readers:
            try:
                read(file)
                whole += 1
            except Exception:  # a suite is no label space
                continue
    assert whole

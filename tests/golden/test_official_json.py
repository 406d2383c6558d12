"""What cityscapesScripts 2.3.0 wrote for a generated set, so that parity is checked without installing it.

Write the file again with ``python -m tests.oracle.official``.
"""

from __future__ import annotations

from pathlib import Path

from tests.golden.generated_set import write_set
from tests.oracle.official import our_json

GOLDEN = Path(__file__).with_name("cityscapesscripts-2.3.0-seed0.json")


def test_the_official_json_is_reproduced_byte_for_byte_with_null_for_nan(tmp_path: Path) -> None:
    official = GOLDEN.read_text(encoding="utf-8")
    assert "NaN" in official
    assert our_json(write_set(tmp_path, seed=0)) == official.replace("NaN", "null")

from __future__ import annotations

import pytest

from segbench.errors import nearest

NAMES = ("enet", "erfnet", "mIoU")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("erfnt", "did you mean 'erfnet'?"),
        ("miou", "did you mean 'mIoU'?"),
        (7, "known: enet, erfnet, mIoU"),
    ],
)
def test_the_nearest_name_is_the_way_out_or_all_are(name: object, hint: str) -> None:
    assert nearest(name, NAMES) == hint


def test_several_are_near_and_nothing_is_said_of_names_that_are_too_many() -> None:
    assert nearest("enet", ["ernet", "erfnet"], number=3) == "did you mean 'ernet' or 'erfnet'?"
    assert nearest("zzz", map(str, range(1000)), "") == ""

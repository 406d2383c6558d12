from __future__ import annotations

import pytest

from segbench.evaluation.parsing import parse_input_size, parse_scales, parse_size


def test_sizes_and_scales_are_read_as_people_write_them() -> None:
    assert parse_size("512X1024") == parse_size([512, 1024]) == (512, 1024)
    assert parse_input_size("512") == parse_input_size(512) == 512
    assert parse_input_size("512x1024") == (512, 1024)
    assert parse_scales("0.5,1") == parse_scales([0.5, 1]) == (0.5, 1.0)
    for wrong in ("512", "0x3", "axb", 7, None, [1, 2, 3]):
        with pytest.raises(ValueError, match="HxW"):
            parse_size(wrong)


@pytest.mark.parametrize("value", ["nan", [float("nan")], [0], "1,-1", "inf", [1e9], [True], "x"])
def test_scales_are_finite_and_above_zero(value: object) -> None:
    with pytest.raises(ValueError, match=r"nan|not a number|not above 0|not a finite number|not at most 32|could not convert"):
        parse_scales(value)

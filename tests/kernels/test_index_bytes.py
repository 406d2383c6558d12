from __future__ import annotations

import numpy as np
import pytest

from segbench.kernels.index_bytes import STRAY, VOID, index_bytes


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int16, np.uint8, np.uint16, np.int8])
@pytest.mark.parametrize("ignore", [255, -100, 200])
def test_values_of_every_type_become_what_a_plain_loop_says(dtype: type, ignore: int) -> None:
    bounds = np.iinfo(dtype)
    wanted = [0, 1, 18, 19, 100, 200, 254, 255, 256, 274, -1, -100, 2**31 - 1, -(2**31), bounds.max, bounds.min]
    values = np.array([value for value in wanted if bounds.min <= value <= bounds.max], dtype)
    expected = [VOID if value == ignore else value if 0 <= value < 19 else STRAY for value in values.tolist()]
    assert index_bytes(values, 19, ignore).tolist() == expected


def test_shape_and_memory_order_do_not_matter() -> None:
    values = np.arange(24).reshape(2, 3, 4)
    assert index_bytes(values, 100, 255).tolist() == values.tolist()
    assert index_bytes(values.T, 100, 255).tolist() == values.T.tolist()
    assert index_bytes(values[:0], 100, 255).shape == (0, 3, 4)

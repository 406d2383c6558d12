"""Numbers that are appended: the same in memory and in a file."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segbench.files.spilled import Spilled


@given(st.lists(st.integers(0, 40), max_size=20), st.integers(8, 200), st.integers(0, 400), st.integers(0, 400))
def test_what_was_appended_is_read_back_wherever_it_lies(sizes: list[int], bound: int, start: int, length: int) -> None:
    numbers, parts = Spilled(np.int32, bound), []
    for size in sizes:
        parts.append(np.arange(size, dtype=np.int32) + 100 * len(parts))
        numbers.append(parts[-1])
    whole = np.concatenate(parts) if parts else np.zeros(0, np.int32)
    start = min(start, len(whole))
    stop = min(start + length, len(whole))
    assert len(numbers) == len(whole)
    assert np.array_equal(numbers.read(start, stop), whole[start:stop])
    assert numbers.in_memory == (4 * len(whole) <= bound or 4 * sum(sizes) <= bound)


def test_it_grows_again_after_it_was_read() -> None:
    numbers = Spilled(np.int64, 64)
    for i in range(30):
        numbers.append(np.array([i]))
        assert numbers.read(0, i + 1).tolist() == list(range(i + 1))
    assert not numbers.in_memory

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from segbench.images.buffers import KEPT_BLOCKS, KEPT_BYTES, borrow


def on_a_new_thread(function):  # type: ignore[no-untyped-def]
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def test_a_block_is_lent_again_once_nobody_refers_to_it() -> None:
    def addresses() -> set[int]:
        return {borrow(100_000).ctypes.data for _ in range(50)}

    assert len(on_a_new_thread(addresses)) == 1


def test_whatever_still_refers_to_a_block_keeps_it() -> None:
    def kept() -> list[object]:
        keepers: list[object] = [borrow(1000)]
        keepers.append(borrow(1000)[3:7])
        keepers.append(borrow(1000)[:64].view(np.uint16).reshape(4, 8)[1:, ::2].T)
        keepers.append(memoryview(borrow(1000)))
        keepers.append(torch.from_numpy(borrow(1000)[10:]))
        for number, keeper in enumerate(keepers):
            np.asarray(keeper)[...] = number
        for _ in range(3 * KEPT_BLOCKS):
            borrow(1000)[...] = 99
        return keepers

    for number, keeper in enumerate(on_a_new_thread(kept)):
        assert set(np.asarray(keeper).ravel().tolist()) == {number}


def test_any_number_of_blocks_can_be_in_use_at_once() -> None:
    blocks = [borrow(1000) for _ in range(5 * KEPT_BLOCKS)]
    for number, block in enumerate(blocks):
        block[...] = number
    assert [set(block.tolist()) for block in blocks] == [{number} for number in range(len(blocks))]


def test_blocks_are_as_large_as_was_asked_for() -> None:
    for size in (0, 1, 70_000, 1000, 3_000_000, KEPT_BYTES + 1):
        assert borrow(size).size >= size


def test_threads_do_not_share_blocks() -> None:
    both = threading.Barrier(2)

    def work(number: int) -> bool:
        for _ in range(200):
            block = borrow(10_000)
            block[...] = number
            both.wait(10)
            if not (block == number).all():
                return False
            both.wait(10)
            del block
        return True

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(work, range(2)))

from __future__ import annotations

import ctypes
import sys
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.images import inflate as inflating
from tests.guarded import guarded, needs_guards

WAYS = {"in place": inflating.libdeflate_in_place, "package": inflating.libdeflate, "zlib": lambda: inflating.with_zlib}
LEVELS = st.integers(0, 9)


@pytest.fixture(scope="module", params=WAYS)
def inflate(request: pytest.FixtureRequest) -> inflating.Inflate:
    way = WAYS[request.param]()
    if way is None:
        pytest.skip(f"{request.param}: not on this machine")
    return way


@given(content=st.binary(min_size=1, max_size=3000), level=LEVELS)
def test_what_was_deflated_comes_back(inflate: inflating.Inflate, content: bytes, level: int) -> None:
    out = np.full(len(content) + 8, 0xA5, np.uint8)
    inflate(zlib.compress(content, level), out[: len(content)])
    assert out.tobytes() == content + b"\xa5" * 8


@given(content=st.binary(min_size=1, max_size=300), level=LEVELS, data=st.data())
def test_a_stream_that_is_cut_is_an_error(inflate: inflating.Inflate, content: bytes, level: int, data: st.DataObject) -> None:
    stream = zlib.compress(content, level)
    with pytest.raises(ValueError, match="damaged"):
        inflate(stream[: data.draw(st.integers(0, len(stream) - 1))], np.zeros(len(content), np.uint8))


@given(content=st.binary(min_size=2, max_size=300), more=st.sampled_from([-1, 1]))
def test_another_size_than_expected_is_an_error(inflate: inflating.Inflate, content: bytes, more: int) -> None:
    with pytest.raises(ValueError, match="damaged"):
        inflate(zlib.compress(content), np.zeros(len(content) + more, np.uint8))


@given(content=st.binary(min_size=1, max_size=300), change=st.integers(1, 255), where=st.integers(1, 4))
def test_a_wrong_checksum_is_an_error(inflate: inflating.Inflate, content: bytes, change: int, where: int) -> None:
    stream = bytearray(zlib.compress(content))
    stream[-where] ^= change
    with pytest.raises(ValueError, match="damaged"):
        inflate(bytes(stream), np.zeros(len(content), np.uint8))


@needs_guards
@given(size=st.integers(1, 5000), seed=st.integers(0, 1000), data=st.data())
def test_not_a_byte_beyond_the_array_is_written(inflate: inflating.Inflate, size: int, seed: int, data: st.DataObject) -> None:
    content = np.repeat(np.random.default_rng(seed).integers(0, 256, size, np.uint8), 3)
    out = guarded(np.zeros(data.draw(st.integers(1, content.size)), np.uint8))
    stream = zlib.compress(content.tobytes())
    if out.size == content.size:
        inflate(stream, out)
    else:
        with pytest.raises(ValueError, match="damaged"):
            inflate(stream, out)


def test_checksums_are_those_of_zlib() -> None:
    assert inflating.crc32()(b"IDAT", 0) == zlib.crc32(b"IDAT")
    assert inflating.crc32()(memoryview(b"..IDAT")[2:], 5) == zlib.crc32(b"IDAT", 5)


@pytest.fixture
def forgotten() -> Iterator[None]:
    caches = (inflating.inflater, inflating.crc32)
    for each in caches:
        each.cache_clear()
    yield
    for each in caches:
        each.cache_clear()


@pytest.mark.usefixtures("forgotten")
def test_without_the_package_the_standard_library_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deflate", None)
    assert inflating.inflater() is inflating.with_zlib
    assert inflating.crc32() is zlib.crc32


@pytest.mark.usefixtures("forgotten")
def test_where_the_module_exports_nothing_the_package_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("deflate")
    monkeypatch.setattr(ctypes, "CDLL", lambda path: object())
    assert inflating.libdeflate_in_place() is None
    out = np.zeros(3, np.uint8)
    inflating.inflater()(zlib.compress(b"abc"), out)
    assert out.tobytes() == b"abc"
    assert inflating.inflater() is not inflating.with_zlib

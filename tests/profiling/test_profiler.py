from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from segbench.console.profile import Plan, run_profiles
from segbench.errors import ProtocolError, RecordError
from segbench.models.weights import build
from segbench.profiling import fresh_process, profiler
from segbench.profiling.backends import BACKENDS, prepare
from segbench.profiling.device_state import GPU_QUERIES, device_load, device_settings, flushes_denormals, memory_mb
from segbench.profiling.fresh_process import Request
from segbench.profiling.profiler import measure, profile, runner
from segbench.profiling.timing import Effort
from segbench.records.device import parse_nvidia_smi
from segbench.records.profile import Timing, joined, read_profile
from segbench.report.pages.board_files import check
from tests.report.fakes import profile as fake
from tests.tiny import LABELS, tiny

CPU = torch.device("cpu")
QUICK = Effort(repeats=3, warmup_seconds=0.1)
SIZE = (16, 32)


def test_the_network_that_is_timed_is_the_object_that_was_given() -> None:
    segmenter, calls = tiny(LABELS), []
    segmenter.network.register_forward_hook(lambda *_: calls.append(1))
    (measured,) = profile([replace(segmenter, weights_sha256="ab" * 32)], SIZE, effort=QUICK)
    assert measured.repeats == 3
    assert len(calls) >= 4 + 1  # warm-up, three timed passes, and one to count
    assert measured.weights_sha256 == "ab" * 32


def test_a_profile_keeps_every_sample_and_what_was_around_it() -> None:
    measured = profile([tiny(LABELS), tiny(LABELS)], SIZE, batch_size=2, effort=QUICK)
    assert len(measured) == 2
    for each in measured:
        assert [len(each.network.samples[0]), len(each.predict.samples[0])] == [3, 3]
        assert all(n <= p for n, p in zip(each.network.samples[0], each.predict.samples[0], strict=True))
        assert (each.batch_size, each.input_size, each.backend, each.precision) == (2, SIZE, "eager", "fp32")
        assert each.peak_memory_mb is None
        assert "--restarts" in each.peak_memory
        (state,) = each.device_state
        assert {"threads", "affinity", "governor", "flush_denormals", "before", "after"} <= set(state)


@pytest.mark.parametrize("backend", ["eager", "channels-last"])
def test_a_backend_gives_the_logits_of_the_network(backend: str) -> None:
    segmenter = build("tests/tiny.py:tiny", LABELS)
    images = torch.randn(1, 3, 32, 64)
    with torch.inference_mode():
        expected = segmenter.network(images)
        torch.testing.assert_close(prepare(backend, segmenter, (images,), (32, 64))(images), expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(segmenter.network(images), expected)
    assert all(p.is_contiguous() for p in segmenter.network.parameters())  # the network itself stays as it is


def test_mixed_precision_is_a_backend_whose_profile_says_so() -> None:
    (measured,) = measure([runner(tiny(LABELS), SIZE, backend="amp")], QUICK)
    assert (measured.backend, measured.precision) == ("amp", "bf16")


def test_what_a_machine_cannot_do_is_said() -> None:
    with pytest.raises(ProtocolError, match="needs a CUDA device"):
        runner(tiny(LABELS), SIZE, backend="cuda-graphs")
    with pytest.raises(ProtocolError, match=f"there are {', '.join(BACKENDS)}"):
        runner(tiny(LABELS), SIZE, backend="fast")


def test_a_compiler_that_fails_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> object:
        def call(*_: object) -> None:
            raise RuntimeError("no C++ compiler\nand more")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(ProtocolError, match=r"torch.compile fails on .* here \(no C\+\+ compiler\)"):
        runner(tiny(LABELS), SIZE, backend="compile")


@pytest.mark.parametrize(("speeds", "expected"), [([85.0], [2]), ([200.0, 300.0, 305.0], [2, 4, 8])], ids=["no gain", "gain"])
def test_the_batch_is_doubled_until_that_gains_less_than_three_per_cent(
    speeds: list[float], expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = iter(speeds)
    monkeypatch.setattr(profiler, "_images_per_s", lambda run, batch: next(given))
    run = runner(tiny(LABELS), SIZE)
    found = profiler._with_throughput(fake("tiny", 10.0), run)
    assert [batch for batch, _ in found.throughput] == [1, *expected]
    assert found.throughput_end == f"a batch of {expected[-1]} gains less than 3%"


def test_the_doubling_ends_where_memory_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiler, "available_mb", lambda: 0.0)
    (measured,) = measure([runner(tiny(LABELS), SIZE)], QUICK, best_batch=True)
    assert [batch for batch, _ in measured.throughput] == [1]
    assert measured.throughput_end.startswith("no memory for a batch of 2 (0 MB are free")


def test_a_doubled_batch_is_really_run() -> None:
    run = runner(tiny(LABELS), SIZE)
    assert profiler._images_per_s(run, 2) > 0


def test_samples_of_two_processes_stand_side_by_side() -> None:
    first, second = (
        fake("a", 3.0, network=Timing.of([s]), predict=Timing.of([s]), peak_memory_mb=m) for s, m in (([3, 4], 7.0), ([5], 9.0))
    )
    both = joined(first, second)
    assert both.network.samples == ((3, 4), (5,))
    assert (both.network_ms, both.peak_memory_mb, both.repeats) == (4, 9.0, 10)
    with pytest.raises(RecordError, match="differ in batch_size"):
        joined(first, replace(second, batch_size=2))


def test_nvidia_smi_is_read_and_what_it_does_not_support_stays_unknown() -> None:
    text = "1755, 2619, 41, 113.70, 0x0000000000000004, 550.54.15\n"
    known = dict(zip(GPU_QUERIES.values(), parse_nvidia_smi(text, 6) or [], strict=True))
    assert known["sm_clock_mhz"] == 1755
    assert known["throttle_reasons"] == "0x0000000000000004"
    assert known["driver"] == "550.54.15"
    assert (parse_nvidia_smi(text.replace("113.70", "[N/A]"), 6) or [0])[3] is None
    assert parse_nvidia_smi("", 6) is None


def test_the_state_of_a_cpu_is_what_the_system_says() -> None:
    settings = device_settings(CPU)
    assert settings["threads"] == torch.get_num_threads()
    assert set(device_load(CPU)) == {"clock_mhz", "load_1min"}
    before = flushes_denormals()
    if torch.set_flush_denormal(not before):
        try:
            assert flushes_denormals() is not before
        finally:
            torch.set_flush_denormal(before)


def plan(restarts: int, **changes: object) -> Plan:
    whole = Plan(["tests/tiny.py:tiny"], 3, [SIZE], [1], ["eager"], QUICK, restarts, CPU, command="segbench profile ...")
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_restarts_are_added_to_what_is_there_and_nothing_is_measured_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_profiles(plan(1), tmp_path)
    (file,) = (tmp_path / "records").glob("*.profile.json")
    first = read_profile(file)
    assert len(first.network.samples) == 1
    if memory_mb("VmHWM") is not None:
        assert first.peak_memory_mb is not None
        assert first.peak_memory_mb > 0
    before = file.read_bytes()
    run_profiles(plan(1), tmp_path)
    assert file.read_bytes() == before
    assert "1 of 1 are in" in capsys.readouterr().err
    run_profiles(plan(2), tmp_path)
    second = read_profile(file)
    assert second.network.samples[0] == first.network.samples[0]
    assert len(second.network.samples) == len(second.device_state) == 2
    assert check(tmp_path) == []


def test_what_cannot_be_measured_is_named_and_the_rest_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    run_profiles(plan(0, backends=["eager", "cuda-graphs"]), None)
    printed = capsys.readouterr()
    assert "tests/tiny.py:tiny" in printed.out
    assert "not measured: tests/tiny.py:tiny, cuda-graphs, 16x32, batch 1: cuda-graphs: needs a CUDA device" in printed.err
    with pytest.raises(ProtocolError, match="nothing could be measured"):
        run_profiles(plan(0, backends=["cuda-graphs"]), None)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    endless = "import os, time\ndef net(labels):\n    print(os.getpid(), flush=True)\n    time.sleep(600)\n"
    (tmp_path / "endless.py").write_text(endless)
    code = (
        "from segbench.profiling.fresh_process import Request, measure_in_process\nfrom segbench.profiling.timing import Effort\n"
        f"measure_in_process(Request({str(tmp_path / 'endless.py:net')!r}, 3, (16, 32), 1, 'eager', 'cpu', Effort()))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.terminate()
        try:
            assert parent.communicate(timeout=30) == ("", None)  # which waits until nobody holds the pipe
        except subprocess.TimeoutExpired:
            os.kill(child, signal.SIGKILL)
            pytest.fail("the child outlived its parent")


def test_an_error_of_a_process_is_an_error_here(monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request("segnett", 3, SIZE, 1, "eager", "cpu", QUICK)
    answer = fresh_process._measure(request)
    assert isinstance(answer, str)
    monkeypatch.setattr(fresh_process, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1))
    with pytest.raises(ProtocolError, match="did you mean 'segnet'"):
        fresh_process.measure_in_process(request)


def test_a_process_that_was_killed_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(request: Request) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr(fresh_process, "_measure", killed)
    monkeypatch.setattr(fresh_process, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1))
    with pytest.raises(ProtocolError, match="was killed; is there enough memory"):
        fresh_process.measure_in_process(Request("segnet", 3, SIZE, 1, "eager", "cpu", QUICK))

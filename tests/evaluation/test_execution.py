from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from segbench.benchmark.command import portable_command
from segbench.benchmark.suite import Suite, read_suite
from segbench.evaluation.execution import Execution
from segbench.evaluation.inference import evaluate
from segbench.evaluation.run import run
from tests.tiny import LABELS, tiny, tiny_dataset


class Watched(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        self.seen = x.is_contiguous(), x.is_contiguous(memory_format=torch.channels_last)
        return super().forward(x)


@pytest.mark.parametrize(("channels_last", "seen"), [(None, (False, True)), (True, (False, True)), (False, (True, False))])
def test_weights_and_inputs_have_the_memory_order_that_was_asked_for(
    tmp_path: Path, channels_last: bool | None, seen: tuple[bool, bool]
) -> None:
    torch.manual_seed(0)
    segmenter = tiny(LABELS)
    network = Watched(*segmenter.network)
    object.__setattr__(segmenter, "network", network)
    dataset, names = tiny_dataset(tmp_path, images=2), list(network.state_dict())
    plain = [result.counts[0].pairs.dense() for result in evaluate([segmenter], dataset)]
    prepared = Execution(channels_last).prepare(segmenter)
    counts = [result.counts[0].pairs.dense() for result in evaluate([prepared], dataset)]
    assert network.seen == seen
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last) == (channels_last is True)
    assert list(network.state_dict()) == names
    for got, expected in zip(counts, plain, strict=True):
        assert np.abs(got - expected).sum() <= 4


def test_a_compiled_network_is_called_through_the_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []

    def compiler(function: Callable[..., Any], **_: Any) -> Callable[..., Any]:
        compiled.append(function)
        return function

    monkeypatch.setattr(torch, "compile", compiler)
    segmenter = Execution(compile=True).prepare(tiny(LABELS))
    assert len(list(evaluate([segmenter], tiny_dataset(tmp_path, images=2)))) == 2
    assert [function.__self__ for function in compiled] == [segmenter.network]


def test_the_record_and_its_command_say_how_a_network_was_executed(tmp_path: Path) -> None:
    dataset, execution = tiny_dataset(tmp_path, images=2), Execution(channels_last=False, compile=True)
    (outcome,) = run([tiny(LABELS)], dataset, execution=execution)
    assert outcome.record.environment["channels_last"] is False
    assert outcome.record.environment["compiled"] is True
    command = portable_command(Suite(channels_last=False, compile=True), ["enet"], dataset)
    assert command.endswith("--no-channels-last --compile")
    (plain,) = run([tiny(LABELS)], dataset)
    assert not {"channels_last", "compiled"} & set(plain.record.environment)
    assert plain.record.signature == outcome.record.signature


def test_a_suite_says_how_networks_are_executed_and_flags_override_it(tmp_path: Path) -> None:
    file = tmp_path / "suite.yaml"
    file.write_text("models: [enet]\nchannels_last: true\ncompile: true\n")
    suite = read_suite(str(file))
    assert (suite.channels_last, suite.compile) == (True, True)
    flagged = suite.overridden({"channels_last": False, "compile": None})
    assert (flagged.channels_last, flagged.compile) == (False, True)

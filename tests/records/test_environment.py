from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from segbench.records.environment import environment


def test_the_environment_names_versions_and_no_person_host_or_path(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = environment(device="cpu")
    assert facts["device"] == "cpu"
    assert facts["numpy"] == np.__version__
    import getpass
    import socket

    text = json.dumps({key: value for key, value in facts.items() if key != "cpu"})
    assert str(Path.home()) not in text
    assert socket.gethostname() not in text
    assert f'"{getpass.getuser()}"' not in text

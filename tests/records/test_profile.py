from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from segbench.errors import RecordError
from segbench.files.json_text import write_text
from segbench.records.profile import PROFILE_SCHEMA, Profile, Timing, is_profile, read_profile
from segbench.records.run_record import RUN_SCHEMA, read_run
from tests.report.fakes import GOOD, run_record

SCHEMA_1 = Path(__file__).parents[1] / "golden" / "profile-1.json"


def profile() -> Profile:
    return Profile(
        model="unet",
        arguments={"width": 1},
        params=31,
        params_trainable=30,
        params_frozen=1,
        params_infer=30,
        macs=10**12,
        input_size=(512, 1024),
        batch_size=2,
        precision="fp32",
        device="cpu",
        threads=2,
        repeats=5,
        network=Timing.of([[1.5, 1.25, 1.75], [1.5, 1.625]]),
        predict=Timing.of([[2.5, 2.5, 2.5], [2.5, 3.0]]),
        peak_memory_mb=None,
        peak_memory="not measured",
        backend="compile",
        uncounted={"relu": 3},
        throughput=((1, 300.0), (2, 400.5)),
        device_state=({"affinity": [0, 1]},),
        environment={"torch": "2"},
    )


def test_a_profile_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_text(tmp_path / "p.json", profile().to_json())
    read = read_profile(tmp_path / "p.json")
    assert read == profile()
    assert read.to_json() == profile().to_json()


def test_every_sample_is_kept_with_what_follows_from_it() -> None:
    data = json.loads(profile().to_json())
    assert data["schema"] == PROFILE_SCHEMA
    assert data["network_ms"]["samples"] == [[1.5, 1.25, 1.75], [1.5, 1.625]]
    assert data["network_ms"]["p50"] == 1.5
    low, high = data["network_ms"]["interval"]
    assert 1.25 <= low <= 1.5 <= high <= 1.75
    assert data["images_per_s"] == 1000 * 2 / 2.5


def test_a_profile_of_schema_1_is_read_with_what_it_knew() -> None:
    before = SCHEMA_1.read_bytes()
    read = read_profile(SCHEMA_1)
    assert (read.network_ms, read.predict_ms) == (112.47631550031656, 127.26907999967807)
    assert read.network.percentiles == {"p50": 112.47631550031656, "p95": 121.0758413498297}
    assert read.network.interval is None
    assert read.images_per_s == 7.857368026880759
    assert (read.params, read.params_frozen, read.backend, read.repeats, read.peak_memory_mb) == (614890, 0, "eager", 30, None)
    assert SCHEMA_1.read_bytes() == before


def test_a_profile_of_schema_1_is_rewritten_as_the_newest_one(tmp_path: Path) -> None:
    write_text(tmp_path / "p.json", read_profile(SCHEMA_1).to_json())
    assert json.loads((tmp_path / "p.json").read_text())["schema"] == PROFILE_SCHEMA
    assert read_profile(tmp_path / "p.json") == read_profile(SCHEMA_1)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": RUN_SCHEMA},
        {"schema": "segbench.profile/99"},
        {"extra": 1},
        {"input_size": 3},
        {"network_ms": 1.5},
        {"network_ms": {"p90": 1.5, "interval": None, "samples": []}},
        {"network_ms": {"p50": 1.5, "interval": None, "samples": [[2.0, 2.0]]}},
        {"throughput": [1]},
    ],
    ids=str,
)
def test_a_profile_that_does_not_fit_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    write_text(tmp_path / "p.json", json.dumps(json.loads(profile().to_json()) | change))
    with pytest.raises(RecordError, match="not a profile"):
        read_profile(tmp_path / "p.json")


def test_a_run_is_no_profile_and_a_profile_is_no_run(tmp_path: Path) -> None:
    write_text(tmp_path / "r.json", run_record("a", GOOD).to_json())
    write_text(tmp_path / "p.json", profile().to_json())
    with pytest.raises(RecordError, match="not a profile"):
        read_profile(tmp_path / "r.json")
    with pytest.raises(RecordError, match=PROFILE_SCHEMA):
        read_run(tmp_path / "p.json")
    assert [is_profile(json.loads((tmp_path / name).read_text())) for name in ("r.json", "p.json")] == [False, True]
    assert is_profile(json.loads(SCHEMA_1.read_text()))

"""`segbench publish`: a record in the forms that others read, and, where a repository is named, an upload of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbench.errors import DataError
from segbench.files.atomic import replacing, require_writable
from segbench.files.json_text import write_text
from segbench.models.adapters.base import import_package
from segbench.records.per_image import images_file, with_intervals
from segbench.records.run_record import read_run
from segbench.report.tables.every_eval import Evaluator, every_eval
from segbench.report.tables.publication import Benchmark, eval_results, publications, scores_parquet

EVAL_RESULTS = ".eval_results.yaml"
FOLDER = "segbench"  # of a repository on the hub


@dataclass(frozen=True)
class Also:
    """What is written beside the usual files, where it was asked for."""

    benchmark: Benchmark | None = None
    evaluator: Evaluator | None = None
    parquet: bool = False


def publish(file: Path, folder: Path, also: Also) -> list[Path]:
    """Write the files of a record and return them; nothing is sent.

    :raises MissingPackageError: Parquet is asked for, and pyarrow is not installed.
    """
    record = with_intervals(read_run(file), images_file(file))
    texts = publications(record)
    if also.benchmark:
        texts[EVAL_RESULTS] = eval_results(record, also.benchmark)
    if also.evaluator:
        texts[".every-eval.json"] = every_eval(record, also.evaluator, time.time())
    data = scores_parquet(record) if also.parquet else None
    require_writable(folder)
    stem = file.name.removesuffix(".json")
    for ending, text in texts.items():
        write_text(folder / f"{stem}{ending}", text)
    if data is not None:
        with replacing(folder / f"{stem}.parquet") as partial:
            partial.write_bytes(data)
    return [folder / f"{stem}{ending}" for ending in (*texts, *([".parquet"] if data is not None else []))]


def upload(repository: str, record: Path, written: list[Path], api: Any = None) -> str:
    """Send the record and its files to a model's repository on the Hugging Face Hub, in one commit; give its address.

    They go into ``segbench/``, and results of a benchmark into ``.eval_results/``, where the hub looks for them. The token is the one that
    huggingface_hub finds.

    :param api: what creates the commit; by default huggingface_hub's.
    :raises MissingPackageError: huggingface_hub is not installed.
    :raises DataError: the hub refuses, or is not reached.
    """
    hub = import_package("huggingface_hub", purpose="segbench publish --hub", pip="huggingface_hub")
    stem = record.name.removesuffix(".json")
    places = {f"{FOLDER}/{path.name}": path for path in [record, *written] if not path.name.endswith(EVAL_RESULTS)}
    places |= {f".eval_results/{stem}.yaml": path for path in written if path.name.endswith(EVAL_RESULTS)}
    operations = [hub.CommitOperationAdd(path_in_repo=place, path_or_fileobj=str(path)) for place, path in places.items()]
    try:
        done = (api or hub.HfApi()).create_commit(
            repo_id=repository, operations=operations, commit_message=f"Evaluation of {stem} by segbench", repo_type="model"
        )
    except Exception as error:  # its kinds differ from version to version, and are not the code's fault
        way_out = "log in with `hf auth login`, and create the repository if it is not there; what would be sent is written already"
        raise DataError(f"{repository}: the hub took nothing ({error})", way_out=way_out) from error
    return str(getattr(done, "commit_url", done))

"""As much of the packages ``datasets`` and ``huggingface_hub`` as the adapter uses: tables in memory, under names of repositories.

What it gives was compared with the real ones, which :mod:`tests.datasets.test_hf` also reads where they are installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Image:
    decode: bool = True


@dataclass(frozen=True)
class ClassLabel:
    names: Sequence[str]


@dataclass(frozen=True)
class List:
    feature: Any


@dataclass(frozen=True)
class Table:
    """Rows of columns; images decode unless a column was cast, and then are what Parquet holds."""

    features: dict[str, Any]
    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {
            name: "pixels" if isinstance(self.features[name], Image) and self.features[name].decode else cells[row]
            for name, cells in self.columns.items()
        }

    def select_columns(self, names: list[str]) -> Table:
        return Table({name: self.features[name] for name in names}, {name: self.columns[name] for name in names})

    def cast_column(self, name: str, feature: Any) -> Table:
        return replace(self, features=self.features | {name: feature})


def packages(repos: dict[str, dict[str, Table]], files: dict[str, Path]) -> dict[str, Any]:
    """Modules by name, for ``sys.modules``. Whoever loads must ask for the commit that the Hub told."""

    def known(repo: str, revision: str | None) -> dict[str, Table]:
        if repo not in repos:
            raise ConnectionError(f"Couldn't reach {repo!r} on the Hub\nand more lines")
        assert revision == COMMIT
        return repos[repo]

    def dataset_info(repo: str, revision: str | None) -> SimpleNamespace:
        known(repo, COMMIT)
        assert revision in (None, "v1")
        return SimpleNamespace(sha=COMMIT)

    def download(repo: str, name: str, repo_type: str, revision: str) -> str:
        assert (repo_type, revision) == ("dataset", COMMIT)
        if name not in files:
            raise FileNotFoundError(f"404: no {name}")
        return str(files[name])

    fake = SimpleNamespace(
        Image=Image,
        ClassLabel=ClassLabel,
        get_dataset_split_names=lambda repo, revision: list(known(repo, revision)),
        load_dataset=lambda repo, split, revision: known(repo, revision)[split],
    )
    hub = SimpleNamespace(HfApi=lambda: SimpleNamespace(dataset_info=dataset_info), hf_hub_download=download)
    return {"datasets": fake, "huggingface_hub": hub}

"""The pages of what is registered: models, adapters, public weights, datasets."""

from __future__ import annotations

from segbench.console import models
from segbench.console.registered import adapters_table, datasets_table

MODELS = """# Models

{number} architectures; `segbench models` prints them, `segbench models show NAME` prints the stages of one. Parameters (in brackets: of
inference, where training has more) and MACs are at 1024x2048 with 19 classes, as wide as published. The last column says for which data
weights come along.

{models}
## Models of others

A name with a prefix opens what others trained ([](../how-to/my-model.md)).

{adapters}"""
DATASETS = """# Datasets

`--data DIR` is the folder of the official download. `segbench data check NAME --data DIR` goes through it and says what is missing.

{datasets}"""


def models_page() -> str:
    """Every architecture, and every way to name another model."""
    rows = models.read_table()
    return MODELS.format(number=len(rows), models=models.markdown(rows), adapters=adapters_table())


def datasets_page() -> str:
    """Every dataset."""
    return DATASETS.format(datasets=datasets_table())

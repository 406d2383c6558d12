"""The builtin datasets: name to factory. A factory is ``f(data: Path | None, split: str | None) -> Dataset``.

Adapters open what is described elsewhere: ``prefix:reference`` is ``f(reference, data, split) -> Dataset``.
"""

GROUP = "segbench.datasets"

BUILTIN = {
    "minicity": "segbench.datasets.minicity:minicity",
    "cityscapes": "segbench.datasets.cityscapes:cityscapes",
    "camvid": "segbench.datasets.camvid:camvid",
    "pascal_voc2012": "segbench.datasets.voc:pascal_voc2012",
}

ADAPTERS = {
    "folder": "segbench.datasets.own:own_dataset",
}

LABEL_SPACES = {
    "minicity": "segbench.datasets.cityscapes:LABELS",
    "cityscapes": "segbench.datasets.cityscapes:LABELS",
    "camvid": "segbench.datasets.camvid:LABELS",
    "pascal_voc2012": "segbench.datasets.voc:LABELS",
}

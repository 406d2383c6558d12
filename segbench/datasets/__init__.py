"""The builtin datasets: name to factory. A factory is ``f(data: Path | None, split: str | None) -> Dataset``."""

GROUP = "segbench.datasets"

BUILTIN = {
    "minicity": "segbench.datasets.minicity:minicity",
    "cityscapes": "segbench.datasets.cityscapes:cityscapes",
    "camvid": "segbench.datasets.camvid:camvid",
    "pascal_voc2012": "segbench.datasets.voc:pascal_voc2012",
}

LABEL_SPACES = {
    "minicity": "segbench.datasets.cityscapes:LABELS",
    "cityscapes": "segbench.datasets.cityscapes:LABELS",
    "camvid": "segbench.datasets.camvid:LABELS",
    "pascal_voc2012": "segbench.datasets.voc:LABELS",
}

"""The builtin datasets: name to factory. A factory is ``f(data: Path | None, split: str | None) -> Dataset``.

Adapters open what is described elsewhere: ``prefix:reference`` is ``f(reference, data, split) -> Dataset``.
"""

GROUP = "segbench.datasets"

BUILTIN = {
    "minicity": "segbench.datasets.minicity:minicity",
    "cityscapes": "segbench.datasets.cityscapes:cityscapes",
    "camvid": "segbench.datasets.camvid:camvid",
    "pascal_voc2012": "segbench.datasets.voc:pascal_voc2012",
    "pascal_context59": "segbench.datasets.pascal_context:pascal_context59",
    "pascal_context60": "segbench.datasets.pascal_context:pascal_context60",
    "ade20k": "segbench.datasets.ade20k:ade20k",
    "coco_stuff": "segbench.datasets.coco_stuff:coco_stuff",
    "mapillary_vistas_v12": "segbench.datasets.mapillary:mapillary_vistas_v12",
    "mapillary_vistas_v20": "segbench.datasets.mapillary:mapillary_vistas_v20",
    "bdd100k": "segbench.datasets.bdd100k:bdd100k",
}

ADAPTERS = {
    "folder": "segbench.datasets.own:own_dataset",
}

LABEL_SPACES = {
    "minicity": "segbench.datasets.cityscapes:LABELS",
    "cityscapes": "segbench.datasets.cityscapes:LABELS",
    "camvid": "segbench.datasets.camvid:LABELS",
    "pascal_voc2012": "segbench.datasets.voc:LABELS",
    "pascal_context59": "segbench.datasets.pascal_context:LABELS_59",
    "pascal_context60": "segbench.datasets.pascal_context:LABELS_60",
    "ade20k": "segbench.datasets.ade20k:LABELS",
    "coco_stuff": "segbench.datasets.coco_stuff:LABELS",
    "mapillary_vistas_v12": "segbench.datasets.mapillary:LABELS_V12",
    "mapillary_vistas_v20": "segbench.datasets.mapillary:LABELS_V20",
    "bdd100k": "segbench.datasets.bdd100k:LABELS",
}

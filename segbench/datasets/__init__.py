"""The builtin datasets: name to factory. A factory is ``f(data: Path | None, split: str | None) -> Dataset``.

Adapters open what is described elsewhere: ``prefix:reference`` is ``f(reference, data, split) -> Dataset``.
"""

from __future__ import annotations

from segbench.registry import Registry

DATASETS = Registry(
    "dataset",
    {
        "minicity": "segbench.datasets.minicity:minicity",
        "cityscapes": "segbench.datasets.cityscapes:cityscapes",
        "camvid": "segbench.datasets.camvid:camvid",
        "acdc": "segbench.datasets.acdc:acdc",
        "kitti": "segbench.datasets.kitti:kitti",
        "gta5": "segbench.datasets.gta5:gta5",
        "synthia": "segbench.datasets.synthia:synthia",
        "camvid_32": "segbench.datasets.camvid_32:camvid_32",
        "nyudv2": "segbench.datasets.nyudv2:nyudv2",
        "sunrgbd": "segbench.datasets.sunrgbd:sunrgbd",
        "isbi2012": "segbench.datasets.isbi2012:isbi2012",
        "pascal_voc2012": "segbench.datasets.voc:pascal_voc2012",
        "pascal_context59": "segbench.datasets.pascal_context:pascal_context59",
        "pascal_context60": "segbench.datasets.pascal_context:pascal_context60",
        "ade20k": "segbench.datasets.ade20k:ade20k",
        "coco_stuff": "segbench.datasets.coco_stuff:coco_stuff",
        "mapillary_vistas_v12": "segbench.datasets.mapillary:mapillary_vistas_v12",
        "mapillary_vistas_v20": "segbench.datasets.mapillary:mapillary_vistas_v20",
        "bdd100k": "segbench.datasets.bdd100k:bdd100k",
        "fishyscapes_lost_and_found": "segbench.datasets.fishyscapes:fishyscapes_lost_and_found",
        "fishyscapes_static": "segbench.datasets.fishyscapes:fishyscapes_static",
        "road_anomaly21": "segbench.datasets.segment_me_if_you_can:road_anomaly21",
        "road_obstacle21": "segbench.datasets.segment_me_if_you_can:road_obstacle21",
        "streethazards": "segbench.datasets.streethazards:streethazards",
    },
    "segbench.datasets",
    {
        "folder": "segbench.datasets.yaml_dataset:own_dataset",
        "hf-dataset": "segbench.datasets.hf:hf_dataset",
    },
)

# Label spaces are LABELS of the factory's module, but for these.
LABEL_SPACES = Registry(
    "label space",
    {name: f"{target.partition(':')[0]}:LABELS" for name, target in DATASETS.table.items()}
    | {
        "minicity": "segbench.datasets.cityscapes:LABELS",
        "pascal_context59": "segbench.datasets.pascal_context:LABELS_59",
        "pascal_context60": "segbench.datasets.pascal_context:LABELS_60",
        "mapillary_vistas_v12": "segbench.datasets.mapillary:LABELS_V12",
        "mapillary_vistas_v20": "segbench.datasets.mapillary:LABELS_V20",
    },
)

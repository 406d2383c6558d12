"""The page of the records: what stands under each key, its type from the code, and a whole record."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from docs.extension.text import fenced, markdown, table
from segbench.files.shapes import Shape
from segbench.records import profile
from segbench.records.profile import PROFILE_SCHEMA, Profile
from segbench.records.run_record import RUN_SCHEMA
from segbench.records.schema import profile_schema, run_schema
from segbench.records.shape import PAPER, PROFILE, REQUIRED, RUN, TRAINED

HEAD = f"""# Records

A record is one JSON object. Integers and facts are what counts: scores and intervals in it are a courtesy for other programs, and are
computed again when the record is read. Scores are fractions, `null` is undefined. Keys that are not listed here are kept and mean nothing
to segbench. A reader in another language needs `confusion` and `labels` alone.

## {RUN_SCHEMA}

`segbench run` writes `records/NAME.json`, and `segbench score --json FILE` the same. Beside it lies `NAME.npz` with what was counted in
every image, which `segbench compare` needs: `ids`, and `counts` int64[N, C, C+1].

"""
SCHEMA = """`segbench schema run` prints it, and `profile`, `suite` and `board` those of the other files. The readers check by the same
tables of types that the schemas are made of, so what a schema refuses is refused with every fact of another type named; that counts fit
together is checked behind it.
"""
SHAPES: dict[str, Shape] = {"model": {**RUN["model"], "paper": PAPER, "trained_on": TRAINED}}  # type: ignore[dict-item]
MEANINGS = {
    "schema": f"`{RUN_SCHEMA}`.",
    "model": "What was evaluated: a network, or a folder of label maps.",
    "model.name": "What tables call it.",
    "model.kind": "`label maps` where no network was run.",
    "model.architecture": "The network's own name, where tables call it otherwise (`--name`).",
    "model.arguments": "The arguments that build the network again.",
    "model.changed": "Those of them that are not the default.",
    "model.params": "Parameters of the network.",
    "model.params_trainable": "Those that a training changes.",
    "model.params_frozen": "Those that it does not.",
    "model.params_infer": "Those that inference uses.",
    "model.macs": "Multiply-accumulates of one pass at `macs_input`.",
    "model.uncounted": "The operators that are not in `macs`, with their calls.",
    "model.macs_input": "Height and width of the image that MACs were counted at.",
    "model.grid": "Where scores lie among the pixels: `half_pixel`, `align_corners` or `asymmetric`.",
    "model.weights_sha256": "The checksum of the weights.",
    "model.trained_on": "What the weights were trained on, as far back as it is known.",
    "model.paper": "Where the architecture was published.",
    "model.extra_data": "What the model has seen beside the dataset; `none`, `unknown` or names.",
    "model.mapping": "Which classes of the model stand for which of the dataset, if it knows others.",
    "dataset": "What it was evaluated on.",
    "dataset.name": "The dataset.",
    "dataset.split": "The split.",
    "dataset.images": "How many images were scored.",
    "dataset.of": "How many the split has.",
    "dataset.pixels": "How many pixels their targets have, void included.",
    "dataset.targets_sha256": "Checksum of the images' ids and of their labels: which targets were scored, however they are stored.",
    "dataset.unofficial": "In what the data differ from what is handed out.",
    "protocol": "How the network was run; each entry is part of the signature.",
    "protocol.input": "What was scored, where no network was run.",
    "protocol.tiling": "`whole`, or the windows.",
    "protocol.input_size": "`native`, or what images were resized to.",
    "protocol.scales": "The enlargements whose scores were averaged.",
    "protocol.flip": "Whether the mirrored image was averaged too.",
    "protocol.precision": "The network's arithmetic.",
    "protocol.post": "Post-processing, where there was some.",
    "protocol.void": "`masked`, where scores of no class were left out before the argmax.",
    "protocol.temperature": "What logits were divided by before the softmax of `calibration` and `ood`: the number, or the data on which "
    "one was fitted for each network. `model.temperature` has both.",
    "protocol.map": "The mapping of classes, where there was one.",
    "signature": "What must be equal for two numbers to be comparable.",
    "scores": "Every score, from `confusion`.",
    "intervals": "Two bounds for every score, and how they were drawn.",
    "environment": "Versions, processor and device; not part of the signature.",
    "command": "The command that makes the record again.",
    "labels": "The label space: `name`, `classes` and `void`, each label with `name`, `ids` and `color`.",
    "iiou": "iIoU by class, where the dataset has instances.",
    "boundary": "The counts of Boundary IoU, where they were asked for.",
    "errors": "Wrong pixels by their cause, where they were asked for: how many pixels from an edge are near it (`border`), and of each "
    "cause the pixels of every class by target and by prediction; and `segments` of the target by size.",
    "trimap": "Pixels of each class within some widths of an edge of the target, where they were asked for: hits, target, predicted.",
    "surface": "Boundary pixels of each class, where they were asked for: in the `target`, in the `pred`, and for each of the `tolerances` "
    "(pixels, or below 1 shares of the diagonal) those that are `near` the other boundary; the number of `images` with a boundary of the "
    "class, and the `sums_of_images` of their scores.",
    "strata": "Segments of the target in strata of their size, where they were asked for: the largest size of each (`bounds`), and of "
    "every class how many `segments` there are, how many are `found`, their `pixels`, and the `right` ones.",
    "calibration": "The confidence of a network, where it was asked for: evaluated `pixels`, the sums of `nll` and `brier`, pixels, hits "
    "and the sum of confidence in 15 `bins`, pixels and wrong ones in the `steps` of confidence that have any, the surest first, and for "
    "each of the `classes` the sum of its probability and its pixels in every bin.",
    "ood": "The scores of anomaly of a network, where they were asked for: how many `images` have anomalies and known pixels, and how many "
    "are `without`; of the former the `sums` of AP, AUROC and FPR95, a row for each of max softmax, max logit, entropy and energy; and "
    "`bins`, the pixels of each score, role (known, anomaly) and bin that has any, in lines of base64: LEB128 numbers by turns, the places "
    "since the last one and the pixels. A place is (2 score + role) 65536 + bin.",
    "explained": "What other tools would call the mIoU, where `--explain` asked for it.",
    "segments": "V_rand and V_info, where regions are scored (ISBI 2012).",
    "confusion": "Whole numbers: a row for each class of the target, a column for each predicted class, and a last one for no class. "
    "Of more than 254 classes it is an object: its `cells` are [row, column, pixels], for what is not 0.",
}
TYPES = {str: "text", int: "whole number", float: "number", dict: "object", list: "list", bool: "true or false", None: "null"}
LISTS = ("confusion",)
TEXTS = ("schema", "signature")


def page() -> str:
    """Keys and types of a run record, its JSON Schema, and the keys of a profile."""
    rows = [[f"`{path}`", _type(path), "yes" if path in REQUIRED else "", meaning] for path, meaning in MEANINGS.items()]
    profile_rows = [[f"`{each.name}`", _kinds(PROFILE.get(each.name))] for each in fields(Profile)]
    return "\n".join(
        [
            HEAD + table(["key", "type", "required", "meaning"], rows),
            "### JSON Schema\n",
            SCHEMA,
            fenced("json", json.dumps(run_schema(), indent=2)),
            f"## {PROFILE_SCHEMA}\n",
            markdown((inspect.getdoc(profile) or "").partition("\n\n")[2]) + "\n",
            markdown((inspect.getdoc(Profile) or "").partition(">>>")[0]) + "\n",
            table(["key", "type"], profile_rows),
            "### JSON Schema of a profile\n",
            fenced("json", json.dumps(profile_schema(), indent=2)),
        ]
    )


def leaves(data: Mapping[str, Any]) -> Iterator[str]:
    """The keys of a record, and of the objects in it whose keys have a meaning of their own."""
    for name, value in data.items():
        yield name
        if name in ("model", "dataset", "protocol"):
            yield from (f"{name}.{inner}" for inner in value)


def _type(path: str) -> str:
    outer, _, inner = path.partition(".")
    shape: Any = SHAPES.get(outer, RUN.get(outer))
    if inner:
        shape = shape.get(inner) if isinstance(shape, Mapping) else None
    if isinstance(shape, Mapping):
        return "object"
    return _kinds(shape) or ("" if inner else TYPES[list] if path in LISTS else TYPES[str] if path in TEXTS else TYPES[dict])


def _kinds(kinds: Any) -> str:
    return " or ".join(TYPES[kind] for kind in kinds) if kinds else ""

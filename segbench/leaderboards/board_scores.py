"""Scores that a board may show and rank its rows by, by the names that ``board.yaml`` has for them.

Those of :data:`ORDINARY` stand in every table whose records hold them. The others are columns of a board that names them under ``columns``
or ``rank``: what a score is made of is said by ``needs``, the option that counts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segbench.kernels.anomaly_bins import SCORES as ANOMALIES
from segbench.metrics.error_causes import CAUSES, SIZES
from segbench.metrics.fine_means import WORST
from segbench.metrics.ood import MEASURES
from segbench.metrics.surface import DAVIS, in_words, told
from segbench.metrics.trimap import WIDTHS

MIOU = "mIoU"
TOLERANCES = (1, 2, 3, 5, 10, DAVIS)
"""Those of surface Dice and boundary F that boards can show."""


@dataclass(frozen=True)
class BoardScore:
    """A score of a row.

    ``field``: its name in a record's scores, among the means of :mod:`segbench.metrics.fine_means`, or in a record of corruptions, as
    ``source`` says. ``less``: whether less is better. ``percent``: whether it is a fraction that is shown in per cent.
    """

    field: str
    said: str
    source: Literal["record", "images", "corruptions"] = "record"
    needs: str = ""
    less: bool = False
    percent: bool = True


ORDINARY = {
    MIOU: BoardScore("miou", "mean over classes of the IoU over all pixels"),
    "acc": BoardScore("acc", "share of right pixels"),
    "acc_cls": BoardScore("acc_cls", "mean over classes of the share that is right"),
    "fwIoU": BoardScore("fwiou", "IoU weighted by the pixels of a class"),
    "Dice": BoardScore("dice", "mean over classes of the Dice coefficient"),
    "precision": BoardScore("precision", "mean over classes of the precision"),
    "iIoU": BoardScore("iiou", "mean over classes of the IoU weighted by the size of instances"),
    "category mIoU": BoardScore("category_miou", "mean over categories of the IoU"),
    "V_rand": BoardScore("v_rand", "V_rand, a mean over images"),
    "V_info": BoardScore("v_info", "V_info, a mean over images"),
}

_ERRORS, _CALIBRATION, _CORRUPTIONS = "--errors", "run --calibration", "run --corruptions"

MORE = {
    "boundary IoU": BoardScore("boundary_miou", "mean over classes of the IoU of the bands along outlines", needs="--boundary"),
    "mIoU^I": BoardScore("mIoU^I", "mean over images of the mean over the classes of each (Wang et al. 2023)", "images"),
    "mIoU^C": BoardScore("mIoU^C", "mean over classes of the mean over the images that hold each (Wang et al. 2023)", "images"),
    **{
        f"mIoU^{kind} worst {share} %": BoardScore(
            f"mIoU^{kind}, worst {share} %", f"mIoU^{kind} over the {share} % of the images where it is lowest", "images"
        )
        for kind in "IC"
        for share in WORST
    },
    **{
        f"lost to {cause}": BoardScore(f"gain_{cause}", f"what the mIoU lacks by errors of the cause {cause}", needs=_ERRORS, less=True)
        for cause in CAUSES
    },
    **{
        f"{size} recall": BoardScore(f"recall_{size}", f"mean over classes of the recall of {size} segments", needs=_ERRORS)
        for size in SIZES
    },
    **{
        f"mIoU within {width} px": BoardScore(f"trimap_miou_{width}", f"mIoU of the pixels within {width} px of an edge", needs="--trimap")
        for width in WIDTHS
    },
    **{
        f"{name} within {in_words(tolerance)}": BoardScore(f"{field}_{told(tolerance)}", said, needs=f"--surface {told(tolerance)}")
        for field, name, said in (
            ("nsd", "NSD", "mean over classes of the surface Dice, the share of boundary pixels that are so near"),
            ("boundary_f", "boundary F", "mean over classes of the boundary F"),
        )
        for tolerance in TOLERANCES
    },
    **{
        f"{measure.upper()} by {score.replace('_', ' ')}": BoardScore(
            f"ood_{score}_{measure}", f"{measure.upper()} of anomalies, pooled over pixels", needs="run --ood", less=measure == "fpr95"
        )
        for score in ANOMALIES
        for measure in MEASURES
    },
    "ECE": BoardScore("ece", "expected calibration error over 15 bins", needs=_CALIBRATION, less=True),
    "class-wise ECE": BoardScore("classwise_ece", "mean over classes of the ECE of each", needs=_CALIBRATION, less=True),
    "Brier": BoardScore("brier", "mean squared error of the probabilities, 0 to 2", needs=_CALIBRATION, less=True, percent=False),
    "NLL": BoardScore("nll", "mean negative logarithm of the target's probability", needs=_CALIBRATION, less=True, percent=False),
    "AURC": BoardScore("aurc", "mean share of wrong pixels among the surest", needs=_CALIBRATION, less=True),
    "corrupted mIoU": BoardScore("miou", "mIoU on corrupted images, the mean over corruptions and severities", "corruptions", _CORRUPTIONS),
    "retention": BoardScore("retention", "what is left of the mIoU on corrupted images", "corruptions", _CORRUPTIONS),
    "mCE": BoardScore("mce", "mean corruption error, by that of the board's reference", "corruptions", _CORRUPTIONS, less=True),
}

BOARD_SCORES = ORDINARY | MORE

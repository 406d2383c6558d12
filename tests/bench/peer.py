"""One tool over pairs of label maps, in a process of its own: ``python peer.py TOOL PAIRS.json``. Any interpreter, nothing of segbench.

For each line on standard input it goes through all pairs once and answers with a line of JSON, {"seconds": float, "busy": float, "counts":
[[int]]}; ``busy`` are seconds of the processor, all threads together.
Pairs are (target, prediction) files in class indices, void 255; for the official scorer (target, prediction) in label ids; for what decodes
photographs each is a list of one file.

mmsegmentation and HuggingFace's evaluate would bring their frameworks along. Here are their formulas: mmseg's ``IoUMetric`` and evaluate's
``mean_iou`` take three histograms of each image, of the hits, of the prediction and of the target where it is not void.
"""

from __future__ import annotations

import json
import sys
import time
import zlib
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

try:
    from PIL import Image
except ImportError:  # imagecodecs needs none
    Image = None

CLASSES, VOID = 19, 255
SAY = sys.stdout


def read(path):
    return np.asarray(Image.open(path))


def fast_hist(pairs):
    """FCN's ``_fast_hist``, as it has been copied from repository to repository."""
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    for target, pred in pairs:
        target, pred = read(target), read(pred)
        known = (target >= 0) & (target < CLASSES)
        counts += np.bincount(CLASSES * target[known].astype(int) + pred[known], minlength=CLASSES**2).reshape(CLASSES, CLASSES)
    return counts


def three_histograms(pairs, as_maps, histogram):
    """int64[3, C]: hits, predictions, targets."""
    totals = np.zeros((3, CLASSES))
    for target, pred in pairs:
        target, pred = as_maps(read(target)), as_maps(read(pred))
        known = target != VOID
        target, pred = target[known], pred[known]
        totals += np.stack([histogram(values) for values in (pred[pred == target], pred, target)])
    return totals.astype(np.int64)


def mmsegmentation(pairs):
    import torch

    def histogram(values):  # mmseg's maps are int64 tensors, and histc takes floats
        return torch.histc(values.float(), bins=CLASSES, min=0, max=CLASSES - 1).numpy()

    return three_histograms(pairs, lambda values: torch.from_numpy(values.astype(np.int64)), histogram)


def huggingface(pairs):
    return three_histograms(pairs, np.array, lambda values: np.histogram(values, bins=CLASSES, range=(0, CLASSES - 1))[0])


def scikit_learn(pairs):
    from sklearn.metrics import confusion_matrix

    counts = np.zeros((CLASSES, CLASSES), np.int64)
    for target, pred in pairs:
        target, pred = read(target), read(pred)
        known = target != VOID
        counts += confusion_matrix(target[known], pred[known], labels=np.arange(CLASSES))
    return counts


def torchmetrics(pairs):
    import torch
    from torchmetrics import JaccardIndex

    metric = JaccardIndex(task="multiclass", num_classes=CLASSES, ignore_index=VOID)
    for target, pred in pairs:
        target, pred = (torch.from_numpy(read(path).astype(np.int64)) for path in (target, pred))
        metric.update(pred[None], target[None])
    metric.compute()
    return metric.confmat.numpy()


def official(pairs, instances=False):
    """cityscapesScripts' loop over pairs, without its search for files and its tables."""
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as scorer  # noqa: N813

    scorer.args.evalInstLevelScore, scorer.args.quiet, scorer.args.evalPixelAccuracy = instances, True, False
    counts, statistics = scorer.generateMatrix(scorer.args), scorer.generateInstanceStats(scorer.args)
    for target, pred in pairs:
        scorer.evaluatePair(pred, target, counts, statistics, {}, scorer.args)
    return counts


def official_instances(pairs):
    return official(pairs, instances=True)


def boundary_erosion(pairs):
    """Boundary IoU as its authors have it: the mask of each class, without its erosion by 3x3 squares; 46 pixels at 1024x2048.

    In memory: the maps are read once. Their void is class 0 here, since the authors' masks know no void. int64[C, 3].
    """
    import cv2

    def bands(values):
        for index in range(CLASSES):
            mask = np.pad((values == index).astype(np.uint8), 1)
            eroded = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=WIDTH)
            yield (mask - eroded)[1:-1, 1:-1]

    def counted(target, pred):
        both = zip(bands(target), bands(pred))  # noqa: B905 (the same length)
        return [[int((a & b).sum()), int(a.sum()), int(b.sum())] for a, b in both]

    maps = kept_maps(pairs)
    start = time.perf_counter()
    counts = np.sum([counted(target, pred) for target, pred in maps], axis=0)
    return counts, time.perf_counter() - start


WIDTH = 46
PHOTOGRAPH = (1024, 2048, 3)
KEPT = []
FASTEST = []


def kept_maps(pairs):
    if not KEPT:
        KEPT.extend(tuple(np.where(read(path) == VOID, 0, read(path)) for path in pair) for pair in pairs)
    return KEPT


def decoded(pairs, decode):
    """Every photograph to uint8[H, W, 3], and a checksum of each; int64[N, 1] and the seconds without the checksums."""
    counts, seconds = [], 0.0
    for (path,) in pairs:
        start = time.perf_counter()
        image = decode(path)
        seconds += time.perf_counter() - start
        counts.append([zlib.crc32(image)])
    return np.array(counts), seconds


def photographs_pillow(pairs):
    return decoded(pairs, lambda path: np.array(Image.open(path)))


def photographs_opencv(pairs):
    import cv2

    cv2.setNumThreads(1)
    return decoded(pairs, lambda path: cv2.imread(path, cv2.IMREAD_COLOR_RGB))


def photographs_imagecodecs(pairs):
    """Into memory that is used again."""
    import imagecodecs

    decoders = {".png": imagecodecs.png_decode, ".jpg": imagecodecs.jpeg8_decode}
    if not KEPT:
        KEPT.append(np.empty(PHOTOGRAPH, np.uint8))
    return decoded(pairs, lambda path: decoders[Path(path).suffix](Path(path).read_bytes(), out=KEPT[0]))


def loop_batches():
    """A validation loop of three batches: logits of stride 8, and targets in class indices with void."""
    import torch

    if not KEPT:
        generator = torch.Generator().manual_seed(0)
        for _ in range(3):
            coarse = torch.randn(1, CLASSES, 8, 16, generator=generator) * 4
            logits = torch.nn.functional.interpolate(coarse, size=(128, 256), mode="bicubic")
            target = torch.nn.functional.interpolate(logits, size=PHOTOGRAPH[:2], mode="bilinear").argmax(1)
            target[:, :64] = VOID
            KEPT.append(((logits + 0.5 * torch.randn(logits.shape, generator=generator)), target))
    return KEPT


def enlarged_classes(logits):
    import torch

    return torch.nn.functional.interpolate(logits, size=PHOTOGRAPH[:2], mode="bilinear", align_corners=False).max(1)[1]


def loop_torchmetrics(pairs):
    """torchmetrics' JaccardIndex as its documentation has it in a loop; ``max`` is faster than ``argmax`` on a CPU."""
    from torchmetrics import JaccardIndex

    batches = loop_batches()
    start = time.perf_counter()
    metric = JaccardIndex(task="multiclass", num_classes=CLASSES, ignore_index=VOID)
    for logits, target in batches:
        metric.update(enlarged_classes(logits), target)
    metric.compute()
    return metric.confmat.numpy(), time.perf_counter() - start


def loop_torchmetrics_mean_iou(pairs):
    """torchmetrics' MeanIoU, fed in the faster of the ways that give the right number of a batch of one image.

    It knows no void, so pixels of void go where they do not count. ``index``: to a class of their own, whose score is not looked at;
    ``one-hot``: to no class. What it computes is a mean over batches; it is held against the IoU of each batch, and the counts that are
    given back are taken outside of the time.
    """
    import torch
    from torchmetrics.segmentation import MeanIoU

    def as_index(pred, target):
        void = target == VOID
        return pred.masked_fill(void, CLASSES), target.masked_fill(void, CLASSES)

    def as_one_hot(pred, target):
        classes = torch.arange(CLASSES).view(1, -1, 1, 1)
        known = (target != VOID)[:, None]
        return (pred[:, None] == classes) & known, target[:, None] == classes

    def loop(form, prepare, classes):
        start = time.perf_counter()
        metric = MeanIoU(num_classes=classes, per_class=True, input_format=form)
        for logits, target in batches:
            metric.update(*prepare(enlarged_classes(logits), target))
        scores = metric.compute()[:CLASSES].numpy()
        return scores, time.perf_counter() - start

    batches = loop_batches()
    ways = [("index", as_index, CLASSES + 1), ("one-hot", as_one_hot, CLASSES)]
    if not FASTEST:
        counts = []
        for logits, target in batches:
            pred, target = enlarged_classes(logits)[target != VOID], target[target != VOID]
            counts.append(np.bincount((CLASSES * target + pred).numpy(), minlength=CLASSES**2).reshape(CLASSES, CLASSES))
        hits, areas = (np.array([f(each) for each in counts]) for f in (np.diagonal, lambda m: m.sum(axis=0) + m.sum(axis=1)))
        with np.errstate(invalid="ignore"):
            iou = np.nanmean(hits / (areas - hits), axis=0)
        found = [loop(*way) for way in ways]
        for scores, _ in found:
            np.testing.assert_allclose(scores, iou, rtol=1e-5)
        FASTEST.extend([ways[int(found[1][1] < found[0][1])], np.sum(counts, axis=0)])
    _, seconds = loop(*FASTEST[0])
    return FASTEST[1], seconds


def loop_huggingface(pairs):
    """The ``compute_metrics`` of transformers' example of semantic segmentation, and the formula of evaluate's ``mean_iou``."""
    batches = loop_batches()
    start = time.perf_counter()
    totals = np.zeros((3, CLASSES))
    for logits, target in batches:
        pred, target = enlarged_classes(logits).numpy(), target.numpy()
        known = target != VOID
        pred, target = pred[known], target[known]
        totals += np.stack([np.histogram(v, bins=CLASSES, range=(0, CLASSES - 1))[0] for v in (pred[pred == target], pred, target)])
    return totals.astype(np.int64), time.perf_counter() - start


def build(tool):
    """Whether the official scorer has its compiled part."""
    if not tool.startswith("official"):
        return ""
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as scorer  # noqa: N813

    return "cython" if scorer.CSUPPORT else "python"


def main():
    tool, pairs = globals()[sys.argv[1]], json.loads(Path(sys.argv[2]).read_text())
    with redirect_stdout(sys.stderr):
        kind = build(sys.argv[1])
    print(json.dumps({"build": kind}), file=SAY, flush=True)
    for _ in sys.stdin:
        with redirect_stdout(sys.stderr):
            start, busy = time.perf_counter(), time.process_time()
            counts = tool(pairs)
            seconds, busy = time.perf_counter() - start, time.process_time() - busy
        if isinstance(counts, tuple):
            counts, seconds = counts
        print(json.dumps({"seconds": seconds, "busy": busy, "counts": np.asarray(counts).astype(int).tolist()}), file=SAY, flush=True)


if __name__ == "__main__":
    main()

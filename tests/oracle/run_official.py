"""Runs the official scorer, unchanged, on images in sorted order: iIoU adds floats in image order, and ``glob`` gives the file system's."""

import glob
import runpy

_unsorted = glob.glob
glob.glob = lambda *args, **options: sorted(_unsorted(*args, **options))

if __name__ == "__main__":
    runpy.run_module("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling", run_name="__main__")

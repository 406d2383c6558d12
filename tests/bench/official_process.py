"""cityscapesScripts' own command, with or without iIoU, on images in sorted order: ``python official_process.py yes|no``.

Without iIoU its switch is in its code; and it looks for files in the order of the file system, in which iIoU's floats would be added.
"""

import glob
import sys

_unsorted = glob.glob
glob.glob = lambda *args, **options: sorted(_unsorted(*args, **options))

if __name__ == "__main__":
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as scorer  # noqa: N813

    assert not scorer.CSUPPORT
    scorer.args.evalInstLevelScore = sys.argv[1] == "yes"
    sys.argv = sys.argv[:1]
    scorer.main()

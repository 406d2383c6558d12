# cython: language_level=3, boundscheck=False, wraparound=False
"""The compiled loop that cityscapesScripts looks for, and which its source distribution 2.3.0 leaves out: one addition for each pixel."""


def cEvaluatePair(const unsigned char[:, ::1] prediction, const unsigned char[:, ::1] target, unsigned long long[:, ::1] counts, labels):
    cdef Py_ssize_t y, x
    for y in range(target.shape[0]):
        for x in range(target.shape[1]):
            counts[target[y, x], prediction[y, x]] += 1
    return counts.base

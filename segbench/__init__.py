"""segbench: the benchmark and evaluation suite for semantic segmentation."""

__version__ = "0.1.0"

"""Whether a model, a dataset or its files are what segbench takes them for: every problem, in one pass."""

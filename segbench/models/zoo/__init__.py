"""The architectures, one file each, readable alone."""

"""Files as such: written whole or not at all, read with every problem named by its line, called by portable names."""

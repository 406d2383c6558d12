"""Files as such: written whole or not at all, read in whatever text they are, with every problem named by its line, portably called."""

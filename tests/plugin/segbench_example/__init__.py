"""An example of a plugin for segbench."""

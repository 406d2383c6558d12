"""One module for each command with something to show: work, progress, and what is printed."""

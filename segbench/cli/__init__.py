"""What can be typed: commands with their options, a module for each group. What a command does and prints is in segbench.console."""

"""Recipes and the loop that follows them, from random weights to a weights file."""

"""The loops that take the time: counting, enlarging, flooding. They know numbers, neither classes nor scores."""

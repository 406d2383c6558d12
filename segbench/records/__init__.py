"""What is kept of a run: records and the facts in them, as JSON that any later version reads."""

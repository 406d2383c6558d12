"""Floor 4: records to things that people look at. No torch."""

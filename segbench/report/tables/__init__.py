"""Records as tables: frames, their columns, and how their numbers are written down."""

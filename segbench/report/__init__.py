"""Records to things that people look at, on three shelves: tables, plots, pages. No torch."""

"""One `segbench run`: from a suite to a folder of records, tables and plots. Nothing here prints: it yields what happens."""

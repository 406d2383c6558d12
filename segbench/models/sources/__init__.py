"""Public weights that segbench's networks can take: for each, the names of its reference and the facts that go with its values."""

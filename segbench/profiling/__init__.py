"""How large and how fast networks are: what is timed, in which order, in which process."""

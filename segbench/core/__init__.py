"""Floor 1: arithmetic on label maps. numpy; numba or torch only where a module says so."""

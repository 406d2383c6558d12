"""Pictures and label maps from files, byte by byte, and back."""

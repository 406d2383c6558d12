"""Records as pictures: axes, marks, and images with their label maps."""

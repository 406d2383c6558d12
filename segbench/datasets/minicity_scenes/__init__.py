"""How the scenes of minicity are drawn."""

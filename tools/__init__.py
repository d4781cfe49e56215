"""For people and CI, not for a blueprint's run: python -m tools <command>."""

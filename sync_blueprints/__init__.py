"""For people and CI, not for a blueprint's run: python -m sync_blueprints <command>."""

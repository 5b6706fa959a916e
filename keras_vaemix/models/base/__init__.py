"""Abstract models and their common train step."""

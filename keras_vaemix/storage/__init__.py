"""Saved models and arrays: what their files declare is checked before they are read."""

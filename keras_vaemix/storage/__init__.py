"""Saved models and arrays, checked against what their files declare before they are read."""

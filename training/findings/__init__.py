"""Findings about the papers: scripts, and measurements of the toys' tables in `training.reproduce`."""

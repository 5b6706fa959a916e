"""Findings about the papers, each a script of under a minute."""

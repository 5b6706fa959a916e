"""Findings about the papers, each a script: of about a minute, but for that of the MoG toy, which trains many models."""

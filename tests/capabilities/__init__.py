"""Tests of what every model can do."""

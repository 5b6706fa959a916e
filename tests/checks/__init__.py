"""Checks run as commands: they take longer than the tests, or need other machines."""

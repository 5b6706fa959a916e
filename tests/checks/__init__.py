"""Checks that are commands: longer or of other machines than the tests."""

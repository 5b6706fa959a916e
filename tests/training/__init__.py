"""Tests of data, runs and command lines."""

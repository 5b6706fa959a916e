"""Tests of parts: each against something exact."""

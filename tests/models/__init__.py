"""Tests of models, one file each."""

"""Tests of exported artifacts."""

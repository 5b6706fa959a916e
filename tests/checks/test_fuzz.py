"""Hostile inputs end in one clear error; `python -m tests.checks.fuzz` tries thousands."""

import pytest

from tests.checks.fuzz import TARGETS, fuzz


@pytest.mark.parametrize("target", TARGETS)
def test_hostile_inputs_end_in_one_clear_error(target):
    report = fuzz(target, 60)
    assert report["inputs"] >= 50
    assert report["failures"] == 0

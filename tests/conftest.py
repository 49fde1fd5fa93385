"""What tests of every room can use."""

from __future__ import annotations

import gc

import pytest


@pytest.fixture
def young_heap():
    """A test that judges CPU time must not pay for collecting what thousands of tests before it left behind."""
    gc.freeze()
    yield
    gc.unfreeze()

"""What tests of every room can use."""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no fault of what is tested; and the same code has the same result, until somebody wants to look further.
settings.register_profile(
    "same", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile("explore", settings.get_profile("same"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HEDGEROW_EXAMPLES", "same"))


@pytest.fixture
def young_heap():
    """A test that judges CPU time must not pay for collecting what thousands of tests before it left behind."""
    gc.freeze()
    yield
    gc.unfreeze()

"""What all simulations share."""

from __future__ import annotations

import pytest

PATIENCE_S = 1500


@pytest.fixture(autouse=True)
def _young(young_heap):
    """A collection in the middle of a filter would count as time that the filter took."""


def pytest_collection_modifyitems(items):
    """Thousands of runs may take their time on a busy machine."""
    for item in items:
        if item.get_closest_marker("simulation"):
            item.add_marker(pytest.mark.timeout(PATIENCE_S))

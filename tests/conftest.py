"""What tests of every room can use, and the order in which all of them run."""

from __future__ import annotations

import gc
import os
from itertools import zip_longest

import pytest
from hypothesis import HealthCheck, settings

from hedgerow.serve.interpreter import calm_collector

# A busy machine is no fault of what is tested; and the same code has the same result, until somebody wants to look further.
settings.register_profile(
    "same", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile("explore", settings.get_profile("same"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HEDGEROW_EXAMPLES", "same"))

LONGEST_NAME = 60


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests of a file stay together and share what it makes once; simulations are dealt out one by one.

    What takes long begins first, so that no process is waited for at the end. Real servers wait a lot and simulations never do:
    they go side by side.
    """
    waiting, working, rest = [], [], []
    for item in items:
        simulated = item.get_closest_marker("simulation")
        if not simulated and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.name))
        served = item.get_closest_marker("e2e")
        (working if simulated else waiting if served else rest).append(item)
    waiting.sort(key=lambda item: item.get_closest_marker("chaos") is None)
    pairs = zip_longest(by_group(waiting), by_group(working), fillvalue=())
    items[:] = [item for pair in pairs for group in pair for item in group] + rest


def by_group(items):
    """The tests that stay together, in their order."""
    groups = {}
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        groups.setdefault(mark.args[0] if mark else item.nodeid, []).append(item)
    return groups.values()


def pytest_make_parametrize_id(val):
    """A test of a megabyte of text has no name of a megabyte, which would go from process to process with every report."""
    if not isinstance(val, str | bytes) or len(val) <= LONGEST_NAME:
        return None
    start = val[:LONGEST_NAME] if isinstance(val, str) else val[:LONGEST_NAME].decode("latin-1")
    return start.encode("unicode_escape").decode("ascii") + f"... {len(val)}"


def pytest_collection_finish():
    """The collector of garbage as the server sets it: modules and tests stay to the end, and need not be looked at again."""
    calm_collector()


@pytest.fixture
def young_heap():
    """A test that judges CPU time must not pay for collecting what thousands of tests before it left behind."""
    gc.collect()
    gc.freeze()

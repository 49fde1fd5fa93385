"""What the end-to-end tests share: one real server and one sink per module."""

from __future__ import annotations

import pytest

from support.background import BackgroundSink
from support.server import Server


def pytest_itemcollected(item):
    """Everything below this folder starts real processes; the tests of a module share theirs, and tell one story."""
    if "tests/e2e" in str(item.path):
        item.add_marker(pytest.mark.e2e)
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A running server, shared by the tests of a module."""
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def sink():
    """A place for deliveries to arrive."""
    with BackgroundSink() as running:
        yield running

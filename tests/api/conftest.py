"""An API over a real store and a log in memory, called without a network."""

from __future__ import annotations

import asyncio

import pytest

from hedgerow.delivery.sandbox import Sandbox
from support.api_fixtures import api
from support.house import House

__all__ = ["api"]


@pytest.fixture
def house(api):
    """The API with an owner of the instance, and an editor of its project."""
    made = House(api)
    made.user("root@example.com", is_owner=True)
    made.user("eve@example.com", "editor")
    return made


@pytest.fixture(scope="module")
def helpers():
    """One loop and one helper process for all tests of this module: a process takes a second to start."""
    with asyncio.Runner() as runner:
        sandbox = Sandbox(size=1)
        yield runner, sandbox
        runner.run(sandbox.close())

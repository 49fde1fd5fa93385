"""An API over a real store and a log in memory, called without a network: the fixtures, for the ``conftest`` of who needs them."""

from __future__ import annotations

import pytest

from support.api import Api
from support.store import fresh_store


@pytest.fixture
def api(tmp_path):
    """A fresh API."""
    made = Api(fresh_store(tmp_path))
    yield made
    made.close()

"""Waiting for the write lock."""

from __future__ import annotations

import threading
import time

import pytest

from hedgerow.store.database import StoreBusy, open_connection, transact


@pytest.fixture
def pair(tmp_path):
    """Two connections to one file; the first has the write lock."""
    holder, other = (open_connection(tmp_path / "a.db", busy_ms=busy_ms) for busy_ms in (0, 20_000))
    holder.execute("CREATE TABLE t (n INTEGER)")
    holder.execute("BEGIN IMMEDIATE")
    yield holder, other
    for connection in (holder, other):
        connection.close()


def test_who_waits_for_the_lock_gets_it_soon_after_it_is_free(pair):
    """And not before; it is the same connection that was refused at first."""
    holder, other = pair
    got = threading.Event()
    waiting = threading.Thread(target=transact, args=(other, lambda _connection: got.set()))
    waiting.start()
    assert not got.wait(0.3)
    holder.execute("COMMIT")
    assert got.wait(15)
    waiting.join(15)


def test_a_lock_that_is_kept_too_long_is_an_error(tmp_path, pair):
    """It says so instead of waiting for ever, and nothing was written."""
    impatient = open_connection(tmp_path / "a.db", busy_ms=50)
    began = time.monotonic()
    with pytest.raises(StoreBusy, match="locked by another process"):
        transact(impatient, lambda connection: connection.execute("INSERT INTO t VALUES (1)"))
    assert time.monotonic() - began >= 0.05
    impatient.close()
    assert pair[0].execute("SELECT count(*) FROM t").get == 0

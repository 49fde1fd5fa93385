"""The supervisor's decisions: who works on what, and where it listens."""

from __future__ import annotations

import socket

import pytest

from hedgerow.serve import supervisor
from hedgerow.serve.supervisor import PortTaken, deal, listen


@pytest.mark.parametrize("partitions", [1, 2, 7, 16])
@pytest.mark.parametrize("workers", [1, 2, 3, 20])
def test_each_partition_has_one_worker(partitions, workers):
    """Dealing leaves no partition out, gives none twice, and keeps no idle worker."""
    shares = deal(partitions, workers)
    assert sorted(part for share in shares for part in share) == list(range(partitions))
    assert all(shares)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_taken_port_is_told(monkeypatch):
    """The error names the port and another to try."""
    monkeypatch.setattr(supervisor, "PORT_PATIENCE_S", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {port} .* in use .*--port {port + 1}"):
            listen("127.0.0.1", port)


def test_an_address_of_somebody_else_is_told():
    """An address that this machine does not have is no traceback."""
    with pytest.raises(PortTaken, match="Check --host and --port"):
        listen("203.0.113.1", 8000)

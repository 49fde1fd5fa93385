"""Standing by: nothing passes, whatever a destination's own gate says, and no token is renewed."""

from __future__ import annotations

from hedgerow.delivery import standby
from hedgerow.delivery.gates import REASONS, Gates
from hedgerow.integrations.renewing import AHEAD_MS, _due
from support.people import store

WELL, ILL, PAUSED = b"w" * 16, b"i" * 16, b"p" * 16
PROBE = b"x" * 16


def test_every_gate_is_closed_and_opens_again():
    """Those of destinations that are well, that are paused, and that are being tried again."""
    with store() as connection:
        connection.execute(
            "INSERT INTO destination_health (destination_id, project_id, state, since, probe_id, probe_until)"
            " VALUES (?, 1, 'quarantined', 0, ?, 9)",
            (ILL, PROBE),
        )
        connection.execute(
            "INSERT INTO destination_holds (destination_id, project_id, paused_at) VALUES (?, 1, 5)",
            (PAUSED,),
        )
        gates = Gates()
        gates.refresh(connection)
        assert (gates.closed(WELL), gates.of(WELL).closed, gates.closed(ILL, PROBE)) == (None, None, None)
        standby.begin(connection, 7)
        standby.begin(connection, 8)
        gates.refresh(connection)
        for destination in (WELL, ILL, PAUSED):
            assert gates.closed(destination, PROBE) == standby.REASON
            assert gates.of(destination).closed == standby.REASON
            assert gates.of(destination).paused
        assert standby.since(connection) == 7
        standby.end(connection)
        gates.refresh(connection)
        assert (gates.closed(WELL), gates.of(WELL).paused, gates.closed(ILL, PROBE)) == (None, False, None)
        assert gates.closed(PAUSED) == REASONS["paused"]
        assert standby.since(connection) is None


def test_no_token_is_renewed():
    """The original may need the one that would be lost by it."""
    given = {"now": 1000, "ahead": AHEAD_MS}
    with store() as connection:
        connection.execute(
            "INSERT INTO integrations (id, project_id, kind, external_id, name, config, secrets, expires_at, refreshed_at,"
            " created_at, updated_at) VALUES (3, 1, 'hubspot', 'x', 'x', '{}', x'00', 1001, 0, 0, 0)"
        )
        assert _due(connection, given) == [3]
        standby.begin(connection, 7)
        assert _due(connection, given) == []

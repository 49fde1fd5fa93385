"""How a step of a replay is divided into transactions: nothing is counted twice, nothing is left out."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest

from hedgerow.replay import runs, waiting
from hedgerow.replay.replaying import Cursor, _Entry, _Look, _pieces


def entries(chance: random.Random) -> list[_Entry]:
    """Events in the order of their capture, some of them in the same millisecond."""
    cursors = sorted({(chance.randrange(15), chance.randrange(3), n) for n in range(chance.randrange(40))})
    return [_Entry(cursor, bytes(16), "seen", "somebody") for cursor in cursors]


def item(cursor: Cursor, mapping: str) -> waiting.Item:
    """What an event asks for."""
    return waiting.Item(bytes(16), 1, mapping, cursor[1], cursor[2], bytes(16), "seen", "somebody", cursor[0])


@pytest.mark.parametrize("seed", range(200))
def test_each_event_is_in_one_piece_with_all_that_it_asks_for(seed):
    """However many items an event has, and whatever was left out between them."""
    chance = random.Random(seed)
    found = entries(chance)
    end = found[-1].cursor if found and chance.random() < 0.5 else None
    items = [
        item(entry.cursor, str(mapping)) for entry in found for mapping in range(chance.choice([0, 1, 1, 3]))
    ]
    wanted = {one.cursor for one in items}
    left = [(entry.cursor, "filtered") for entry in found if entry.cursor not in wanted]
    most = chance.choice([1, 2, 10, 100])
    pieces = list(_pieces(_Look(found, end, {}), items, left, most))

    assert [one for piece in pieces for one in piece.items] == items
    assert sum((piece.counts for piece in pieces), Counter()) == +Counter(
        {runs.LOOKED_AT: len(found), "filtered": len(left)}
    )
    assert pieces[-1].end == end
    ends = [piece.end for piece in pieces[:-1]]
    assert ends == sorted(set(ends))
    for piece, behind in itertools.pairwise(pieces):
        assert most <= len(piece.items) < most + 3
        assert all(one.cursor > piece.end for one in behind.items)
        assert piece.counts[runs.LOOKED_AT] == sum(entry.cursor <= piece.end for entry in found) - sum(
            one.counts[runs.LOOKED_AT] for one in pieces[: pieces.index(piece)]
        )

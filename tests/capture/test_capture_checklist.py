"""Every wrapping of every shape on every path, with and without a slash at the end."""

import asyncio
import itertools

from test_capture_app import ARRAY, BATCH, LZ_EVENT, PATHS, SINGLE, WRAPPINGS

WAYS = {**WRAPPINGS, "lz64": lambda _body: ("?compression=lz64", LZ_EVENT.encode(), {})}


def test_all_of_it(client, log):
    """There is no combination that one path understands and another does not."""

    async def send():
        for path, slash, way, shape in itertools.product(PATHS, ("", "/"), WAYS, (SINGLE, ARRAY, BATCH)):
            query, body, headers = WAYS[way](shape)
            reply = await client.asend("POST", path + slash + query, body, headers)
            assert (reply.status, reply.text) == (200, '{"status":"Ok"}'), (path, slash, way)

    asyncio.run(send())
    assert len(log.events) == len(PATHS) * 2 * len(WAYS) * 3
    assert {(event.event, event.distinct_id) for event in log.events} == {("signed up", "u1")}

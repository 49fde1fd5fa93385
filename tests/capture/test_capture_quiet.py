"""The small answers that keep SDKs content."""

import orjson
import pytest

from hedgerow.capture import CaptureApp

CONFIG_KEYS = {"supportedCompression", "autocapture_opt_out", "analytics", "sessionRecording", "surveys"}


@pytest.mark.parametrize("path", ["/flags?v=2", "/flags/?v=4&config=true", "/decide/?v=3", "/decide?v=4"])
def test_flags(client, path):
    """No flags, in one form that every version reads."""
    reply = client.post(path, b'{"token":"phc_x","distinct_id":"u"}')
    told = orjson.loads(reply.body)
    assert reply.status == 200
    assert (told["flags"], told["featureFlags"], told["featureFlagPayloads"]) == ({}, {}, {})
    assert told["errorsWhileComputingFlags"] is False
    assert told["requestId"]
    assert told.keys() >= CONFIG_KEYS


def test_decide_v1_has_a_list(client):
    """The first version of decide wants a list of keys."""
    assert orjson.loads(client.post("/decide/?v=1", b"{}").body)["featureFlags"] == []


def test_remote_config(client):
    """The config comes as JSON and as a script, whatever the token looks like."""
    told = orjson.loads(client.send("GET", "/array/phc_x/config").body)
    assert told["token"] == "phc_x"
    assert told.keys() >= CONFIG_KEYS
    reply = client.send("GET", "/array/</script>/config.js".replace("</script>", "%3C"))
    assert reply.headers["content-type"].startswith("application/javascript")
    hostile = client.send("GET", '/array/"<b>/config.js').text
    assert "<b>" not in hostile
    assert "_POSTHOG_REMOTE_CONFIG" in hostile


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/surveys/?token=t", {"surveys": []}),
        ("/api/early_access_features/", {"earlyAccessFeatures": []}),
        ("/api/web_experiments/", {"experiments": []}),
        ("/api/product_tours", {"product_tours": []}),
        ("/flags/definitions?token=t&send_cohorts", {"flags": [], "group_type_mapping": {}, "cohorts": {}}),
        ("/api/feature_flag/local_evaluation/", {"flags": [], "group_type_mapping": {}, "cohorts": {}}),
        ("/api/push_subscriptions/", {}),
        ("/i/v1/logs", {}),
        ("/i/v1/metrics/", {}),
        ("/i/v1/traces", {}),
    ],
)
def test_fixed_answers(client, path, body):
    """Products that are not here answer with nothing in them."""
    assert client.app.handles(path.partition("?")[0])
    for method in ("GET", "POST"):
        reply = client.send(method, path, b"")
        assert (reply.status, orjson.loads(reply.body)) == (200, body)


def test_health_words(client):
    """Probes written for PostHog's capture read its word."""
    for path in ("/_readiness", "/_liveness"):
        assert client.send("GET", path).text == "capture"


def test_scripts_that_are_not_here(client):
    """Optional scripts are a plain 404, which the loader tolerates."""
    for path in ("/static/recorder.js", "/array/phc_x/nothing.js", "/static/../x"):
        assert client.send("GET", path).status == 404


def test_bundled_scripts(tmp_path, log, client_for):
    """Where the build put the browser SDK, its files are served under all the paths that loaders use."""
    (tmp_path / "array.js").write_text("!function(){}()")
    client = client_for(CaptureApp(log, None, scripts=tmp_path))
    for path in ("/static/array.js", "/static/1.2.3/array.js?v=1", "/array/phc_x/array.js"):
        reply = client.send("GET", path)
        assert (reply.status, reply.text) == (200, "!function(){}()")
        assert reply.headers["content-type"].startswith("application/javascript")
    assert client.send("GET", "/static/recorder.js").status == 404


@pytest.mark.parametrize(
    "path", ["/", "/api/projects/1/", "/_health/live", "/metrics", "/v2/track", "/batchx"]
)
def test_other_paths_are_not_ours(client, path):
    """The management API keeps its paths."""
    assert not client.app.handles(path)

"""Small answers that keep the SDKs content: feature flags, remote config, surveys and the like.

Hedgerow has none of these products. Each answer is the least that every SDK version takes without an error, a retry or a
second request. One object serves all versions of flags and decide, since old clients insist on keys that new ones ignore.
"""

from __future__ import annotations

from typing import Any

import orjson

from hedgerow.capture.answers import EMPTY, SCRIPT, Answer, answer, json

CONFIG: dict[str, Any] = {
    "supportedCompression": ["gzip", "gzip-js"],  # without gzip-js browsers stop compressing
    "hasFeatureFlags": False,
    "captureDeadClicks": False,
    "capturePerformance": False,
    "autocapture_opt_out": False,  # must be there: without it new visitors get no autocapture
    "autocaptureExceptions": False,
    "errorTracking": {"autocaptureExceptions": False, "suppressionRules": []},
    "analytics": {"endpoint": "/i/v0/e/"},
    "elementsChainAsString": True,
    "sessionRecording": False,
    "heatmaps": False,
    "surveys": False,
    "productTours": False,
    "defaultIdentifiedOnly": True,
    "siteApps": [],
    "conversations": False,
    "logs": {"captureConsoleLogs": False},
}
_DECIDE = {
    **CONFIG,
    "config": {"enable_collect_everything": True},
    "toolbarParams": {},
    "isAuthenticated": False,
}

SURVEYS = json({"surveys": []})
EARLY_ACCESS = json({"earlyAccessFeatures": []})
WEB_EXPERIMENTS = json({"experiments": []})
PRODUCT_TOURS = json({"product_tours": []})
FLAG_DEFINITIONS = json({"flags": [], "group_type_mapping": {}, "cohorts": {}})

FIXED: dict[str, Answer] = {
    "/api/surveys": SURVEYS,
    "/api/early_access_features": EARLY_ACCESS,
    "/api/web_experiments": WEB_EXPERIMENTS,
    "/api/product_tours": PRODUCT_TOURS,
    "/flags/definitions": FLAG_DEFINITIONS,
    "/api/feature_flag/local_evaluation": FLAG_DEFINITIONS,
    "/api/push_subscriptions": EMPTY,
    "/i/v1/logs": EMPTY,
    "/i/v1/metrics": EMPTY,
    "/i/v1/traces": EMPTY,
}


def flags(request_id: str, now: int, *, version: str = "") -> Answer:
    """No flags, for ``/flags`` and ``/decide`` of any version.

    Args:
        request_id: a new UUID.
        now: milliseconds since the epoch.
        version: the ``v`` parameter; decide's first version wants a list of keys.
    """
    return json(
        {
            "flags": {},
            "featureFlags": [] if version == "1" else {},
            "featureFlagPayloads": {},
            "errorsWhileComputingFlags": False,
            "requestId": request_id,
            "evaluatedAt": now,
            **_DECIDE,
        }
    )


def config(token: str) -> Answer:
    """Remote config as JSON."""
    return json({"token": token, **CONFIG})


def config_script(token: str) -> Answer:
    """Remote config as a script tag loads it."""
    # Escaped so that a token cannot end the script element that an old page inlines this into.
    name = orjson.dumps(token).replace(b"<", b"\\u003c")
    value = orjson.dumps({"token": token, **CONFIG}).replace(b"<", b"\\u003c")
    script = (
        b"(function(){var all=window._POSTHOG_REMOTE_CONFIG=window._POSTHOG_REMOTE_CONFIG||{};"
        b"all[" + name + b"]={config:" + value + b",siteApps:[]};})();"
    )
    return answer(200, script, SCRIPT)

"""A project as a shop has it in PostHog: thirty destinations of twelve kinds, what they refer to, and what cannot move."""

from __future__ import annotations

from typing import Any

from support.posthog import CREATED, WHO, Functions, PostHog, events, field

THEIRS = "print('what PostHog runs here')"
SLACK = [
    field("slack_workspace", "integration", integration="slack", required=True), field("channel", "integration_field", required=True),
    field("text"), field("username"), field("blocks", "json"),
]  # fmt: skip
HUBSPOT = [
    field("oauth", "integration", integration="hubspot", required=True), field("email", required=True), field("properties", "dictionary"),
]  # fmt: skip
INTERCOM = [
    field("oauth", "integration", integration="intercom", required=True),
    field("email", required=True),
]
STORAGE = [
    field("auth", "integration", integration="google-cloud-storage", required=True), field("bucketName", required=True),
    field("filename", required=True), field("payload"),
]  # fmt: skip
CUSTOMERIO = [
    field("site_id", required=True),
    field("token", secret=True, required=True),
    field("identifier_value", required=True),
]
KLAVIYO = [field("apiKey", secret=True, required=True), field("email")]
OWN = """
let first := fetch(f'{inputs.base}/lookup', {'method': 'GET', 'headers': {'Authorization': f'Bearer {inputs.token}'}});
let second := fetch(f'{inputs.base}/contacts', {'method': 'POST', 'body': {'email': person.properties.email}});
if (second.status < 400) {
    fetch(f'{inputs.base}/done', {'method': 'POST', 'body': {'order': event.properties.order}});
}
""".strip()
LOST = """fun again(times) { for (let i := 0; i < times; i := i + 1) { fetch(inputs.url) } } again(3)"""

COUNTS = {"webhook": 5, "slack": 4, "discord": 3, "teams": 2, "hubspot": 2, "customerio": 2, "klaviyo": 2, "zapier": 2,
          "posthog": 2, "intercom": 2, "storage": 1, "own": 3}  # fmt: skip
"""How many destinations of each kind there are: thirty."""


def furnish(posthog: PostHog, tool: str) -> None:
    """Put the shop in; ``tool`` is the address of a tool of its own."""
    posthog.integrations = [
        {"id": 71, "kind": "slack", "config": {}, "display_name": "Shop", "errors": "", "created_at": CREATED, "created_by": WHO},
    ]  # fmt: skip
    posthog.groups = [{"group_type": "company", "group_type_index": 0, "name_singular": None}]
    posthog.project["test_account_filters"] = [
        {"key": "email", "type": "person", "operator": "not_icontains", "value": "@shop.example"}
    ]
    _definitions(posthog)
    posthog.functions = [*_thirty(tool), *_left_behind()]


def _definitions(posthog: PostHog) -> None:
    posthog.cohorts = [
        _cohort(31, "Payers who stay", {"type": "AND", "values": [{"type": "AND", "values": [
            {"key": "id", "type": "cohort", "value": 32, "negation": False}]}]}),
        _cohort(32, "Payers", {"type": "OR", "values": [{"type": "OR", "values": [
            {"key": "plan", "type": "person", "value": ["pro"], "operator": "exact", "negation": False}]}]}),
        _cohort(33, "Seen this week", {"type": "OR", "values": [{"type": "OR", "values": [
            {"key": "$pageview", "type": "behavioral", "value": "performed_event", "time_value": 7, "time_interval": "day"}]}]}),
        {**_cohort(34, "Friends", None), "is_static": True},
        {**_cohort(35, "Newsletter", None), "is_static": True},
        {**_cohort(36, "By query", None), "query": {"kind": "HogQLQuery", "query": "select person_id from events"}},
    ]  # fmt: skip
    posthog.persons[34] = [
        {"id": "0191f3c0-1d2e-7c00-8000-5f0c6a3b9d10", "distinct_ids": ["ada", "ada@shop"]},
        {"id": "x", "distinct_ids": ["bob"]},
    ]
    posthog.actions = [
        {**_action(51, "Paid at the checkout"), "steps": [
            {"event": "order paid", "properties": [{"key": "id", "type": "cohort", "value": 31, "operator": "in"}],
             "url": "/checkout", "url_matching": "contains", "selector": None, "tag_name": None, "text": None,
             "text_matching": None, "href": None, "href_matching": None}]},
        {**_action(52, "Clicked buy"), "steps": [
            {"event": "$autocapture", "properties": None, "text": "Buy", "text_matching": "exact", "url": None}]},
    ]  # fmt: skip


def _cohort(number: int, name: str, properties: Any) -> dict[str, Any]:
    filters = {"properties": properties} if properties else None
    return {"id": number, "name": name, "description": "", "groups": [], "deleted": False, "filters": filters, "query": None,
            "is_calculating": False, "created_by": WHO, "created_at": CREATED, "last_calculation": CREATED, "count": 7,
            "is_static": False, "cohort_type": None}  # fmt: skip


def _action(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "name": name, "description": "", "post_to_slack": False, "created_at": CREATED, "created_by": WHO,
            "deleted": False, "is_action": True, "bytecode_error": None, "team_id": 2, "tags": [], "pinned_at": None}  # fmt: skip


def _thirty(tool: str) -> list[dict[str, Any]]:
    make, found = Functions(), list[dict[str, Any]]()
    for kind, count in COUNTS.items():
        found += [_one(make, kind, number, tool) for number in range(count)]
    checkout = {"id": 51, "name": "Paid at the checkout", "type": "actions", "order": 0}
    found[0]["filters"] = events(actions=[checkout])
    member = {"key": "id", "type": "cohort", "value": [31, 34], "operator": "in"}
    found[1]["filters"] = events("order paid", properties=[member], filter_test_accounts=True)
    found[2]["enabled"] = False
    return found


def _one(make: Functions, kind: str, number: int, tool: str) -> dict[str, Any]:
    name = f"{kind.title()} {number + 1}"
    match kind:
        case "webhook":
            schema = [
                field("url", required=True),
                field("method", "choice"),
                field("body", "json"),
                field("headers", "dictionary"),
            ]
            body = {"order": "{event.properties.order}", "who": "{person.properties.email}"}
            return make(
                name,
                "template-webhook",
                THEIRS,
                schema,
                {"url": f"{tool}/hook/{number}", "method": "POST", "body": body},
            )
        case "slack":
            return make(
                name,
                "template-slack",
                THEIRS,
                SLACK,
                {"slack_workspace": 71, "channel": f"C{number}", "text": "Paid"},
            )
        case "discord":
            url = f"https://discord.com/api/webhooks/{number}/key"
            return make(
                name,
                "template-discord",
                THEIRS,
                [field("webhookUrl"), field("content")],
                {"webhookUrl": url, "content": "Paid"},
            )
        case "teams":
            url = f"https://shop.webhook.office.com/webhookb2/{number}/IncomingWebhook/b/c"
            return make(
                name,
                "template-microsoft-teams",
                THEIRS,
                [field("webhookUrl"), field("text")],
                {"webhookUrl": url, "text": "Paid"},
            )
        case "hubspot":
            inputs = {
                "oauth": 72,
                "email": "{person.properties.email}",
                "properties": {"number": str(number)},
            }
            return make(name, "template-hubspot", THEIRS, HUBSPOT, inputs)
        case "customerio":
            inputs = {
                "site_id": f"site{number}",
                "token": ...,
                "identifier_value": "{person.properties.email}",
            }
            return make(name, "template-customerio", THEIRS, CUSTOMERIO, inputs)
        case "klaviyo":
            return make(
                name,
                "template-klaviyo-event",
                THEIRS,
                KLAVIYO,
                {"apiKey": ..., "email": "{person.properties.email}"},
            )
        case "zapier":
            return make(
                name,
                "template-zapier",
                THEIRS,
                [field("hook"), field("body", "json")],
                {"hook": f"hooks/catch/1/{number}"},
            )
        case "posthog":
            inputs = {"host": tool, "token": f"phc_other{number}", "include_all_properties": True}
            return make(name, "template-posthog-replicator", THEIRS, [field(key) for key in inputs], inputs)
        case "intercom":
            return make(
                name,
                "template-intercom",
                THEIRS,
                INTERCOM,
                {"oauth": 73, "email": "{person.properties.email}"},
            )
        case "storage":
            inputs = {
                "auth": 74,
                "bucketName": "orders",
                "filename": "{event.uuid}",
                "payload": "{jsonStringify(event.properties)}",
            }
            return make(name, "template-google-cloud-storage", THEIRS, STORAGE, inputs)
    inputs = {"base": f"{tool}/own/{number}", "token": ...}
    schema = [field("base", required=True), field("token", secret=True, required=True)]
    return make(name, "template-attio" if number else None, OWN, schema, inputs, untouched=number == 1)


def _left_behind() -> list[dict[str, Any]]:
    make = Functions()
    make.count = 500
    return [
        make("Pixel", "template-tiktok-pixel", "export function onEvent() {}", [], {}, type="site_destination"),
        make("GeoIP", "template-geoip", "return event", [], {}, type="transformation"),
        make("Hotjar", None, "export function onLoad() {}", [], {}, type="site_app"),
        make("Amplitude", "segment-actions-amplitude", "return event", [], {}),
        make("Mail", "template-email", "sendEmail(inputs.email)", [field("email", "native_email")], {}),
        make("Rows", "template-webhook", THEIRS, [], {}, filters={"source": "data-warehouse-table", "data_warehouse": []}),
        make("Broken", None, "let x := ", [], {}),
        make("Thrown away", "template-webhook", THEIRS, [], {}, deleted=True),
        make("Alerts", "template-webhook", THEIRS, [field("url")], {"url": "https://x.example/"}, type="internal_destination",
             filters=events("$insight_alert_firing")),
        make("Regulars", "template-webhook", THEIRS, [field("url")], {"url": "https://x.example/"}, filters=events(
            "order paid", properties=[{"key": "id", "type": "cohort", "value": 33, "operator": "in"}])),
        make("Firms", "template-webhook", THEIRS, [field("url")], {"url": "https://x.example/"}, filters=events(
            "order paid", properties=[{"key": "tier", "type": "group", "group_type_index": 0, "value": "gold", "operator": "exact"}])),
        make("Loop", None, LOST, [field("url")], {"url": "https://x.example/"}, enabled=False),
    ]  # fmt: skip

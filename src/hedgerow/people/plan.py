"""What an event intends, judged before the store is asked: may it go on, with a person profile, does it merge."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hedgerow.events import Event
from hedgerow.people.display import truthy
from hedgerow.people.identity import LONGEST, as_distinct_id, as_text, is_illegal
from hedgerow.people.model import Change, IngestionWarning
from hedgerow.people.properties import WITHOUT_AUTOMATIC, Wishes, automatic

GROUP_IDENTIFY = "$groupidentify"
LONGEST_GROUP_KEY = 400

_PROFILE = "$process_person_profile"
_NEED_PROFILE = frozenset({"$identify", "$create_alias", "$merge_dangerously", GROUP_IDENTIFY})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Plan:
    """An event and what it intends.

    Attributes:
        profile: it may make and change a person.
        opted_out: it may not even show a person's properties, since its project processes no people.
        other: the distinct id to merge into the event's own, or None.
        dropped: why it goes no further, or None.
        warnings: grows while the event is folded.
    """

    project_id: int
    event: Event
    profile: bool = True
    opted_out: bool = False
    other: str | None = None
    dropped: str | None = None
    warnings: list[IngestionWarning] = field(default_factory=list)

    @property
    def dangerous(self) -> bool:
        """The merge may take in a person who was identified before."""
        return self.event.event == "$merge_dangerously"

    def warn(self, kind: str, **details: Any) -> None:
        """Note something refused or ignored, with the event it happened to."""
        event = self.event
        about = {"eventUuid": event.uuid, "event": event.event, "distinctId": event.distinct_id}
        self.warnings.append(IngestionWarning(kind, {**about, **details}))

    def drop(self, kind: str, **details: Any) -> None:
        """Note that the event goes no further."""
        self.warn(kind, **details)
        self.dropped = kind


def plan(change: Change, *, opted_out: bool = False) -> Plan:
    """Judge one event by itself.

    Args:
        change: the event and its project.
        opted_out: the project processes no people.
    """
    event = change.event
    made = Plan(change.project_id, event, opted_out=opted_out)
    properties = event.properties
    flag = properties.get(_PROFILE, True)
    if flag is not True or opted_out:
        _judge_profile(made, flag)
    if event.event in _NEED_PROFILE and made.dropped is None:
        if event.event == GROUP_IDENTIFY:
            _judge_group_key(made, properties.get("$group_key"))
        else:
            made.other = _other(made, properties)
    return made


def _judge_profile(made: Plan, flag: Any) -> None:
    made.profile = flag is not False and not made.opted_out
    if not made.profile and made.event.event in _NEED_PROFILE:
        made.drop(
            "event_dropped_person_processing_disabled"
            if made.opted_out
            else "invalid_event_when_process_person_profile_is_false"
        )
    elif not isinstance(flag, bool) and not made.opted_out:
        made.warn("invalid_process_person_profile", **{_PROFILE: as_text(flag)[:LONGEST]})


def _judge_group_key(made: Plan, key: Any) -> None:
    if truthy(key) and len(as_text(key)) > LONGEST_GROUP_KEY:
        made.drop("group_key_too_long", groupKeyLength=len(as_text(key)), maxLength=LONGEST_GROUP_KEY)


def _other(made: Plan, properties: dict[str, Any]) -> str | None:
    name = made.event.event
    if name in {"$create_alias", "$merge_dangerously"} and truthy(properties.get("alias")):
        return _mergeable(made, as_distinct_id(properties["alias"]))
    if name == "$identify" and "$anon_distinct_id" in properties:
        return _mergeable(made, as_distinct_id(properties["$anon_distinct_id"]))
    return None


def _mergeable(made: Plan, other: str) -> str | None:
    into = made.event.distinct_id
    if other == into:
        return None
    for illegal, second in ((into, other), (other, into)):
        if is_illegal(illegal):
            made.warn(
                "cannot_merge_with_illegal_distinct_id", illegalDistinctId=illegal, otherDistinctId=second
            )
            return None
    return other


def with_profile(made: Plan) -> tuple[dict[str, Any], Wishes]:
    """The properties of an event that has a profile, completed, and what they ask of the person."""
    event = made.event
    properties = dict(event.properties)
    properties.pop(_PROFILE, None)
    if event.event == GROUP_IDENTIFY:
        if _strip(properties):
            made.warn("person_properties_ignored", reason="the event is about a group")
        return properties, Wishes(event.event, {}, {}, ())
    wanted, once = _mapping(made, properties, "$set"), _mapping(made, properties, "$set_once")
    if event.event not in WITHOUT_AUTOMATIC:
        wanted, once = _complete(properties, wanted, once)
    if event.event == "survey shown":
        wanted = {"$survey_last_seen_date": event.timestamp, **wanted}
    return properties, Wishes(event.event, wanted, once, _names(made, properties.get("$unset")))


def _complete(
    properties: dict[str, Any], wanted: dict[str, Any], once: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    if properties.get("$os_name") and properties.get("$os") is None:
        properties["$os"] = properties["$os_name"]
    now, first = automatic(properties)
    if now:
        wanted = properties["$set"] = {**now, **wanted}
        once = properties["$set_once"] = {**first, **once}
    return wanted, once


def without_profile(made: Plan) -> dict[str, Any]:
    """The properties of an event without a profile: what they ask of a person is taken out."""
    properties = dict(made.event.properties)
    if _strip(properties):
        made.warn("person_properties_ignored", reason="the event has no person profile")
    properties[_PROFILE] = False
    return properties


def _strip(properties: dict[str, Any]) -> bool:
    taken = [properties.pop(key, None) for key in ("$set", "$set_once", "$unset")]
    return any(taken)


def _mapping(made: Plan, properties: dict[str, Any], key: str) -> dict[str, Any]:
    value = properties.get(key)
    if isinstance(value, dict):
        return value
    if key in properties:
        properties[key] = {}
        if value is not None:
            made.warn("invalid_person_properties", property=key)
    return {}


def _names(made: Plan, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, (list, dict)):
        return tuple(name for name in value if isinstance(name, str))
    made.warn("invalid_person_properties", property="$unset")
    return ()


def occurred_at(event: Event) -> int:
    """An event's timestamp in milliseconds since the epoch; the time of capture when it has none."""
    try:
        moment = datetime.fromisoformat(event.timestamp)
    except ValueError:
        return event.captured_at
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1000 + passed.microseconds // 1000

"""Where a destination means something else here than in PostHog, on purpose. The documentation prints this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Difference:
    """One deliberate difference.

    Attributes:
        name: what it is about.
        ours: what happens here.
        theirs: what happens in PostHog.
        reason: why.
    """

    name: str
    ours: str
    theirs: str
    reason: str


DIFFERENCES: Final[tuple[Difference, ...]] = (
    Difference(
        "ordering a missing property",
        "A missing property is neither less, greater nor between.",
        "A missing property counts as 0, so `lt 5` matches it.",
        "Nobody who asks for less than 5 means events without the property.",
    ),
    Difference(
        "one value and several",
        "A list matches exactly what one of its members matches.",
        "A single value is converted (5 equals '5'), a member of a list is not.",
        "Adding a second choice to a filter must not lose what the first one matched.",
    ),
    Difference(
        "false and other texts",
        "A boolean equals only itself, its own word, and 1 or 0.",
        "The boolean false equals every text but 'true'.",
        "It is an accident of conversion that nobody wants in a filter.",
    ),
    Difference(
        "the empty text and zero",
        "A blank text is no number: not equal to 0, not less than 5.",
        "A blank text counts as 0.",
        "A field left empty in a form is not a zero.",
    ),
    Difference(
        "numbers kept as texts",
        "A filter value that reads as a number is compared as one, so '10' is greater than '9'.",
        "Two texts are compared letter by letter, so '10' is less than '9'.",
        "SDKs and forms often send numbers as texts.",
    ),
    Difference(
        "contains",
        "`%` and `_` in the value mean themselves, also in the URL of an action.",
        "They are wildcards when there is one value, and not when there are several.",
        "Percent-encoded URLs and snake_case names are common values.",
    ),
    Difference(
        "relative dates",
        "`-7d` is taken from the moment at which an event is matched; `is_date_exact` with an age means that whole day.",
        "`-7d` is worked out when the filter is saved and stays as it was.",
        "The filter should mean the same next month.",
    ),
    Difference(
        "time zones of dates",
        "A date without a zone is UTC.",
        "Relative dates are worked out in the project's time zone.",
        "The rest of the event is in UTC.",
    ),
    Difference(
        "incomplete filters",
        "A property filter without a value, or with an impossible one, is refused when it is saved.",
        "It is compiled to a constant, which then never or always matches.",
        "A half-filled form should be noticed by the person who fills it.",
    ),
    Difference(
        "results that are not booleans",
        "The value of an expression is judged by its truth.",
        "Only the boolean true matches; 1 does not.",
        "`match(...)` and `count` idioms give numbers.",
    ),
    Difference(
        "negative filters on lists of texts",
        "`is_not` and its kin on element texts and on `$exception_*` hold when no item matches.",
        "They hold when any item differs.",
        "`is not X` should exclude the events that have X.",
    ),
    Difference(
        "person distinct_id",
        "A person filter on `distinct_id` looks at the event's distinct id.",
        "It looks at a place that does not exist while events arrive, and never matches.",
        "It is what the filter says.",
    ),
    Difference(
        "cohorts",
        "Cohorts of person properties and static lists work anywhere in a filter.",
        "They work only among the test-account filters, and static lists not at all.",
        "Both can be decided from the event's person.",
    ),
    Difference(
        "unknown variables in expressions",
        "A HogQL expression that reads a variable filters do not have is refused when it is saved.",
        "It fails on each event.",
        "The author is still there when it is saved.",
    ),
    Difference(
        "unknown variables in templates",
        "A template that reads a variable templates do not have is refused when it is saved.",
        "It fails on each event.",
        "A misspelt name should not wait for the first event.",
    ),
    Difference(
        "inputs that are not mentioned",
        "An input that is absent from a request takes its default, required or not.",
        "Only required ones do; the web interface fills in the others.",
        "A destination made by a file or a script should work like one made by hand.",
    ),
    Difference(
        "choices",
        "The value of a `choice` must be one of its choices.",
        "It is not checked.",
        "A misspelt region or method would only show as a failing request.",
    ),
    Difference(
        "Liquid",
        "Liquid templates are checked when they are saved.",
        "They fail on each event.",
        "The author is still there when it is saved.",
    ),
    Difference(
        "unknown fields",
        "A field that a destination does not have is refused, with the nearest name.",
        "It is ignored.",
        "It is nearly always a typing mistake.",
    ),
    Difference(
        "mappings",
        "Each mapping has an `id` that it keeps.",
        "Mappings have none, and a re-run merges them.",
        "A retry or a re-run must repeat the very delivery that failed.",
    ),
    Difference(
        "masking that fails",
        "A masking template that throws makes a failed delivery, which can be run again.",
        "The error is swallowed and the event delivered unmasked.",
        "Nothing is decided in silence.",
    ),
)

"""Where Hedgerow's Hog deliberately differs from PostHog's published Node VM, and why.

Everything else is meant to be the same; the differential tests hold every other disagreement to be a fault of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Difference:
    """One deliberate difference.

    Attributes:
        name: a short name, by which tests refer to it.
        subject: the operators, functions or constructs concerned.
        ours: what Hedgerow does.
        theirs: what the Node VM does.
        reason: why ours is better for whoever writes Hog.
    """

    name: str
    subject: str
    ours: str
    theirs: str
    reason: str


DIFFERENCES: Final[tuple[Difference, ...]] = (
    # ------------------------------------------------------------- evaluation
    Difference(
        "short circuit",
        "and, or",
        "stop at the operand that decides",
        "evaluate all operands",
        "what people expect; a missing global after a deciding operand is not reported",
    ),
    Difference(
        "left to right",
        "binary operators",
        "the left operand is evaluated first",
        "the right operand is evaluated first",
        "what people expect; it shows only when both operands print, call or assign",
    ),
    Difference(
        "closures keep the variables of their own call and round",
        "lambdas that capture variables of a loop inside a loop",
        "each call of a function, and each round of a loop, has variables of its own",
        "a closure may see those of an earlier round: inside another loop, three lambdas over `let k := i` all see the first k",
        "plainly a fault of the VM, which finds an old captured variable at the same place of its stack",
    ),
    Difference(
        "identity of globals",
        "=, in, has, indexOf with objects and arrays of globals",
        "two readings of what the program never changes may be the same object",
        "every reading is a copy, so that `event.tags = event.tags` is false",
        "copying what is only read is work for nothing",
    ),
    Difference(
        "values that wait",
        "fetch, sleep, postHogCapture",
        "variables are the same after the call",
        "tuples have become arrays, keys texts (digits first), and what two places share becomes two",
        "waiting for an answer must change nothing else",
    ),
    Difference(
        "a variable in its own initial value",
        "let",
        "`let x := x` sees the outer x; a function in the value sees the new one",
        "it reads a place of the stack that is not filled yet",
        "shadowing a global or an outer variable should work",
    ),
    Difference(
        "wrong calls are refused early",
        "calls",
        "unknown functions and wrong numbers of arguments are errors of compilation",
        "they fail when the call is reached",
        "a typing mistake should not wait for an event to be found",
    ),
    Difference(
        "return inside try",
        "try, return",
        "leaves the try for good; the bytecode we emit does so on PostHog's VM too",
        "a later throw may jump back into the handler of a function that has returned",
        "a fault that newer versions of PostHog have mended",
    ),
    # ------------------------------------------------------------- numbers
    Difference(
        "exact integers",
        "numbers",
        "integers of JSON keep all their digits; arithmetic gives an integer where a double would be exact",
        "every number is a double, so that large ids lose digits",
        "a 64-bit id must leave as it came",
    ),
    Difference(
        "no negative zero",
        "*, %, toInt, round",
        "an integer 0 has no sign",
        "-0 exists, and 1 / -0 is -Infinity",
        "integers have one zero",
    ),
    Difference(
        "toInt of a number",
        "toInt",
        "cuts the fraction off: toInt(1e21) is 1e+21",
        "reads the number's text up to its first letter: toInt(1e21) is 1",
        "the text of a number is not the number",
    ),
    # ------------------------------------------------------------- comparison
    Difference(
        "null has no order",
        "<, <=, >, >=, between, less, lessOrEquals, greater, greaterOrEquals",
        "false when either side is null",
        "null counts as 0",
        "a missing property is not small; newer versions of PostHog agree",
    ),
    Difference(
        "only like things have an order",
        "<, <=, >, >=, less, lessOrEquals, greater, greaterOrEquals",
        "objects, errors and arrays of anything but numbers are never less or greater",
        "they are compared by a text such as [object Object]",
        "an order by such texts means nothing",
    ),
    Difference(
        "comparison functions order as operators do",
        "less, lessOrEquals, greater, greaterOrEquals",
        "dates by instant, booleans and texts as with <",
        "JavaScript's < on the inner objects",
        "one meaning of less",
    ),
    Difference(
        "dates beside other texts",
        "<, <=, >, >=",
        "a date and a text that is no date have no order",
        "compared as texts",
        "an order by such texts means nothing",
    ),
    Difference(
        "dates are values",
        "equals, notEquals, in, has, indexOf",
        "equal when they are the same date or the same moment in the same zone",
        "two dates are never equal, only a date and itself",
        "dates have no identity worth asking for",
    ),
    Difference(
        "in null",
        "in, not in",
        "nothing is in null; keys are in objects; a number on the right is an error",
        "each of these fails the program",
        "a missing list must not break a filter",
    ),
    Difference(
        "like with null",
        "like, ilike, notLike, notILike",
        "null is like nothing",
        "null is like the text 'null'",
        "a missing property has no text",
    ),
    Difference(
        "empty patterns",
        "=~*, !~*",
        "an empty pattern is found nowhere, as with =~",
        "an empty pattern is found everywhere, but nowhere with =~",
        "the case of letters has no bearing on it",
    ),
    Difference(
        "keys",
        "objects",
        "arrays, objects, tuples and errors cannot be keys; true and 1 are one key",
        "any value is a key, by identity",
        "such a key could not be written as JSON either",
    ),
    Difference(
        "reading by index",
        "[ ]",
        "a text is no index of an array, and texts have no properties",
        "['1'] is the second item, and 'abc'.length works behind a global",
        "these are leaks of JavaScript",
    ),
    Difference(
        "tuples cannot be changed",
        "assignment",
        "an error",
        "a tuple is an array",
        "PostHog's Python VM agrees",
    ),
    # ------------------------------------------------------------- library in general
    Difference(
        "null passes through",
        "length, upper, reverse, trim, replaceOne, splitByString, keys, values, JSONLength, HMAC chains, ...",
        "null gives null, or what an empty value gives",
        "an internal TypeError",
        "a missing property must not break a program; newer versions of PostHog agree for most",
    ),
    Difference(
        "wrong types are said so",
        "string functions, base64, digests, dates",
        "an argument of the wrong type is an error that names the type",
        "what JavaScript makes of it, mostly garbage",
        "an author can mend what is said",
    ),
    Difference(
        "no inner faults",
        "Error(1), toTimeZone(d, 1), matching numbers, ...",
        "odd arguments are read as texts",
        "a TypeError from inside the VM",
        "only an author's mistake is an author's error",
    ),
    Difference(
        "objects as text",
        "toInt, plus, like, encodeURLComponent, replaceAll, JSONExtractString, ...",
        "[object Object], and dates by their text",
        "[object Map] or [object Object], dates too",
        "inner classes are not part of the language",
    ),
    Difference(
        "dates and errors are opaque",
        "keys, values, empty, JSONHas, JSONExtract..., JSONLength",
        "they have no keys",
        "the fields and markers they are made of",
        "a date is a value, not an object",
    ),
    Difference(
        "optional null",
        "range, arrayStringConcat, md5, sha1, sha256",
        "null for an optional argument means it is left out",
        "null is a value of its own (often garbage)",
        "a variable may hold no choice",
    ),
    Difference(
        "no undefined",
        "length",
        "the length of what has none is null, and counts as 0",
        "it is shown as null, but counts as NaN",
        "one kind of nothing is enough",
    ),
    # ------------------------------------------------------------- strings, arrays
    Difference(
        "whole characters",
        "reverse, splitByString, replaceAll with an empty text",
        "characters beyond the first 65,536 stay whole",
        "they are torn into halves",
        "half of an emoji is no text",
    ),
    Difference(
        "literal replacement",
        "replaceOne, replaceAll",
        "the replacement is taken as it is",
        "$& and its kin are special",
        "the arguments are texts, not patterns",
    ),
    Difference(
        "sorting",
        "arraySort, arrayReverseSort",
        "numbers by value, then texts, booleans, dates, all else",
        "everything by its text, so that 10 comes before 9",
        "newer versions of PostHog agree for numbers",
    ),
    Difference(
        "size of a part",
        "substring",
        "places and sizes are read as numbers",
        "a text as size is joined to the start as text",
        "substring('abc', 1, '2') is 'ab'",
    ),
    Difference(
        "cohort ids",
        "inCohort, notInCohort",
        "numbers and texts of numbers are compared as ids, anything else strictly",
        "every value is turned into a number first",
        "NaN is no id",
    ),
    # ------------------------------------------------------------- JSON
    Difference(
        "JSON paths lead nowhere quietly",
        "JSONHas, JSONExtract..., JSONLength",
        "a step that does not fit gives null, false or 0",
        "index 0 of an object, or of null, fails the program",
        "asking whether something is there is no fault",
    ),
    Difference(
        "scalar JSON",
        "JSONExtract...",
        "a text such as '12' is JSON and can be extracted whole",
        "only arrays and objects can be",
        "ClickHouse, from which the names come, does so",
    ),
    Difference(
        "order of keys",
        "jsonStringify",
        "keys in the order in which they were written",
        "keys that look like integers come first",
        "order was chosen by the author",
    ),
    # ------------------------------------------------------------- dates
    Difference(
        "dates from dates",
        "toDate, toDateTime, toUnixTimestamp, dateAdd",
        "dates, datetimes and texts that are dates are understood",
        "NaN, or a date computed from today",
        "the current day is no default",
    ),
    Difference(
        "no moment",
        "toStartOf..., toYear, toMonth, fromUnixTimestamp, dateAdd, addDays",
        "what is no moment gives an invalid date, whose parts are NaN, or an error",
        "today's, or a date that holds the argument itself",
        "the current day is no default",
    ),
    Difference(
        "calendar",
        "dates",
        "years 1 to 9999; beyond is invalid",
        "years to 275760",
        "no event happens there",
    ),
    Difference(
        "whole months",
        "dateAdd",
        "a fraction of months or years is cut off",
        "it is turned into days",
        "months differ in length",
    ),
    Difference(
        "zone arguments",
        "toUnixTimestamp, toDateTime, formatDateTime",
        "a zone is a name; anything else means UTC",
        "a number is an offset in minutes",
        "one way to say it",
    ),
    Difference(
        "the hour that comes twice",
        "toDateTime with a zone",
        "the first of the two",
        "depends on the day the program runs",
        "the same text must always be the same moment",
    ),
    Difference(
        "format patterns",
        "formatDateTime",
        "an empty pattern gives '', an apostrophe is literal",
        "an error, a broken format",
        "plainly faults",
    ),
    # ------------------------------------------------------------- syntax
    Difference(
        "words of other languages",
        "break, continue, const, var, function, def, elif, switch, new, await, ...",
        "a statement that begins with one is an error with a hint",
        "each is the name of an unknown global, and the program fails when it gets there, or goes on as if nothing were",
        "nobody means a row of unknown names",
    ),
    Difference(
        "heads without parentheses",
        "if, for",
        "`if x { ... }` is an error",
        "three statements: the name `if`, the name `x`, and a block that always runs",
        "nobody means that either",
    ),
    Difference(
        "less-than",
        "<",
        "always compares: `a<b and c` works",
        "may begin a tag when a name follows without a blank",
        "there are no tags here",
    ),
    Difference(
        "casts",
        "cast(x as Int), x::Int",
        "calls of toInt, toFloat, toString, toDate, toDateTime, toUUID",
        "parsed, but refused by the compiler",
        "the functions exist",
    ),
)
"""All deliberate differences, by theme."""

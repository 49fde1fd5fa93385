"""Liquid looks as LiquidJS makes it look, and is bounded."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedgerow.hog.errors import HogError, HogRuntimeError, HogSizeLimit, HogSyntaxError, HogTimeLimit
from hedgerow.hog.host import Limits
from hedgerow.hog.liquid import compile_liquid
from hedgerow.hog.liquid.filters import FILTERS

NOW = 1709231946.123
GLOBALS = {
    "s": '<a href="x">O\'K</a> & b',
    "n": 1.0,
    "big": 1e21,
    "t": True,
    "nul": None,
    "arr": [1, "<b>", None, [2, 3]],
    "obj": {"a": 1, "b": {"c": "x"}},
    "d": "2024-02-29T18:39:06.123Z",
    "ts": 1709231946,
    "people": [{"n": "a", "g": 1}, {"n": "b", "g": 2}, {"n": "c", "g": 1}],
    "e": "",
}


def render(text, **limits):
    """One text rendered with the globals above."""
    return compile_liquid(text, limits=Limits(**limits)).render(GLOBALS, now=NOW)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *(
            ("plain", "plain"),
            ("{{ s }}", "&lt;a href=&#34;x&#34;&gt;O&#39;K&lt;/a&gt; &amp; b"),
            ("{{ s | raw }}", GLOBALS["s"]),
            ("{{ '<' }}{% echo '<' %}", "&lt;&lt;"),
            ("{{ '<' | escape }}", "&amp;lt;"),
        ),
        *(
            (
                "{{ n }} {{ big }} {{ t }} [{{ nul }}{{ nope.x }}] {{ arr }} {{ obj }}",
                "1 1e+21 true [] 1&lt;b&gt;23 [object Object]",
            ),
            ("{{ obj | json | raw }}", '{"a":1,"b":{"c":"x"}}'),
            ("{{ (1..3) }} {{ (1..3) | join: ',' }}", "1..3 1,2,3"),
        ),
        *(
            ("{{ obj.b.c }} {{ arr[1] }} {{ arr.first }} {{ arr.size }} {{ s.size }}", "x &lt;b&gt; 1 4 23"),
            ("{{ now | date: '%Y' }}", "2024"),
            ("{{ now }}", "Thu Feb 29 2024 18:39:06 GMT+0000 (Coordinated Universal Time)"),
        ),
        *(
            ("{{ now.year }}{{ s.__class__ }}{{ obj.keys }}", ""),
            ("{% assign x = 5 %}{% if x > 3 and x < 10 %}y{% else %}n{% endif %}", "y"),
            ("{% capture c %}<b>{{ s | raw }}{% endcapture %}{{ c | size }}", "26"),
        ),
        *(
            ("{% for i in arr limit:2 offset:1 reversed %}{{ i }};{% else %}none{% endfor %}", ";&lt;b&gt;;"),
            ("{% for p in obj %}{{ p[0] }},{% endfor %}", "a,b,"),
            ("{% raw %}{{ x {% endraw %}", "{{ x "),
            ("{% cycle 'a','b' %}{% increment z %}", "a0"),
        ),
        *(
            (
                "{{ d | date: '%a %b %e %-d %I:%M %p %L %s %z %:z' }}",
                "Thu Feb 29 29 06:39 PM 123 1709231946 +0000 +00:00",
            ),
            ("{{ d | date: '%Y-%m-%d %H:%M', 'America/New_York' }}", "2024-02-29 13:39"),
            ("{{ d | date: '%H:%M', 300 }}", "13:39"),
        ),
        *(
            (
                "{{ ts | date: '%Y' }} {{ '1709231946' | date: '%Y' }} {{ 'now' | date: '%Y' }} {{ 'garbage' | date: '%Y' }} {{ t | date: '%Y' }}",
                "2024 2024 2024 garbage true",
            ),
            ("{{ 'Thu, 29 Feb 2024 18:39:06 +0000' | date: '%F' }}", "2024-02-29"),
        ),
        *(
            (
                "{{ d | date: '%d.%m.%y %j %U %W %C %h %n%t%% %P %l %k %A %B %q %N %3N %u %w %V %G %^a %#p %_m %0e %5Y %D %F %T %R %c %x %X %S %f %H' }}",
                "29.02.24 060 08 09 20 Feb \n\t% pm  6 18 Thursday February th 123000000 123 4 4 09 2024 THU pm  2 29 02024 02/29/24 2024-02-29 18:39:06 18:39 2/29/2024, 6:39:06 PM 2/29/2024 6:39:06 PM 06 %f 18",
            ),
        ),
        *(
            ("{{ d | date }}", "Thursday, February 29, 2024 at 6:39 pm +0000"),
            (
                "{{ d | date_to_xmlschema }} {{ d | date_to_rfc822 }} {{ d | date_to_string }}",
                "2024-02-29T18:39:06+00:00 Thu, 29 Feb 2024 18:39:06 +0000 29 Feb 2024",
            ),
        ),
        *(
            (
                "{{ 5 | divided_by: 2 }} {{ 5 | divided_by: 2, true }} {{ 1 | divided_by: 0 }} {{ -7 | modulo: 3 }} {{ '3' | plus: 4 }} {{ 'a' | plus: 4 }} {{ 10 | minus: 'x' }}",
                "2.5 2 Infinity 2 7 4 10",
            ),
        ),
        *(
            (
                "{{ 3.7 | round }} {{ 3.14159 | round: 2 }} {{ 3.2 | ceil }} {{ 3.7 | floor }} {{ -3.2 | abs }} {{ 1.5 | times: 2 }} {{ 5 | at_most: 3 }} {{ '1' | at_least: 5 }}",
                "4 3.14 4 3 3.2 3 3 5",
            ),
            ("{{ big | times: big | round }}", "1e+42"),
        ),
        *(
            (
                "{{ t | append: 'x' }} {{ obj | append: 'x' }} {{ arr | append: '!' }} {{ 'a' | prepend: nul }}",
                "truex [object Object]x 1&lt;b&gt;23! a",
            ),
            (
                "{{ nul | default: 'd' }}{{ e | default: 'd' }}{{ false | default: 'd' }}{{ 0 | default: 'd' }}{{ false | default: 'd', allow_false: true }}",
                "ddd0false",
            ),
        ),
        *(
            (
                "{{ 'a,b,,' | split: ',' | join: '-' }} {{ 'abc' | split: '' | join: '-' }} {{ nul | split: ',' | size }} {{ nul | size }}",
                "a-b a-b-c 0 0",
            ),
            (
                "{{ people | map: 'n' | join }} {{ people | where: 'g', 1 | map: 'n' | join }} {{ people | sum: 'g' }} {{ people | where: 'g' | size }}",
                "a b c a c 4 3",
            ),
        ),
        *(
            (
                "{{ people | find: 'n','b' | json | raw }} {{ people | find_index: 'n','b' }} {{ people | has: 'n','b' }} {{ people | reject: 'g', 1 | size }}",
                '{"n":"b","g":2} 1 true 1',
            ),
            (
                "{{ people | group_by: 'g' | map: 'name' | join }} {{ people | sort: 'g' | map: 'n' | join: '' }}",
                "1 2 acb",
            ),
        ),
        *(
            (
                "{{ arr | push: 9 | json }} {{ arr | pop | size }} {{ arr | shift | size }} {{ arr | unshift: 0 | first }} {{ arr | last | json }} {{ arr | reverse | last }} {{ arr | compact | size }} {{ arr | concat: arr | size }}",
                "[1,&#34;&lt;b&gt;&#34;,null,[2,3],9] 3 3 0 [2,3] 1 3 8",
            ),
        ),
        *(
            (
                "{{ 'b,A,c' | split: ',' | sort_natural | join }} {{ 'b,A,c' | split: ',' | sort | join }} {{ arr | sort | json | raw }} {{ 'a,a,b' | split: ',' | uniq | join }} {{ 5 | first }}",
                'A b c A b c [1,"<b>",[2,3],null] a b ',
            ),
        ),
        *(
            (
                "{{ s | slugify }} {{ s | strip_html }} {{ s | number_of_words }}",
                "a-href-x-o-k-a-b O&#39;K &amp; b 4",
            ),
            (
                "{{ 'a b' | url_encode }} {{ 'a%20b+c' | url_decode }} {{ 'a b&c/d' | uri_escape | raw }} {{ 'a b&<' | cgi_escape }}",
                "a+b a b c a%20b&c/d a+b%26%3C",
            ),
        ),
        *(
            (
                "{{ 'abc' | slice: 1 }} {{ 'abc' | slice: -2, 2 }} {{ 'abcdef' | truncate: 5 }} {{ 'a b c d' | truncatewords: 2 }} {{ 'ab' | truncate: 5 }} {{ arr | slice: 0, 1 | json }}",
                "b bc ab... a b... ab [1]",
            ),
            ("{{ '12' | to_integer }} {{ '12abc' | to_integer }}", "12 NaN"),
        ),
        *(
            (
                "{{ 'abc' | replace: 'b', 'x' }} {{ 'aXbX' | replace_first: 'X','-' }} {{ 'aXbX' | replace_last: 'X','-' }} {{ 'aXbX' | remove: 'X' }} {{ 'aXbX' | remove_first: 'X' }} {{ 'aXbX' | remove_last: 'X' }} {{ 'a' | replace_last: 'z', 'y' }}",
                "axc a-bX aXb- ab abX aXb a",
            ),
        ),
        *(
            (
                "{{ 'x' | array_to_sentence_string }} {{ 'a,b' | split: ',' | array_to_sentence_string }} {{ 'a,b,c' | split: ',' | array_to_sentence_string: 'or' }}",
                "x a and b a, b, or c",
            ),
            (
                "{{ 'PHA+' | base64_decode }} {{ 'a' | base64_encode }} {{ '&lt;<' | escape_once | raw }} {{ '&' | xml_escape | raw }}",
                "&lt;p&gt; YQ== &lt;&lt; &amp;",
            ),
        ),
        *(
            (
                "{{ ' a  b ' | squish }}|{{ ' a  b ' | normalize_whitespace }}|{{ ' a ' | strip }}|{{ ' a ' | lstrip }}|{{ ' a ' | rstrip }}|{{ 'aB' | upcase }}{{ 'aB' | downcase }}{{ 'aB' | capitalize }}",
                "a b| a b |a|a | a|ABabAb",
            ),
            ('{{ "a\nb" | newline_to_br | raw }}{{ "a\nb" | strip_newlines }}', "a<br />\nbab"),
        ),
        *(
            ("{{ s | json: 2 | size }} {{ obj | inspect | size }} {{ obj | jsonify | size }}", "27 21 21"),
            ("{% liquid\nassign y = 3\necho y\n%}", "3"),
            ("{{ &quot;x&quot; | append: &#x27;&amp;&#x27; }} &quot;", "x&amp; &quot;"),
            ("{% if n &gt; 0 %}&lt;{% endif %}{ & {{", None),
        ),
    ],
)
def test_liquid(text, shown):
    """Outputs, tags and filters, each as measured on LiquidJS."""
    if shown is None:
        with pytest.raises(HogSyntaxError, match="never closed"):
            render(text)
    else:
        assert render(text) == shown


def test_trees():
    """Every text of a tree is a template; keys and other values stay."""
    tree = {"a": ["{{ n }}", 5, None], "{{ n }}": {"b": "x{{ t }}"}}
    assert compile_liquid(tree).render(GLOBALS) == {"a": ["1", 5, None], "{{ n }}": {"b": "xtrue"}}
    assert compile_liquid(5).render({}) == 5
    assert compile_liquid("{{ now | date: '%Y' }}").render({}) >= "2024"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        *(
            ("a\n{{ s | upcas }}", 2, "no filter `upcas`"),
            ("{% include 'x' %}", 1, "include"),
            ("{% render 'x' %}", 1, "render"),
            ("\n{{ x", 2, "`{{` is never closed"),
            ("{% if %}", 1, "missing expression"),
            ("{% nope %}", 1, "nope"),
        ),
        *(
            ("{% raw %}", 1, "endraw"),
            ("{% if a %}", 1, "Liquid"),
            ("{{ a b }}", 1, "Liquid"),
            ("{{ 'a' | where_exp: 'x', 'y' }}", 1, "where_exp"),
            ("{{" + "x" * 100_001 + "}}", None, "at most"),
        ),
    ],
)
def test_mistakes_are_told_with_their_line(text, line, message):
    """What does not parse says where."""
    with pytest.raises(HogSyntaxError, match=message) as caught:
        compile_liquid(text)
    assert caught.value.line == line


def test_a_misspelt_filter_gets_a_hint():
    """A name near a filter's is taken for it."""
    with pytest.raises(HogSyntaxError) as caught:
        compile_liquid("{{ s | upcas }}")
    assert caught.value.hint == "did you mean `upcase`?"


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a' | replace }}",
        "\n{{ 'a' | base64_decode }}",
        "{% for i in s limit: 'x' %}{% endfor %}",
        "{% break %}",
    ],
)
def test_failures_while_rendering(text):
    """What fails while rendering is a run-time error of Hog."""
    with pytest.raises(HogError):
        render(text)


def test_failures_know_their_line():
    """A filter that fails says in which line."""
    with pytest.raises(HogRuntimeError) as caught:
        render("a\n{{ 'x' | base64_decode }}")
    assert caught.value.line == 2


@pytest.mark.parametrize(
    "text",
    [
        *(
            "{{ (1..100000000) | join }}",
            "{{ (1..99999999999999999999999) | size }}",
            "{% for i in (1..100000000000) reversed %}x{% endfor %}",
            "{% for i in (1..1000) %}" * 5 + "x" + "{% endfor %}" * 5,
        ),
        *(
            "{% assign a = 'xxxxxxxxxx' %}" + "{% assign a = a | append: a %}" * 40,
            "{% assign a = 'x' %}{% for i in (1..99) %}{% capture a %}{{a}}{{a}}{% endcapture %}{% endfor %}",
            "{% assign a = 'xxxxxxxxxx' %}" + "{% assign a = a | replace: '', a %}" * 9,
        ),
        *(
            "{% for i in (1..99999) %}{{ s }}{{ s }}{{ s }}{% endfor %}",
            "{% if a %}" * 50 + "{% endif %}" * 50,
            "{% assign a = arr %}" + "{% assign a = a | concat: a %}" * 40,
            "{{ people | json: 10 }}" * 4000,
        ),
    ],
)
def test_growth_is_refused(text):
    """Doubling, ranges and nested loops meet a limit at once."""
    started = time.process_time()
    with pytest.raises(HogError):
        render(text, string=1_000_000, memory=2_000_000)
    assert time.process_time() - started < 2


def test_time_is_bounded():
    """A long render ends at its limit."""
    text = (
        "{% for i in (1..900) %}{% for j in (1..900) %}{% assign x = i | plus: j %}{% endfor %}{% endfor %}"
    )
    started = time.thread_time()
    with pytest.raises(HogTimeLimit) as caught:
        render(text, cpu_ms=50)
    assert time.thread_time() - started < 1
    assert caught.value.line == 1


def test_arrays_in_themselves():
    """A value that holds itself is cut or refused, never followed."""
    loop: list = ["x"]
    loop.append(loop)
    with pytest.raises(HogSizeLimit):
        compile_liquid("{{ l }}").render({"l": loop})
    assert compile_liquid("{{ l | json | raw }}").render({"l": loop}) == '["x",null]'


@pytest.mark.parametrize(
    "text", ["{{ a" + "[a" * 5000 + "]" * 5000 + " }}", "{% if " + "a and " * 8000 + "a %}x{% endif %}"]
)
def test_deep_expressions(text):
    """Expressions that nest very deep are rendered or refused, and nothing else happens."""
    with suppress(HogError):
        assert isinstance(render(text), str)


@given(st.text(alphabet="{}%|-.:,'\" abrawendfor&lt;()0", max_size=40))
def test_any_text(text):
    """No text does more than fail with an error of Hog."""
    with suppress(HogError):
        assert isinstance(render(text), str)


ODD = [
    None,
    True,
    0,
    -1,
    2.5,
    float("nan"),
    10**400,
    "",
    "a",
    "1,2",
    [],
    [1, "a", None],
    {},
    {"a": 1},
    range(3),
]


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_filters_are_total(name):
    """A filter gives a value or an error of Hog for all odd values."""
    for value in ODD:
        for args in ("", ": y", ": y, z", ": y, z, 'UTC'"):
            for second in ODD:
                template = compile_liquid(f"{{{{ x | {name}{args} }}}}")
                with suppress(HogError):
                    assert isinstance(template.render({"x": value, "y": second, "z": "a"}), str)

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
            ("{{ 'a' | where_expr: 'x', 'y' }}", 1, "where_expr"),
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


@pytest.mark.usefixtures("young_heap")
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


@pytest.mark.usefixtures("young_heap")
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


LIQUIDJS = """
abs append array_to_sentence_string at_least at_most base64_decode base64_encode capitalize ceil cgi_escape compact concat
date date_to_long_string date_to_rfc822 date_to_string date_to_xmlschema default divided_by downcase escape escape_once find
find_exp find_index find_index_exp first floor group_by group_by_exp has has_exp inspect join json jsonify last lstrip map
minus modulo newline_to_br normalize_whitespace number_of_words plus pop prepend push raw reject reject_exp remove
remove_first remove_last replace replace_first replace_last reverse round rstrip sample shift size slice slugify sort
sort_natural split strip strip_html strip_newlines sum times to_integer truncate truncatewords uniq unshift upcase uri_escape
url_decode url_encode where where_exp xml_escape
"""


@pytest.mark.parametrize("name", LIQUIDJS.split())
def test_every_filter_of_liquidjs_is_there(name):
    """A template may name any of them; used without what it needs it fails as the template's fault, or not at all."""
    template = compile_liquid(f"{{{{ arr | {name} }}}}")
    with suppress(HogError):
        template.render(GLOBALS, now=NOW)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{ people | where_exp: 'p', 'p.g == n' | map: 'n' | join }}", "a c"),
        ("{{ people | where_exp: 'p', 'p.nope' | size }}", "0"),
        ('{{ people | reject_exp: "p", "p.g == 1 and p.n != \'c\'" | map: "n" | join }}', "b c"),
        ("{% assign f = people | find_exp: 'p', 'p.g > 1' %}{{ f.n }}", "b"),
        ("{{ people | find_exp: 'p', 'p.g > 5' }}", ""),
        ("{{ people | find_index_exp: 'p', 'p.g > 1' }}", "1"),
        ('{{ people | has_exp: "p", "p.n contains \'c\'" }}', "true"),
        ("{{ people | has_exp: 'p', 'p.g > 5' }}", "false"),
        (
            "{% assign g = people | group_by_exp: 'p', 'p.g | plus: 1' %}{% for x in g %}{{x.name}}:{{x.items.size}};{% endfor %}",
            "2:2;3:1;",
        ),
        ("{{ nul | where_exp: 'p', 'p' | size }}", "0"),
        ("{{ people | sample: 9 | size }}{{ nul | sample }}{{ people | sample: 0 | size }}", "30"),
        ("{{ people | sample | size }}{{ '<a>' | split: '' | sample: 2 | size }}", "02"),
    ],
)
def test_filters_that_ask_an_expression(text, shown):
    """The expression sees the item under its name beside everything that the template sees; ``sample`` takes by chance."""
    assert render(text) == shown
    assert render(text) == render(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ people | where_exp: 'p', 'p.g ==' }}",
        "{{ people | where_exp: 'p' }}",
        "{{ people | where_exp: 1, 2 }}",
        "{{ people | where_exp: 'p', 'p.n | nope' }}",
        "{{ people | where_exp: 'p', s }}",
        "{% assign x = 'p' %}{% for i in (1..12) %}{% assign x = x | append: x %}{% endfor %}{{ people | where_exp: 'p', x }}",
    ],
)
def test_expressions_that_make_no_sense_are_told_with_their_place(text):
    """An expression in a text is read when the filter runs."""
    with pytest.raises(HogRuntimeError) as caught:
        render(text)
    assert caught.value.line == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{% assign x = 1 %}{{ x }}", "1"),
        ("{% capture x %}a{{ n }}{% endcapture %}{{ x }}", "a1"),
        ("{% case n %}{% when 1, 2 %}one{% else %}other{% endcase %}", "one"),
        ("a{% comment %} {{ x }} {% endcomment %}b", "ab"),
        ("a{% # a comment in a line %}b", "ab"),
        ("{% cycle 'a', 'b' %}{% cycle 'a', 'b' %}{% cycle 'a', 'b' %}", "aba"),
        ("{% increment i %}{% increment i %}{% decrement j %}", "01-1"),
        ("{% echo n | plus: 1 %}", "2"),
        ("{% for x in arr limit: 2 offset: 1 %}{{ forloop.index }}{{ x }}{% endfor %}", "1&lt;b&gt;2"),
        (
            "{% for x in (1..5) reversed %}{% if x == 2 %}{% break %}{% elsif x == 4 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
            "53",
        ),
        ("{% for x in nul %}{{ x }}{% else %}none{% endfor %}", "none"),
        ("{% if t and n > 0 or e == '' %}yes{% endif %}{% unless t %}no{% else %}t{% endunless %}", "yest"),
        ("{% liquid assign x = 2\n echo x %}", "2"),
        ("{% raw %}{{ n }}{% endraw %}", "{{ n }}"),
        (
            "{% tablerow x in (1..2) cols: 2 %}{{ x }}{% endtablerow %}",
            '<tr class="row1"><td class="col1">1</td><td class="col2">2</td></tr>',
        ),
        ("a {%- if t -%} b {%- endif -%} c", "abc"),
    ],
)
def test_every_tag_of_liquidjs_is_there(text, shown):
    """But those that read files."""
    assert render(text).replace("\n", "") == shown

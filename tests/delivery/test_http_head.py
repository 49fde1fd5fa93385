"""Request heads: nothing a program or an event says becomes a line of its own."""

from hypothesis import given
from hypothesis import strategies as st

from hedgerow.delivery.http_head import BadRequest, build_head
from hedgerow.delivery.target import InvalidTarget, parse_target
from hedgerow.delivery.transport import Request

TEXT = st.text(max_size=20) | st.sampled_from(
    ["Host", "content-length", "X-A", "a\r\nb", "a\nb", "\x00", "é", "✓"]
)


@given(
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]) | TEXT,
    TEXT,
    st.dictionaries(TEXT, TEXT, max_size=4),
    st.none() | st.binary(max_size=10),
)
def test_a_head_has_exactly_the_lines_it_should(method, path, headers, body):
    """A request line, a line per header that was taken, and one empty line at the end: or the request is refused."""
    request = Request(method, f"https://example.com/{path}", headers, body)
    try:
        target = parse_target(request.url)
        head = build_head(request, target)
    except (BadRequest, InvalidTarget):
        return
    first, *lines, empty, end = head.split(b"\r\n")
    assert (empty, end) == (b"", b"")
    assert first == f"{method} {target.path} HTTP/1.1".encode()
    assert b"\n" not in head.replace(b"\r\n", b"")
    names = [line.partition(b":")[0].decode().lower() for line in lines]
    assert set(names) <= {name.lower() for name in headers} | {"host", "user-agent", "content-length"}
    assert names.count("content-length") == (
        body is not None or method not in {"GET", "HEAD", "DELETE", "OPTIONS"}
    )
    assert "host" in names
    assert "user-agent" in names

"""The guard's judgement of URLs and addresses."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedgerow.delivery.egress import EgressPolicy, EgressRefused, InvalidTarget, unwrap
from hedgerow.delivery.target import parse_target
from support.ssrf import DENIED_ADDRESSES, FORMS

OPEN = EgressPolicy()


@pytest.mark.parametrize("url", FORMS)
def test_no_way_of_writing_an_inner_address_passes(url):
    """Every form is refused when the URL is read, whatever the port."""
    with pytest.raises((EgressRefused, InvalidTarget)) as refused:
        OPEN.check_url(url.replace("{port}", "8080"))
    assert refused.value.retriable is False


def test_the_table_of_forms_is_long_enough():
    """The promise is 60 forms at least, and no form twice."""
    assert len(set(FORMS)) == len(FORMS) >= 60


@pytest.mark.parametrize("address", DENIED_ADDRESSES)
def test_inner_addresses_are_refused(address):
    """An address that is no destination on the internet is refused with the way to allow it."""
    with pytest.raises(EgressRefused, match="HEDGEROW_EGRESS_ALLOW"):
        OPEN.check_address(address)
    assert not OPEN.allows(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.1",
        "192.0.1.1",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.1",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001:81b::200e",
        "64:ff9b::808:808",
        "::ffff:8.8.8.8",
    ],
)
def test_addresses_of_the_internet_pass(address):
    """The neighbours of refused networks, and public addresses in translated form, can be reached."""
    OPEN.check_address(address)


@pytest.mark.parametrize(
    ("wrapped", "inner"),
    [
        ("::ffff:10.1.2.3", ["10.1.2.3"]),
        ("::10.1.2.3", ["10.1.2.3"]),
        ("::ffff:0:10.1.2.3", ["10.1.2.3"]),
        ("64:ff9b::10.1.2.3", ["10.1.2.3"]),
        ("2002:a01:203::1", ["10.1.2.3"]),
        ("2001:0:a01:203::f5fe:fdfc", ["10.1.2.3", "10.1.2.3"]),
        ("2600::5efe:10.1.2.3", ["2600::5efe:a01:203", "10.1.2.3"]),
        ("::1", ["::1"]),
        ("::", ["::"]),
        ("2600::1", ["2600::1"]),
        ("10.1.2.3", ["10.1.2.3"]),
    ],
)
def test_wrapped_addresses_are_judged_by_what_they_carry(wrapped, inner):
    """Each form that carries IPv4 gives up what it carries."""
    assert [str(part) for part in unwrap(ip_address(wrapped))] == inner


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{p}/", "http://2130706433:{p}/", "http://[::ffff:127.1.2.3]:{p}/"]
)
def test_an_allowed_network_is_reached_in_every_form(url):
    """The allow list is compared with the address inside, so that one entry covers all its forms."""
    policy = EgressPolicy(["127.0.0.0/8"])
    assert policy.check_url(url.replace("{p}", "8080")).port == 8080


def test_allowing_a_network_allows_nothing_beside_it():
    """The neighbours of an allowed network stay refused."""
    policy = EgressPolicy(["10.1.0.0/16", "fd00:1::/32"])
    policy.check_address("10.1.255.255")
    policy.check_address("fd00:1::5")
    for other in ("10.2.0.0", "10.0.255.255", "fd00:2::5", "127.0.0.1", "::ffff:10.2.0.1"):
        assert not policy.allows(other)


def test_a_teredo_address_is_refused_for_either_of_its_parts():
    """The relay's address and the client's are both reached by such a packet."""
    public_server_private_client = "2001:0:808:808::f5fe:fdfc"
    private_server_public_client = "2001:0:a01:203::f7f7:f7f7"
    assert not OPEN.allows(public_server_private_client)
    assert not OPEN.allows(private_server_public_client)


@pytest.mark.parametrize(
    ("entry", "network"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        (" 10.1.2.3 ", "10.1.2.3/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("fd00::/8", "fd00::/8"),
        (ip_network("10.0.0.0/8"), "10.0.0.0/8"),
    ],
)
def test_the_allow_list_takes_networks_and_single_addresses(entry, network):
    """Entries come as text or as networks, and in mapped form."""
    policy = EgressPolicy([entry])
    assert policy.allows(ip_network(network)[0])
    assert policy.allows(ip_network(network)[-1])


@pytest.mark.parametrize("entry", ["10.0.0.5/8", "example.com", "10.0.0.0/33", ""])
def test_a_wrong_entry_of_the_allow_list_is_named(entry):
    """A mistake in the setting stops the start with its name, instead of allowing something else."""
    with pytest.raises(ValueError, match="HEDGEROW_EGRESS_ALLOW"):
        EgressPolicy([entry])


def test_the_refusal_says_which_address_and_how_to_allow_it():
    """A person reads it in the log of the destination: name, address and remedy."""
    with pytest.raises(EgressRefused) as refused:
        OPEN.check_address("64:ff9b::7f00:1", host="hooks.example.com")
    assert str(refused.value) == (
        "hooks.example.com resolves to 64:ff9b::7f00:1, which leads to 127.0.0.1, a loopback address. Deliveries may not "
        "reach it; to allow it, add 127.0.0.1 or its network to HEDGEROW_EGRESS_ALLOW."
    )
    assert (refused.value.kind, refused.value.retriable) == ("egress", False)


def test_ports_of_other_protocols_are_refused():
    """An HTTP request sent to a mail server is a mail."""
    with pytest.raises(EgressRefused, match="Port 25 "):
        OPEN.check_url("http://example.com:25/")


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://EXAMPLE.com:443/", "https://example.com/"),
        ("http://example.com:80", "http://example.com/"),
        ("http://example.com:8080/a?b=c#d", "http://example.com:8080/a?b=c"),
        ("  https://example.com/a\n", "https://example.com/a"),
        ("https://example.com./", "https://example.com/"),
        ("https://Bücher.example/ü?q=ü x", "https://xn--bcher-kva.example/%C3%BC?q=%C3%BC%20x"),
        ("https://ｅxample。com/", "https://example.com/"),
        ("https://ex%61mple.com/", "https://example.com/"),
        ("https://my_host.example/", "https://my_host.example/"),
        ("https://example.com/a/./b/../c/%2E%2e/d", "https://example.com/a/d"),
        ("https://example.com/a/..", "https://example.com/"),
        ("https://example.com/a/.", "https://example.com/a/"),
        ("https://example.com/../../a", "https://example.com/a"),
        ("https://example.com\\a\\b?c\\d", "https://example.com/a/b?c\\d"),
        ("https://example.com/%7Euser/a%2Fb/{x}", "https://example.com/%7Euser/a%2Fb/%7Bx%7D"),
        ("https://example.com?q", "https://example.com/?q"),
        ("https://example.com/?", "https://example.com/?"),
        ("http://0x8.8.010.8/", "http://8.8.8.8/"),
        ("https://[2606:4700:4700:0:0:0:0:1111]:8443/", "https://[2606:4700:4700::1111]:8443/"),
        ("http://good.example\\@127.0.0.1/", "http://good.example/@127.0.0.1/"),
        ("https://example.com:00443/", "https://example.com/"),
    ],
)
def test_a_url_has_one_canonical_form(url, canonical):
    """What is sent is made from the parts that were judged."""
    assert OPEN.check_url(url).url == canonical


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "must start with https://"),
        ("example.com/x", "must start with https://"),
        ("localhost:8000", "must start with https://"),
        ("//example.com/", "must start with https://"),
        ("ftp://example.com/", "scheme 'ftp'"),
        ("file:///etc/passwd", "scheme 'file'"),
        ("gopher://example.com/", "scheme 'gopher'"),
        ("http:/example.com", "must start with http://"),
        ("http:example.com", "must start with http://"),
        ("http:///example.com", "no host"),
        ("http://", "no host"),
        ("http://./", "no host"),
        ("http://:80/", "no host"),
        ("http://user@example.com/", "Authorization header"),
        ("http://user:secret@example.com/", "Authorization header"),
        ("http://example.com:0/", "not a port"),
        ("http://example.com:65536/", "not a port"),
        ("http://example.com:99999999999999999999/", "not a port"),
        ("http://example.com:80:80/", "not a host and a port"),
        ("http://example.com:8a/", "not a host and a port"),
        ("http://[::1/", "not a host and a port"),
        ("http://[::g]/", "not an IPv6 address"),
        ("http://[1.2.3.4]/", "not an IPv6 address"),
        ("http://[fe80::1%25eth0]/", "network interface"),
        ("http://exa mple.com/", "not a host name"),
        ("http://a..b/", "not a host name"),
        ("http://example.com../", "not a host name"),
        ("http://example.com%2f.evil/", "not a host name"),
        ("http://example.com%00.evil/", "not a host name"),
        ("http://%zz/", "not a host name"),
        ("http://%ff/", "not a host name"),
        ("http://\ud800/", "not a host name"),
        ("http://" + "a" * 64 + ".com/", "not a host name"),
        ("http://1.2.3.4.5/", "none"),
        ("http://1.2.3.256/", "none"),
        ("http://4294967296/", "none"),
        ("http://09.1.1.1/", "none"),
        ("http://example.0x7f/", "none"),
        ("http://exam\nple.com/", "line break"),
        ("http://example.com/a\r\nHost: b", "line break"),
        ("http://example.com/\t", None),
        ("http://example.com/a\tb", "line break"),
        ("http://example.com/" + "a" * 20_000, "longer than"),
    ],
)
def test_what_is_no_url_is_refused_with_a_reason(url, message):
    """The author of the URL learns what is wrong with it; trying again is no use."""
    if message is None:
        assert OPEN.check_url(url)
        return
    with pytest.raises(InvalidTarget, match=message) as refused:
        OPEN.check_url(url)
    assert (refused.value.kind, refused.value.retriable) == ("invalid_url", False)


def test_a_secret_in_a_url_is_not_repeated_in_the_message():
    """Messages land in logs: credentials of a refused URL do not."""
    with pytest.raises(InvalidTarget) as refused:
        OPEN.check_url("https://user:hunter2@example.com/")
    assert "hunter2" not in str(refused.value)


@given(st.text(max_size=60))
def test_reading_any_text_gives_a_canonical_url_or_a_refusal(text):
    """No text raises anything else, and the canonical form is a fixed point in plain ASCII."""
    for url in (text, f"http://{text}", f"https://example.com/{text}"):
        try:
            target = parse_target(url)
        except InvalidTarget:
            continue
        assert target.url.isascii()
        assert parse_target(target.url) == target


@given(st.integers(0, 2**32 - 1), st.data())
def test_every_form_of_an_ipv4_address_is_read_as_that_address(number, data):
    """Decimal, octal, hexadecimal and short forms mean what they mean to the system's resolver."""
    count = data.draw(st.integers(1, 4))
    parts = [number >> 8 * (3 - place) & 255 for place in range(count - 1)]
    parts.append(number & (256 ** (5 - count) - 1))
    written = ".".join(
        data.draw(st.sampled_from(["{}", "0{:o}", "0x{:x}", "0X{:X}"])).format(part) for part in parts
    )
    assert int(parse_target(f"http://{written}/").address) == number


@given(st.ip_addresses(v=6))
def test_wrapping_never_frees_an_address(address):
    """An IPv6 address passes only as a global one or as the wrapping of addresses that pass themselves."""
    if OPEN.allows(address):
        assert all(OPEN.allows(part) for part in unwrap(address))
        assert all(part.version == 4 or part in ip_network("2000::/3") for part in unwrap(address))

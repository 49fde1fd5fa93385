"""Coming in and going out, and everything that people have tried against it elsewhere."""

from __future__ import annotations

import asyncio
import base64
import statistics
import time
from ipaddress import ip_network

import pytest

from hedgerow.accounts import totp
from hedgerow.accounts.joining import first_owner_link
from hedgerow.accounts.passwords import Passwords, TooBusy
from hedgerow.api import create_app
from support.house import PASSWORD, Browser, House, exchange

ME = "/api/users/@me/"


@pytest.fixture
def house(api):
    return House(api)


@pytest.fixture
def ada(house):
    """A viewer, whom nobody let in yet."""
    return house.user("ada@example.com", "viewer")


def first_link(house):
    return house.state.write_now(lambda c: first_owner_link(c, now=house.now, lasts_ms=3_600_000))


# ------------------------------------------------------------------ sessions


def test_logging_in_opens_the_api(house, ada):
    """The session is a cookie that scripts cannot read; the token against forgery is one that they can."""
    browser = house.browser()
    reply = browser.log_in("  ADA@Example.com ")
    assert (reply.status, reply.json["user"]["email"]) == (200, ada.email)
    session, csrf = reply.cookies["hedgerow_session"], reply.cookies["hedgerow_csrftoken"]
    assert (session["httponly"], session["samesite"], session["path"]) == (True, "lax", "/")
    assert (csrf["httponly"], csrf["samesite"]) == ("", "strict")
    assert not session["secure"]
    assert browser.call("GET", ME).json["email"] == ada.email
    assert reply.header("cache-control") == "no-store"


def test_by_https_the_cookie_cannot_be_planted(api):
    """Secure, and with the name that browsers keep from other hosts and paths."""
    house = House(api, public_url="https://hedgerow.example.com")
    house.user("ada@example.com", "viewer")
    cookies = house.browser().log_in("ada@example.com").cookies
    assert cookies["__Host-hedgerow_session"]["secure"]
    assert "hedgerow_session" not in cookies


def test_the_store_has_no_token(house, ada):
    """Whoever reads the database cannot take a session over, nor a link, nor a key."""
    browser = house.browser()
    browser.log_in(ada.email)
    key = browser.call("POST", "/api/personal_api_keys/", {"label": "k", "scopes": ["*"]}).json["value"]
    link = invited(house)[0]
    raw = house.state.read_now(
        lambda c: repr(
            [list(c.execute(f"SELECT * FROM {t}")) for t in ("sessions", "api_keys", "one_time_links")]
        )
    )
    for secret in (browser.jar["hedgerow_session"], key, link):
        assert secret not in raw


def test_a_session_cannot_be_fixed(house, ada):
    """A token that somebody planted before the login opens nothing after it, and a login always makes a new one."""
    victim = house.browser()
    victim.jar = {"hedgerow_session": "planted", "hedgerow_csrftoken": "planted"}
    victim.log_in(ada.email)
    assert victim.jar["hedgerow_session"] != "planted"
    thief = Browser(house, {"hedgerow_session": "planted"})
    assert thief.call("GET", ME).status == 401
    former = dict(victim.jar)
    victim.log_in(ada.email)
    assert victim.jar["hedgerow_session"] != former["hedgerow_session"]
    assert Browser(house, former).call("GET", ME).status == 401


def test_a_session_ends(house, ada):
    """By logging out, by time, and when the account is switched off."""
    browser = house.browser(ada.email)
    copy = Browser(house, dict(browser.jar))
    assert browser.call("POST", "/api/logout/").status == 200
    assert (browser.jar, copy.call("GET", ME).status) == ({}, 401)
    house.browser().log_in(ada.email)
    later = house.browser()
    later.log_in(ada.email)
    house.pass_time(14 * 86_400)
    assert later.call("GET", ME).status == 401
    again = house.browser(ada.email)
    house.state.write_now(lambda c: c.execute("UPDATE users SET is_active = 0"))
    assert again.call("GET", ME).status == 401
    assert again.log_in(ada.email).json["code"] == "invalid_credentials"


def test_sessions_are_listed_and_revoked(house, ada):
    """One sees where one is logged in, and ends one of them or all others; never somebody else's."""
    here, there, phone = (house.browser(ada.email, address=f"10.0.0.{n}") for n in (1, 2, 3))
    house.user("eve@example.com", "viewer")
    eve = house.browser("eve@example.com")
    listed = here.call("GET", f"{ME}sessions/").json["results"]
    assert {one["ip"] for one in listed} == {"10.0.0.1", "10.0.0.2", "10.0.0.3"}
    assert [one["ip"] for one in listed if one["is_current"]] == ["10.0.0.1"]
    phone_id = next(one["id"] for one in listed if one["ip"] == "10.0.0.3")
    assert eve.call("DELETE", f"{ME}sessions/{phone_id}/").status == 404
    assert here.call("DELETE", f"{ME}sessions/{phone_id}/").status == 200
    assert [one.call("GET", ME).status for one in (here, there, phone)] == [200, 200, 401]
    assert here.call("DELETE", f"{ME}sessions/").json == {"ended": 1}
    assert [one.call("GET", ME).status for one in (here, there, eve)] == [200, 401, 200]


# ------------------------------------------------------------------- forgery


def test_another_site_cannot_change_anything(house, ada):
    """Without the token, with a wrong one, or with the origin of another site: 403, and nothing was done."""
    browser = house.browser(ada.email)
    change = {"first_name": "Mallory"}
    assert browser.call("PATCH", ME, change, forge=True).status == 403
    assert browser.call("PATCH", ME, change, forge=True, x_csrftoken="guess").status == 403
    stranger = house.browser(ada.email).jar["hedgerow_csrftoken"]
    assert browser.call("PATCH", ME, change, x_csrftoken=stranger).status == 403
    for origin in (
        "https://evil.example",
        "null",
        "http://testserver.evil.example",
        "http://evil.example/testserver",
    ):
        assert browser.call("PATCH", ME, change, origin=origin).status == 403, origin
    assert browser.call("PATCH", ME, change, referer="https://evil.example/page").status == 403
    assert browser.call("PATCH", ME, change, sec_fetch_site="cross-site").status == 403
    assert browser.call("GET", ME).json["first_name"] == "ada"
    for headers in ({}, {"origin": "http://testserver"}, {"origin": house.services.settings.base_url}):
        assert browser.call("PATCH", ME, change, **headers).status == 200


def test_a_login_cannot_be_forged_either(house, ada):
    """Nobody is logged in as somebody else by a form on another site."""
    reply = house.browser().call(
        "POST", "/api/login/", {"email": ada.email, "password": PASSWORD}, origin="https://evil.example"
    )
    assert (reply.status, reply.header("set-cookie")) == (403, None)


def test_keys_need_no_token_against_forgery(house, ada):
    """A browser never sends a key by itself; a key beside a cookie is what counts."""
    key = house.key(ada.email, "user:write")
    assert house.with_key(key, "PATCH", ME, {"first_name": "Ada"}).status == 200
    browser = house.browser(ada.email)
    assert (
        browser.call("PATCH", ME, {"first_name": "A"}, forge=True, authorization=f"Bearer {key}").status
        == 200
    )
    assert browser.call("GET", ME, authorization="Bearer phx_wrong").status == 401


# ------------------------------------------------------------------- guessing


def test_answers_to_wrong_logins_are_alike(house, ada):
    """Unknown address, wrong password, switched off: the same status, body and headers."""
    house.user("off@example.com")
    house.state.write_now(
        lambda c: c.execute("UPDATE users SET is_active = 0 WHERE email = 'off@example.com'")
    )
    tries = [
        (ada.email, "wrong password"),
        ("nobody@example.com", PASSWORD),
        ("off@example.com", PASSWORD),
        ("x", ""),
    ]
    replies = [house.browser().log_in(*one) for one in tries]
    assert {reply.status for reply in replies} == {400}
    assert len({reply.body for reply in replies}) == 1
    assert len({tuple(reply.headers) for reply in replies}) == 1


def test_answers_to_wrong_logins_take_the_same_work(house, ada, monkeypatch):
    """A hash is compared whether there is such an account or not, with the same parameters."""
    compared = []
    whole = Passwords._same

    def spy(self, stored, password):
        compared.append(stored.rpartition("$")[0].rpartition("$")[0])
        return whole(self, stored, password)

    monkeypatch.setattr(Passwords, "_same", spy)
    for email in (ada.email, "nobody@example.com"):
        house.browser().log_in(email, "wrong password")
    assert len(compared) == 2
    assert len(set(compared)) == 1


def test_answers_to_wrong_logins_take_the_same_time():
    """Measured with real parameters: no hash at all would be a thousand times faster."""
    passwords = Passwords(passes=1, memory_kib=16 * 1024, lanes=1)

    async def measure():
        stored = await passwords.hash(PASSWORD)
        times = {True: [], False: []}
        for _ in range(9):
            for known in (True, False):
                begun = time.perf_counter()
                assert not await passwords.verify(stored if known else None, "wrong password")
                times[known].append(time.perf_counter() - begun)
        return statistics.median(times[True]), statistics.median(times[False])

    known, unknown = asyncio.run(measure())
    assert 0.1 < known / unknown < 10


def test_guessing_is_stopped_per_account(house, ada):
    """Ten tries, from wherever; then 429 with the time to wait, for the right password too, and as long as it says."""
    for n in range(10):
        assert house.browser(address=f"10.0.0.{n}").log_in(ada.email, f"guess {n}").status == 400
    reply = house.browser(address="10.9.9.9").log_in(ada.email)
    assert (reply.status, reply.json["code"], reply.json["type"]) == (429, "throttled", "throttled_error")
    wait = int(reply.header("retry-after"))
    assert 0 < wait <= 900
    assert str(wait) in reply.json["detail"]
    house.pass_time(wait - 1)
    assert house.browser().log_in(ada.email).status == 429
    house.pass_time(1)
    assert house.browser().log_in(ada.email).status == 200


def test_an_unknown_account_is_throttled_just_the_same(house):
    """Otherwise the limit would tell which accounts there are."""
    statuses = [house.browser().log_in("nobody@example.com", "guess 123").status for _ in range(11)]
    assert statuses == [400] * 10 + [429]


def test_guessing_is_stopped_per_address(api):
    """One address cannot try one password on all accounts; another address still gets in."""
    house = House(api, login_address_tries=6)
    ada = house.user("ada@example.com", "viewer")
    for n in range(6):
        house.browser(address="10.0.0.1").log_in(f"user{n}@example.com", "guess 123")
    assert house.browser(address="10.0.0.1").log_in(ada.email).status == 429
    assert house.browser(address="10.0.0.2").log_in(ada.email).status == 200


def test_an_ipv6_network_is_one_address(api):
    """Whoever has one has 2^64."""
    house = House(api, login_address_tries=6)
    ada = house.user("ada@example.com", "viewer")
    for n in range(6):
        house.browser(address=f"2001:db8::{n:x}").log_in(f"user{n}@example.com", "guess 123")
    assert house.browser(address="2001:db8::ffff:1").log_in(ada.email).status == 429
    assert house.browser(address="2001:db8:0:1::1").log_in(ada.email).status == 200


def test_only_a_trusted_proxy_says_who_asks(api):
    """An address that somebody made up is no way around the limit; one from our proxy is believed."""
    house = House(api, login_address_tries=3)
    ada = house.user("ada@example.com", "viewer")
    for n in range(3):
        house.browser().call(
            "POST", "/api/login/", {"email": f"u{n}@example.com"}, x_forwarded_for=f"198.51.100.{n}"
        )
    made_up = {"email": ada.email, "password": PASSWORD}
    assert house.browser().call("POST", "/api/login/", made_up, x_forwarded_for="198.51.100.9").status == 429
    behind = House(api, login_address_tries=3, trusted_proxies=(ip_network("127.0.0.1/32"),), keep=house)
    assert behind.browser().call("POST", "/api/login/", made_up, x_forwarded_for="198.51.100.9").status == 200
    (session,) = behind.browser(ada.email).call("GET", f"{ME}sessions/").json["results"][1:]
    assert session["ip"] == "198.51.100.9"


def test_many_at_once_are_no_way_around(house, ada):
    """A try counts before it is made: a burst gets no more tries than a queue."""

    async def burst():
        body = {"email": ada.email, "password": "guess 123"}
        calls = [exchange(house.app, "POST", "/api/login", body) for _ in range(25)]
        return [reply.status for reply in await asyncio.gather(*calls)]

    assert sorted(asyncio.run(burst())) == [400] * 10 + [429] * 15


def test_the_limit_holds_in_another_process(house, ada):
    """It stands in the store: another application over the same file knows it."""
    for _ in range(10):
        house.browser().log_in(ada.email, "guess 123")
    house.app = create_app(house.services)
    assert house.browser().log_in(ada.email).status == 429


def test_a_flood_of_logins_is_sent_away():
    """Beyond the line nobody waits: hashes take memory."""
    passwords = Passwords(passes=1, memory_kib=8, lanes=1, at_once=1, line=3)

    async def flood():
        tries = [passwords.verify(None, "x") for _ in range(10)]
        return await asyncio.gather(*tries, return_exceptions=True)

    answers = asyncio.run(flood())
    assert sum(isinstance(one, TooBusy) for one in answers) == 6


def test_an_old_hash_is_made_anew(house, ada):
    """With the next login the password is hashed as new ones are."""
    weak = asyncio.run(Passwords(passes=1, memory_kib=16, lanes=1).hash(PASSWORD))
    house.state.write_now(lambda c: c.execute("UPDATE users SET password = ?", (weak,)))
    assert house.browser().log_in(ada.email).status == 200
    assert house.state.read_now(lambda c: c.execute("SELECT password FROM users").get) != weak


# -------------------------------------------------------------- second factor


def enrolled(house, browser):
    """Switch the second factor on; returns its secret and the recovery codes."""
    started = browser.call("POST", f"{ME}two_factor_start_setup/", {"current_password": PASSWORD}).json
    secret = base64.b32decode(started["secret"])
    assert started["otpauth_url"].startswith("otpauth://totp/Hedgerow:")
    done = browser.call("POST", f"{ME}two_factor_validate/", {"token": code(house, secret)})
    assert done.status == 200, done.body
    return secret, done.json["recovery_codes"]


def code(house, secret, steps=0):
    return totp.code_at(secret, house.now // 1000 // 30 + steps).decode()


def test_the_second_factor_is_asked_for(house, ada):
    """The right password alone opens nothing; with a code of now it does."""
    browser = house.browser(ada.email)
    other = house.browser(ada.email)
    secret, codes = enrolled(house, browser)
    assert len(set(codes)) == 10
    assert [one.call("GET", ME).status for one in (browser, other)] == [200, 401]
    reply = house.browser().log_in(ada.email)
    assert (reply.status, reply.json["code"], reply.header("set-cookie")) == (401, "2fa_required", None)
    assert house.browser().log_in(ada.email, token="000000").json["code"] == "2fa_invalid"
    house.pass_time(30)
    assert house.browser().log_in(ada.email, token=code(house, secret)).status == 200
    assert (
        house.browser().log_in(ada.email, "wrong password", token=code(house, secret)).json["code"]
        == "invalid_credentials"
    )


def test_a_code_is_good_once(house, ada):
    """Neither the same code nor an older one is taken again, not even the one that switched the factor on."""
    secret, _ = enrolled(house, house.browser(ada.email))
    assert house.browser().log_in(ada.email, token=code(house, secret)).status == 400
    house.pass_time(60)
    fresh = code(house, secret)
    assert house.browser().log_in(ada.email, token=fresh).status == 200
    assert house.browser().log_in(ada.email, token=fresh).json["code"] == "2fa_invalid"
    assert house.browser().log_in(ada.email, token=code(house, secret, -1)).json["code"] == "2fa_invalid"
    assert house.browser().log_in(ada.email, token=code(house, secret, 1)).status == 200


def test_two_with_the_same_code_at_once(house, ada):
    """One of them comes in."""
    secret, _ = enrolled(house, house.browser(ada.email))
    house.pass_time(60)
    body = {"email": ada.email, "password": PASSWORD, "token": code(house, secret)}

    async def race():
        replies = await asyncio.gather(*(exchange(house.app, "POST", "/api/login", body) for _ in range(5)))
        return sorted(reply.status for reply in replies)

    assert asyncio.run(race()) == [200, 400, 400, 400, 400]


def test_codes_cannot_be_guessed(house, ada):
    """Tries with wrong codes count like those with wrong passwords."""
    enrolled(house, house.browser(ada.email))
    statuses = [house.browser().log_in(ada.email, token="000000").status for _ in range(11)]
    assert statuses == [400] * 10 + [429]


def test_a_recovery_code_is_good_once(house, ada):
    """However it is typed; the others stay good."""
    browser = house.browser(ada.email)
    _, codes = enrolled(house, browser)
    typed = codes[0].upper().replace("-", " ")
    assert house.browser().log_in(ada.email, token=typed).status == 200
    assert house.browser().log_in(ada.email, token=codes[0]).json["code"] == "2fa_invalid"
    assert browser.call("GET", f"{ME}two_factor_status/").json == {
        "is_enabled": True,
        "recovery_codes_left": 9,
    }
    renewed = browser.call("POST", f"{ME}two_factor_backup_codes/", {"current_password": PASSWORD}).json
    assert house.browser().log_in(ada.email, token=codes[1]).status == 400
    assert house.browser().log_in(ada.email, token=renewed["recovery_codes"][0]).status == 200


def test_the_second_factor_needs_the_password_to_change(house, ada):
    """An open session alone can neither switch it off nor replace it; the secret is sealed in the store."""
    browser = house.browser(ada.email)
    secret, _ = enrolled(house, browser)
    assert browser.call("POST", f"{ME}two_factor_disable/", {"current_password": "guess 123"}).status == 400
    assert browser.call("POST", f"{ME}two_factor_start_setup/", {"current_password": PASSWORD}).status == 400
    assert secret not in house.state.read_now(lambda c: c.execute("SELECT totp FROM users").get)
    assert browser.call("POST", f"{ME}two_factor_disable/", {"current_password": PASSWORD}).status == 200
    assert house.browser().log_in(ada.email).status == 200


def test_an_unconfirmed_factor_locks_nobody_out(house, ada):
    """Until a code of it was shown, the password alone is enough."""
    house.browser(ada.email).call("POST", f"{ME}two_factor_start_setup/", {"current_password": PASSWORD})
    assert house.browser().log_in(ada.email).status == 200


# --------------------------------------------------------------- one-time links


def test_the_first_owner_comes_by_a_link(house):
    """It works once, and no more as soon as anybody has an account."""
    token = first_link(house)
    fields = {"token": token, "email": "Root@Example.com", "first_name": "Root", "password": PASSWORD}
    browser = house.browser()
    assert browser.call("POST", "/api/links/preview/", {"token": token}).json["kind"] == "first_owner"
    assert (
        browser.call("POST", "/api/links/join/", {**fields, "password": "short"}).json["attr"] == "password"
    )
    assert browser.call("POST", "/api/links/join/", {**fields, "email": "none"}).json["attr"] == "email"
    joined = browser.call("POST", "/api/links/join/", fields)
    assert (joined.status, joined.json["user"]["is_owner"]) == (201, True)
    assert browser.call("GET", "/api/users/").status == 200
    assert house.browser().call("POST", "/api/links/join/", fields).json["code"] == "invalid_token"
    assert first_link(house) is None


def test_a_later_first_owner_link_voids_the_former(house):
    """Each start prints one; only the last is good."""
    former, last = first_link(house), first_link(house)
    preview = [
        house.browser().call("POST", "/api/links/preview/", {"token": t}).status for t in (former, last)
    ]
    assert preview == [400, 200]


def invited(house, email="grace@example.com", role="editor", **more):
    owner = house.key(None, "*")
    reply = house.with_key(
        owner, "POST", "/api/projects/1/invites/", {"target_email": email, "role": role, **more}
    )
    assert reply.status == 201, reply.body
    return reply.json["link"].partition("#")[2], reply.json


def test_an_invitation_is_good_once(house):
    """Whoever opens it second is late, also at the same moment; the account has the role it says and no more."""
    token, made = invited(house)
    assert made["link"] == f"{house.services.settings.base_url}/join#{token}"
    fields = {"token": token, "first_name": "Grace", "password": PASSWORD, "email": "mallory@example.com"}

    async def race():
        calls = [exchange(house.app, "POST", "/api/links/join", fields) for _ in range(4)]
        return sorted(reply.status for reply in await asyncio.gather(*calls))

    assert asyncio.run(race()) == [201, 400, 400, 400]
    browser = house.browser("grace@example.com")
    me = browser.call("GET", ME).json
    assert [(one["id"], one["role"]) for one in me["projects"]] == [(1, "editor")]
    assert not me["is_owner"]
    assert house.browser().call("POST", "/api/links/preview/", {"token": token}).status == 400


@pytest.mark.parametrize("how", ["expired", "withdrawn", "replaced", "guessed"])
def test_a_dead_invitation_opens_nothing(house, how):
    """Whatever it died of, the answer is the same."""
    token, made = invited(house)
    if how == "expired":
        house.pass_time(72 * 3600)
    elif how == "withdrawn":
        house.with_key(house.key(None, "*"), "DELETE", f"/api/projects/1/invites/{made['id']}/")
    elif how == "replaced":
        invited(house)
    else:
        token = token[:-1] + ("A" if token[-1] != "A" else "B")
    reply = house.browser().call("POST", "/api/links/join/", {"token": token, "password": PASSWORD})
    assert (reply.status, reply.json["code"]) == (400, "invalid_token")


def test_an_invitation_does_not_take_over_an_account(house):
    """For an address with an account, the link counts only for whoever is logged in to it."""
    house.user("grace@example.com", "viewer", project=house.other.id)
    house.user("eve@example.com", "viewer")
    token, _ = invited(house)
    body = {"token": token, "password": "another password"}
    assert house.browser().call("POST", "/api/links/join/", body).json["attr"] == "email"
    assert house.browser("eve@example.com").call("POST", "/api/links/join/", {"token": token}).status == 400
    grace = house.browser("grace@example.com")
    assert grace.call("POST", "/api/links/join/", {"token": token}, forge=True).status == 400
    assert grace.call("POST", "/api/links/join/", {"token": token}).status == 201
    assert {one["id"]: one["role"] for one in grace.call("GET", ME).json["projects"]} == {
        1: "editor",
        2: "viewer",
    }


def test_an_invitation_never_takes_a_role_away(house):
    """Whoever is more already stays it."""
    house.user("grace@example.com", "owner")
    token, _ = invited(house, role="viewer")
    grace = house.browser("grace@example.com")
    assert grace.call("POST", "/api/links/join/", {"token": token}).status == 201
    assert [one["role"] for one in grace.call("GET", ME).json["projects"]] == ["owner"]


def test_only_owners_of_the_instance_make_owners_of_it(house):
    """An owner of a project cannot invite anybody above themselves."""
    house.user("olga@example.com", "owner")
    olga = house.browser("olga@example.com")
    body = {"target_email": "x@example.com", "role": "owner", "is_owner": True}
    assert olga.call("POST", "/api/projects/1/invites/", body).status == 403
    token, _ = invited(house, is_owner=True)
    made = house.browser().call("POST", "/api/links/join/", {"token": token, "password": PASSWORD})
    assert made.json["user"]["is_owner"] is True


def test_a_forgotten_password_is_replaced_by_a_link(house, ada):
    """Once. All sessions end, the second factor stays, and the account is no longer throttled."""
    secret, _ = enrolled(house, house.browser(ada.email))
    session = house.browser(ada.email)
    for _ in range(10):
        house.browser().log_in(ada.email, "guess 123")
    operator = house.key(None, "*")
    link = house.with_key(operator, "POST", f"/api/users/{ada.email}/reset_link/").json["link"]
    assert "/reset#" in link
    body = {"token": link.partition("#")[2], "password": "a different one"}
    assert house.browser().call("POST", "/api/links/join/", body).json["code"] == "invalid_token"
    assert house.browser().call("POST", "/api/links/reset/", {**body, "password": "aaaaaaaaaa"}).status == 400
    assert house.browser().call("POST", "/api/links/reset/", body).json == {
        "success": True,
        "email": ada.email,
    }
    assert house.browser().call("POST", "/api/links/reset/", body).json["code"] == "invalid_token"
    assert session.call("GET", ME).status == 401
    house.pass_time(60)
    assert house.browser().log_in(ada.email, "a different one").json["code"] == "2fa_required"
    assert house.browser().log_in(ada.email, "a different one", token=code(house, secret)).status == 200


def test_changing_the_password_ends_all_sessions(house, ada):
    """Who changed it stays in, with a new session."""
    here, there = house.browser(ada.email), house.browser(ada.email)
    former = Browser(house, dict(here.jar))
    wrong = here.call(
        "POST", f"{ME}password/", {"current_password": "guess 123", "password": "a different one"}
    )
    assert (wrong.status, wrong.json["attr"]) == (400, "current_password")
    body = {"current_password": PASSWORD, "password": "a different one"}
    assert here.call("POST", f"{ME}password/", body).status == 200
    assert [one.call("GET", ME).status for one in (here, there, former)] == [200, 401, 401]
    assert house.browser().log_in(ada.email, "a different one").status == 200


@pytest.mark.parametrize(
    "password", ["", "short", "aaaaaaaaaaaa", "ada@example.com", None, 12345678901, "x" * 257]
)
def test_weak_passwords_are_refused(house, ada, password):
    """Too short, too long, too monotonous, or one's own address."""
    reply = house.browser(ada.email).call(
        "POST", f"{ME}password/", {"current_password": PASSWORD, "password": password}
    )
    assert (reply.status, reply.json["attr"]) == (400, "password")


def test_a_password_is_the_same_however_it_is_composed(house, ada):
    """Keyboards differ in how they write an accent."""
    body = {"current_password": PASSWORD, "password": "caf\u00e9 au lait"}
    house.browser(ada.email).call("POST", f"{ME}password/", body)
    assert house.browser().log_in(ada.email, "cafe\u0301 au lait").status == 200


def test_the_pages_load_nothing_from_elsewhere(house):
    """Their token stands behind the # and is not in any answer; their script is our own."""
    for path in ("/login", "/join", "/reset"):
        page = house.browser().call("GET", path)
        assert (page.status, page.header("referrer-policy"), page.header("x-frame-options")) == (
            200,
            "no-referrer",
            "DENY",
        )
        assert "default-src 'none'" in page.header("content-security-policy")
    assert house.browser().call("GET", "/entrance.js").header("content-type").startswith("text/javascript")


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"email": 1, "password": {}}', b'{"email": "\\u0000", "password": "x"}']
)
def test_malformed_logins_are_refused(house, body):
    """400, never a 500."""
    assert house.browser().call("POST", "/api/login/", body).status == 400

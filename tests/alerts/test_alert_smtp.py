"""Speaking to a real mail server."""

from __future__ import annotations

import asyncio
import socket
from email.message import EmailMessage

import pytest

from hedgerow.alerts.errors import MailError
from hedgerow.alerts.smtp import Post
from hedgerow.settings import SettingsError, load
from support.certificates import self_signed
from support.mailhouse import ACCOUNT, MailServer


def a_mail():
    """Something to send."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "hedgerow@example.com", "ops@example.com", "Grüße"
    made.set_content("Ein Alarm: 60 % schlugen fehl.\n")
    return made


def post(server, security="none", **more):
    """A way to a server."""
    return Post("localhost", server.port, security, "hedgerow@example.com", timeout_s=5, **more)


async def test_a_mail_arrives_whole():
    """Text beyond ASCII included."""
    with MailServer() as server:
        await post(server).send(a_mail(), "ops@example.com")
        (mail,) = server.mails
        assert (mail["Subject"], mail.get_content().splitlines()) == (
            "Grüße",
            ["Ein Alarm: 60 % schlugen fehl."],
        )


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_encrypted(tmp_path, monkeypatch, security):
    """With an authority that is trusted it goes over the encrypted connection, and so does the password."""
    context, pem = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    login = (
        security == "starttls"
    )  # the server cannot tell that a connection was encrypted from its first byte
    name, password = ACCOUNT if login else ("", "")
    with MailServer(context=context, wrapped=not login, login=login) as server:
        await post(server, security, username=name, password=password).send(a_mail(), "ops@example.com")
        assert len(server.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path, security):
    """Rather no mail than one to whoever stands between."""
    context, _ = self_signed(tmp_path)
    with MailServer(context=context, wrapped=security == "tls") as server:
        with pytest.raises(MailError, match="certificate verify failed") as caught:
            await post(server, security).send(a_mail(), "ops@example.com")
        assert not caught.value.final
        assert server.mails == []


async def test_a_server_without_starttls_gets_nothing():
    """Encryption that was asked for is not done without."""
    with MailServer() as server:
        with pytest.raises(MailError, match="does not offer STARTTLS"):
            await post(server, "starttls").send(a_mail(), "ops@example.com")
        assert server.mails == []


async def test_a_wrong_password_is_told_without_it(tmp_path, monkeypatch):
    """The operator reads that the login fails, and nobody reads with what. It may be mended, so it is not final."""
    context, pem = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with MailServer(context=context, login=True) as server:
        wrong = post(server, "starttls", username="alerts", password="a-wrong-one")
        assert "a-wrong-one" not in repr(wrong)
        with pytest.raises(MailError, match="does not take the user name and password: 535") as caught:
            await wrong.send(a_mail(), "ops@example.com")
        assert "a-wrong-one" not in str(caught.value)
        assert not caught.value.final


@pytest.mark.parametrize(("answer", "final"), [("450 later", False), ("550 no such user", True)])
async def test_a_refused_recipient(answer, final):
    """Refused for good is final, refused for now is not."""
    with MailServer() as server:
        server.refuse = [answer]
        with pytest.raises(MailError, match=answer) as caught:
            await post(server).send(a_mail(), "ops@example.com")
        assert caught.value.final is final


async def test_a_server_that_is_silent_is_left():
    """Who accepts and says nothing holds nobody up for longer than the patience for an answer."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent_post = Post("127.0.0.1", silent.getsockname()[1], "none", "a@example.com", timeout_s=0.2)
        with pytest.raises(MailError, match=r"did not answer within 0\.2 seconds"):
            await silent_post.send(a_mail(), "ops@example.com")


async def test_nobody_listens():
    """The error says where nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(MailError, match=f"127.0.0.1:{port} cannot be used: .*refused"):
        await Post("127.0.0.1", port, "none", "a@example.com").send(a_mail(), "ops@example.com")


async def test_giving_up_leaves_no_task_behind():
    """Whoever cancels a mail does not wait for its server."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = Post("127.0.0.1", silent.getsockname()[1], "none", "a@example.com", timeout_s=5)
        sending = asyncio.create_task(slow.send(a_mail(), "ops@example.com"))
        await asyncio.sleep(0.05)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


def test_settings_make_a_post(monkeypatch):
    """Ports follow the encryption; without a host there is no mail."""
    assert Post.of(load()) is None
    monkeypatch.setenv("HEDGEROW_SMTP_HOST", "mail.example.com")
    monkeypatch.setenv("HEDGEROW_SMTP_PASSWORD", "secret")
    made = Post.of(load())
    assert (made.host, made.port, made.security, made.sender) == (
        "mail.example.com", 587, "starttls", "hedgerow@mail.example.com",
    )  # fmt: skip
    assert made.domain == "mail.example.com"
    assert "secret" not in repr(made)
    monkeypatch.setenv("HEDGEROW_SMTP_SECURITY", "TLS")
    assert Post.of(load()).port == 465


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SMTP_SECURITY", "ssl", "one of starttls, tls, none"),
        ("SMTP_FROM", "Alerts <a@example.com>", "a plain address"),
        ("SMTP_TIMEOUT_S", "0", "greater than 0"),
    ],
)
def test_bad_settings_are_named(monkeypatch, name, value, says):
    """The error says what a setting should look like."""
    monkeypatch.setenv(f"HEDGEROW_{name}", value)
    with pytest.raises(SettingsError, match=says):
        load()


def test_no_password_without_encryption(monkeypatch):
    """A login in the clear is refused, and the refusal has no secrets in it."""
    monkeypatch.setenv("HEDGEROW_SMTP_SECURITY", "none")
    monkeypatch.setenv("HEDGEROW_SMTP_USERNAME", "alerts")
    monkeypatch.setenv("HEDGEROW_SMTP_PASSWORD", "a-secret-password")
    with pytest.raises(SettingsError, match="needs encryption") as caught:
        load()
    assert "a-secret-password" not in str(caught.value)

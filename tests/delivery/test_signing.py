"""Signatures, against the vectors that their authors publish."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hedgerow.delivery.signing import AwsKey, BadSecret, sign_aws, sign_webhook
from hedgerow.delivery.transport import Request

MOMENT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()
KEY = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
HOST = "https://example.amazonaws.com"
FORM = "application/x-www-form-urlencoded"
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/"
    "qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr"
    "7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)


def signature(request, *, service="service", token=None):
    key = AwsKey(service, "us-east-1", *KEY, token)
    return sign_aws(request, key, MOMENT).headers["Authorization"].rpartition("=")[2]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ("GET", "/?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    ],
)  # fmt: skip
def test_aws_published_suite(method, path, expected):
    """The suite that AWS publishes for its signature: paths, queries and methods."""
    assert signature(Request(method, HOST + path)) == expected


def test_aws_paths():
    """A path counts with its escapes escaped again and without empty parts, but as it stands for S3."""
    odd, even = (Request("GET", f"{HOST}/{path}") for path in ("a%3Ab//c/", "a%3Ab/c/"))
    assert signature(odd) == signature(even)
    assert signature(odd, service="s3") != signature(even, service="s3")


def test_aws_documented_example():
    """The example of the signing process in AWS's documentation, with a content type."""
    request = Request(
        "GET",
        "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        {"Content-Type": f"{FORM}; charset=utf-8"},
    )
    signed = sign_aws(request, AwsKey("iam", "us-east-1", *KEY), MOMENT)
    assert signed.headers["X-Amz-Date"] == "20150830T123600Z"
    assert signed.headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )


def test_aws_body_and_session_token():
    """A body is covered, and so is the token of a temporary key."""
    form = Request("POST", HOST + "/", {"Content-Type": FORM}, b"Param1=value1")
    assert signature(form) == "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
    temporary = signature(Request("POST", HOST + "/"), token=TOKEN)
    assert temporary == "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"


def test_aws_headers_of_the_program_give_way():
    """What is made here replaces what was given, in any case of letters; all else stays."""
    given = {"authorization": "mine", "X-AMZ-DATE": "never", "X-Other": "kept"}
    headers = sign_aws(Request("GET", HOST + "/", given), AwsKey("s3", "eu-west-1", *KEY), MOMENT).headers
    assert "authorization" not in headers
    assert "X-AMZ-DATE" not in headers
    assert headers["X-Other"] == "kept"
    assert headers["X-Amz-Content-Sha256"].startswith("e3b0c442")


def test_standard_webhooks_example():
    """The example of the specification."""
    request = Request("POST", "https://x.test/", {"Webhook-Id": "other"}, b'{"test": 2432232314}')
    signed = sign_webhook(
        request, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330.9
    )
    assert signed.headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_standard_webhooks_with_two_secrets():
    """While a secret is replaced, receivers of either can check."""
    request = Request("POST", "https://x.test/", {}, b"x")
    old, new = (sign_webhook(request, one, "m", 1).headers["webhook-signature"] for one in ("b2xk", "bmV3"))
    assert sign_webhook(request, "whsec_b2xk bmV3", "m", 1).headers["webhook-signature"] == f"{old} {new}"


@pytest.mark.parametrize("secret", ["", " ", "whsec_not base64!", "***", "abcde", "whsec_"])
def test_a_secret_that_is_none(secret):
    """It is refused without being shown."""
    with pytest.raises(BadSecret) as caught:
        sign_webhook(Request("POST", "https://x.test/"), secret, "m", 1)
    assert "***" not in str(caught.value)
